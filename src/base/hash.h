/* SPDX-License-Identifier: ISC */
/*
 * hash: checksums that detect torn and half-written bytes.  They are no defence against malice.
 *
 * Multiply and fold, eight bytes at a time.  Words are in the host's byte order, the last one padded with zeros.
 * hash_sum is inline: every message sent or received goes through it.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t
hash_fold(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

/* hash_last -- the last n bytes, fewer than eight, as a word.  whole: at least eight bytes end with them. */
static inline uint64_t
hash_last(const unsigned char *s, size_t n, int whole)
{
	uint64_t word = 0;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	/* memcpy(3) of a length that the compiler does not know is a call */
	if (whole) {
		memcpy(&word, s + n - sizeof word, sizeof word);
		return word >> (8 * (sizeof word - n));
	}
#endif
	(void)whole;
	memcpy(&word, s, n);
	return word;
}

/* hash_sum -- the checksum of n bytes, never 0. */
static inline uint32_t
hash_sum(const void *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	const size_t all = n;
	uint64_t word, h = n;
	uint32_t sum;

	for (; n >= sizeof word; s += sizeof word, n -= sizeof word) {
		memcpy(&word, s, sizeof word);
		h = hash_fold(h, word);
	}
	if (n > 0)
		h = hash_fold(h, hash_last(s, n, all >= sizeof word));
	sum = (uint32_t)(hash_fold(h, 0) >> 16);
	return sum ? sum : 1;
}

/* A checksum of bytes that come in pieces: it does not depend on how they are cut. */
struct hash {
	uint64_t lane[4];
	uint64_t len;
	unsigned char rest[32];         /* the last len % 32 bytes */
};

/* hash_begin, hash_add, hash_end -- begin, add the next n bytes, return the checksum so far. */
void hash_begin(struct hash *h);
void hash_add(struct hash *h, const void *p, size_t n);
uint64_t hash_end(const struct hash *h);

#endif
