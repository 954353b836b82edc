/* SPDX-License-Identifier: ISC */
/* linkurl: the side of a link that is no mailbox: SCHEME://..., of which only the adapter knows more. */
#ifndef TOOL_LINKURL_H
#define TOOL_LINKURL_H

#include <stdbool.h>

enum { LINKURL_SCHEME_MAX = 32 };

/* linkurl_is -- whether a word is a URL; what is a path has a slash or nothing where that has its colon. */
bool linkurl_is(const char *word);

/* linkurl_scheme -- the scheme of a URL, with its NUL.  scheme: LINKURL_SCHEME_MAX bytes; it is cut where it is longer. */
void linkurl_scheme(const char *url, char *scheme);

/* linkurl_secret -- whether a URL has a password in it, or what may be one. */
bool linkurl_secret(const char *url);

/* linkurl_plain -- whether it is printable ASCII without blanks: what else a name needs is written as %XX. */
bool linkurl_plain(const char *url);

/* linkurl_keeps -- where the clients of this scheme find their credentials: a phrase. */
const char *linkurl_keeps(const char *scheme);

#endif
