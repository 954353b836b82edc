/* SPDX-License-Identifier: ISC */
/* bytes: runs of bytes that the caller does not own, and small versions of memcpy(3) and memchr(3). */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct slice {
	const char *p;          /* not NUL-terminated; NULL only where len is 0 */
	size_t len;
};

/* slice_of -- a C string without its NUL. */
static inline struct slice
slice_of(const char *s)
{
	return (struct slice){ s, strlen(s) };
}

/* slice_eq -- whether two runs hold the same bytes. */
static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* slice_is -- whether the bytes are exactly those of the C string s. */
static inline bool
slice_is(struct slice a, const char *s)
{
	size_t len = strlen(s);         /* mostly of a constant, and so is what is compared without a call */

	return a.len == len && (len == 0 || memcmp(a.p, s, len) == 0);
}

/* copy_short -- memcpy(3), without a call for up to 32 bytes. */
static inline void
copy_short(char *to, const char *from, size_t n)
{
	if (n > 32) {
		memcpy(to, from, n);
	} else if (n >= 16) {
		memcpy(to, from, 16);
		memcpy(to + n - 16, from + n - 16, 16);
	} else if (n >= 8) {
		memcpy(to, from, 8);
		memcpy(to + n - 8, from + n - 8, 8);
	} else if (n >= 4) {
		memcpy(to, from, 4);
		memcpy(to + n - 4, from + n - 4, 4);
	} else if (n > 0) {
		to[0] = from[0];
		to[n / 2] = from[n / 2];
		to[n - 1] = from[n - 1];
	}
}

/* find_byte -- memchr(3) from p to end, without a call for a byte that is near.  Returns NULL where there is none. */
static inline const char *
find_byte(const char *p, const char *end, char byte)
{
#ifdef __SSE2__
	const __m128i wanted = _mm_set1_epi8(byte);
	int hits;

	for (; end - p >= 16; p += 16) {
		/* an unaligned load: the pointer's type says nothing of the address */
		hits = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), wanted));
		if (hits != 0)
			return p + __builtin_ctz((unsigned)hits);
	}
#endif
	return end > p ? (const char *)memchr(p, byte, (size_t)(end - p)) : NULL;
}

#endif
