/* SPDX-License-Identifier: ISC */
/* rates: see rates.h. */
#include "tool/rates.h"

#include <stdlib.h>
#include <string.h>

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
rates_keep(struct rates *p, const struct rates_look *look)
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
	now->look[now->n].name = strdup(look->name);
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

struct rate
rates_of(const struct rates_look *last, const struct rates_look *now)
{
	double seconds;

	if (last == NULL || last->error != 0 || last->identity != now->identity || last->now_ns >= now->now_ns)
		return (struct rate){ .known = false };
	seconds = (double)(now->now_ns - last->now_ns) / 1e9;
	return (struct rate){ true, (double)(int64_t)(now->sent - last->sent) / seconds,
	    (double)(int64_t)(now->received - last->received) / seconds };
}
