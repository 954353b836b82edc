/* SPDX-License-Identifier: ISC */
/* json: what JSON (RFC 8259) asks for, and UTF-8 (RFC 3629). */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>

#include "base/outbuf.h"

/*
 * json_string -- add a string, quotes included: control characters escaped, a byte that is part of no UTF-8 character
 * as the character of that number.
 */
void json_string(struct outbuf *b, struct slice s);

/* json_base64 -- add bytes in base64 (RFC 4648), padded: what goes on has three bytes' multiples in each piece. */
void json_base64(struct outbuf *b, struct slice s);

/* json_utf8 -- how many of the n bytes at text (at least 1) are its first UTF-8 character; 0: they are none. */
size_t json_utf8(const char *text, size_t n);

/* json_plain -- json_utf8, but 0 too for a control character (C0, DEL, C1). */
size_t json_plain(const char *text, size_t n);

/* json_is_utf8 -- whether all of s is UTF-8. */
bool json_is_utf8(struct slice s);

#endif
