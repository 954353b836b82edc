/* SPDX-License-Identifier: ISC */
/* str: a run of bytes that somebody else owns. */
#ifndef STR_H
#define STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *p;          /* not NUL-terminated; NULL only where len is 0 */
	size_t len;
};

/* slice_of -- the bytes of a C string, without its NUL. */
static inline struct slice
slice_of(const char *s)
{
	return (struct slice){ s, strlen(s) };
}

/* slice_is -- whether the bytes are exactly those of the C string s. */
static inline bool
slice_is(struct slice a, const char *s)
{
	return a.len == strlen(s) && (a.len == 0 || memcmp(a.p, s, a.len) == 0);
}

/* slice_eq -- whether two runs hold the same bytes. */
static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

#endif
