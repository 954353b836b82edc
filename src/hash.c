/* SPDX-License-Identifier: ISC */
/* hash: multiply and fold, eight bytes at a time; the words are read in the host's order. */
#include "hash.h"

#include <string.h>

static uint64_t
fold(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

uint32_t
hash_sum(const void *p, size_t n)
{
	const unsigned char *s = p;
	uint64_t word, h = n;
	uint32_t sum;

	for (; n >= sizeof word; s += sizeof word, n -= sizeof word) {
		memcpy(&word, s, sizeof word);
		h = fold(h, word);
	}
	if (n > 0) {
		word = 0;
		memcpy(&word, s, n);
		h = fold(h, word);
	}
	sum = (uint32_t)(fold(h, 0) >> 16);
	return sum ? sum : 1;
}
