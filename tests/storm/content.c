/* SPDX-License-Identifier: ISC */
/* content: random numbers, and what follows from them. */
#include "storm.h"

#include <stdio.h>
#include <string.h>

static uint64_t dice;                   /* the driver's own: for when and how, never for what */

uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

void
seed_dice(uint64_t seed)
{
	dice = mix(seed);
}

unsigned
roll(unsigned below)
{
	dice = mix(dice);
	return (unsigned)(dice >> 20) % below;
}

uint64_t
key_of(unsigned sender, unsigned seq)
{
	return mix(set.seed ^ mix((uint64_t)sender << 32 | seq));
}

/* spread -- whether message g is one of n that are spread evenly over all. */
static bool
spread(unsigned g, unsigned n)
{
	unsigned every = n > 0 ? set.messages / n : 0;

	return every > 0 && g % every == every / 2;
}

uint64_t
length_of(unsigned sender, unsigned seq)
{
	static const unsigned edges[] = { 1, 4095, 4096, 4097, 65535, 65536, 65537, 131072 };
	uint64_t h = key_of(sender, seq), more = h >> 32;
	unsigned g = seq * set.senders + sender;

	if (spread(g, set.huge))
		return UINT64_C(50000000) + more % 1000;
	if (spread(g, set.medium))
		return 2000000 + more % 4000000;
	if (h % 1000 < 20)
		return 0;
	if (h % 1000 < 24)
		return more % 200000;
	if (h % 1000 < 34)
		return more % 9000;
	if (h % 1000 < 36)
		return edges[more % 8];
	return more % 1000;
}

/* tag_number -- three eighths each are a0 to a3 and b0 to b3, an eighth has none, and an eighth one of many. */
unsigned
tag_number(unsigned sender, unsigned seq)
{
	uint64_t h = mix(key_of(sender, seq) + 1);
	unsigned kind = h % 8, more = (unsigned)(h >> 8);

	if (kind < 6)
		return kind / 3 * 4 + more % 4;
	return kind == 6 ? 8 : 9 + more % (TAGS - 9);
}

const char *
tag_of(unsigned sender, unsigned seq)
{
	static char tag[32];
	unsigned n = tag_number(sender, seq);

	if (n < 8)
		snprintf(tag, sizeof tag, "%c%u", n < 4 ? 'a' : 'b', n % 4);
	else if (n == 8)
		snprintf(tag, sizeof tag, "-");
	else
		snprintf(tag, sizeof tag, "t%u", n - 9);
	return tag;
}

unsigned
delay_of(unsigned sender, unsigned seq)
{
	uint64_t h = mix(key_of(sender, seq) + 2);

	return set.delay_ms > 0 && h % 4 == 0 ? 1 + (unsigned)(h >> 8) % set.delay_ms : 0;
}

/* fill -- n bytes of the payload, from at on. */
void
fill(char *out, size_t n, uint64_t at, uint64_t key)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++, at++) {
		if (i == 0 || at % 8 == 0)
			word = mix(key + at / 8);
		if (at % 8 == 0 && n - i >= 8) {
			memcpy(out + i, &word, 8);
			i += 7;
			at += 7;
		} else {
			out[i] = (char)(word >> at % 8 * 8);
		}
	}
}
