/* SPDX-License-Identifier: ISC */
/* rates: see rates.h. */
#include "tool/rates.h"

#include <stdlib.h>
#include <string.h>

enum { DRAIN_LOOKS = 10 };               /* looks by which the time to run empty is told */

const struct rates_look *
rates_last(struct rates *p, const char *name)
{
	for (size_t i = 0; i < p->last.n; i++) {
		size_t at = (p->next + i) % p->last.n;

		if (strcmp(p->last.look[at].name, name) == 0) {
			p->next = at + 1;
			return &p->last.look[at];
		}
	}
	return NULL;
}

int
rates_keep(struct rates *p, const struct rates_look *look, const char *name)
{
	struct rates_round *now = &p->now;
	struct rates_look *bigger;

	if (now->n == now->room) {
		bigger = realloc(now->look, (2 * now->room + 16) * sizeof *bigger);
		if (bigger == NULL)
			return -1;
		now->look = bigger;
		now->room = 2 * now->room + 16;
	}
	now->look[now->n] = *look;
	now->look[now->n].name = strdup(name);
	if (now->look[now->n].name == NULL)
		return -1;
	now->n++;
	return 0;
}

void
rates_turn(struct rates *p)
{
	struct rates_round old = p->last;

	while (old.n > 0)
		free(old.look[--old.n].name);
	p->last = p->now;
	p->now = old;
	p->next = 0;
}

/* remember -- move the looks before this one into it; *rate gets the failures among them, and the time to run empty. */
static void
remember(const struct rates_look *last, struct rates_look *now, struct rate *rate)
{
	const struct rates_past *newest = &now->past[0], *old;
	double seconds;

	now->past_n = last->past_n < RATES_PAST - 1 ? last->past_n + 1 : RATES_PAST - 1;
	memcpy(now->past + 1, last->past, now->past_n * sizeof *now->past);
	old = &now->past[now->past_n];
	seconds = (double)(newest->ns - old->ns) / 1e9;
	rate->failures = (double)(int64_t)(newest->failed - old->failed) * 60 / (seconds < 60 ? 60 : seconds);
	/* the last ten looks tell what is going on now */
	old = &now->past[now->past_n < DRAIN_LOOKS ? now->past_n : DRAIN_LOOKS];
	seconds = (double)(newest->ns - old->ns) / 1e9;
	rate->drain_s = -1;
	if (newest->messages < old->messages)
		rate->drain_s = (double)newest->messages * seconds / (double)(old->messages - newest->messages);
}

/* draw -- the depth in bars: the highest of the looks that a bar is of. */
static void
draw(const struct rates_look *now, struct rate *rate)
{
	enum { EACH = RATES_PAST / RATES_BARS };
	unsigned looks = now->past_n + 1;

	rate->bars = (looks + EACH - 1) / EACH;
	for (unsigned i = 0; i < looks; i++) {
		uint64_t *bar = &rate->depth[rate->bars - 1 - i / EACH];

		*bar = now->past[i].messages > *bar ? now->past[i].messages : *bar;
	}
}

struct rate
rates_of(const struct rates_look *last, struct rates_look *now)
{
	struct rate rate = { .drain_s = -1 };
	double seconds;

	now->past[0].ns = now->now_ns;
	if (last != NULL && last->error == 0 && last->identity == now->identity && last->now_ns < now->now_ns) {
		seconds = (double)(now->now_ns - last->now_ns) / 1e9;
		rate.known = true;
		rate.in = (double)(int64_t)(now->sent - last->sent) / seconds;
		rate.out = (double)(int64_t)(now->received - last->received) / seconds;
		remember(last, now, &rate);
	}
	draw(now, &rate);
	return rate;
}

void
rates_bars(struct outbuf *b, const uint64_t *depth, unsigned n, bool utf8)
{
	static const char *const bars[] = { " ", "\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83", "\xe2\x96\x84", "\xe2\x96\x85",
		"\xe2\x96\x86", "\xe2\x96\x87", "\xe2\x96\x88" };
	uint64_t most = 1;

	for (unsigned i = 0; i < n; i++)
		most = depth[i] > most ? depth[i] : most;
	for (unsigned i = 0; i < n; i++) {
		/* what is not empty has a bar, however low */
		unsigned level = (unsigned)((double)depth[i] / (double)most * 8 + 0.999);

		outbuf_bytes(b, utf8 ? bars[level] : &"_.:-=+*#@"[level], utf8 && level > 0 ? 3 : 1);
	}
}
