/* SPDX-License-Identifier: ISC */
/* json: write strings of JSON (RFC 8259), judge UTF-8 (RFC 3629). */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>

#include "base/outbuf.h"

/* json_string -- add a string with its quotes; s is UTF-8.  Control characters are escaped. */
void json_string(struct outbuf *b, struct slice s);

/*
 * json_member -- add a member of an object: "name":"..."; where the value is not UTF-8, "name_base64":"...".
 * json_value -- add a value of an array: "..."; where it is not UTF-8, {"base64":"..."}.
 * So no two values look alike.
 */
void json_member(struct outbuf *b, struct slice name, struct slice value);
void json_value(struct outbuf *b, struct slice value);

/* json_base64 -- add bytes in base64 (RFC 4648), padded: every piece but the last has a multiple of three bytes. */
void json_base64(struct outbuf *b, struct slice s);

/* json_utf8 -- the length of the UTF-8 character that the n bytes (at least 1) at text begin with; 0: it is none. */
size_t json_utf8(const char *text, size_t n);

/* json_plain -- as json_utf8, but 0 for a control character (C0, DEL, C1) too. */
size_t json_plain(const char *text, size_t n);

/* json_is_utf8 -- whether s is UTF-8. */
bool json_is_utf8(struct slice s);

#endif
