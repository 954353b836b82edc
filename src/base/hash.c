/* SPDX-License-Identifier: ISC */
/* hash: see hash.h.  Pieces are hashed in four lanes, so that no multiplication waits for the one before it. */
#include "base/hash.h"

enum { STRIPE = 32 };

void
hash_begin(struct hash *h)
{
	*h = (struct hash){ .lane = { 1, 2, 3, 4 } };
}

static uint64_t
turn(uint64_t lane, uint64_t word)
{
	lane = (lane ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return lane << 29 | lane >> 35;
}

/* add_stripes -- add n bytes, a multiple of STRIPE. */
static void
add_stripes(struct hash *h, const unsigned char *s, size_t n)
{
	uint64_t a = h->lane[0], b = h->lane[1], c = h->lane[2], d = h->lane[3], w[4];

	for (; n > 0; s += STRIPE, n -= STRIPE) {
		memcpy(w, s, sizeof w);
		a = turn(a, w[0]);
		b = turn(b, w[1]);
		c = turn(c, w[2]);
		d = turn(d, w[3]);
	}
	h->lane[0] = a;
	h->lane[1] = b;
	h->lane[2] = c;
	h->lane[3] = d;
}

void
hash_add(struct hash *h, const void *p, size_t n)
{
	const unsigned char *s = p;
	size_t have = h->len % STRIPE, more;

	h->len += n;
	if (have > 0) {
		more = n < STRIPE - have ? n : STRIPE - have;
		memcpy(h->rest + have, s, more);
		if (have + more < STRIPE)
			return;
		add_stripes(h, h->rest, STRIPE);
		s += more;
		n -= more;
	}
	add_stripes(h, s, n - n % STRIPE);
	memcpy(h->rest, s + (n - n % STRIPE), n % STRIPE);
}

uint64_t
hash_end(const struct hash *h)
{
	uint64_t sum = h->len, word;

	for (int i = 0; i < 4; i++)
		sum = hash_fold(sum, h->lane[i]);
	for (size_t i = 0, n = h->len % STRIPE; i < n; i += sizeof word) {
		word = 0;
		memcpy(&word, h->rest + i, n - i < sizeof word ? n - i : sizeof word);
		sum = hash_fold(sum, word);
	}
	return hash_fold(sum, 0);
}
