/* SPDX-License-Identifier: ISC */
/* window: see window.h.  A crash leaves what is in it claimed by a dead process, in the mailbox. */
#include "deliver/window.h"

#include <stdlib.h>

enum { SWEEP = 256 };           /* settled messages are forgotten many at a time, and make up half of the list at most */

int
window_add(struct window *w, struct receiver *r, const struct run *run)
{
	uint32_t room = w->n + run->n > w->room ? (w->n + run->n) * 2 : w->room;
	struct window_message *list;
	struct slice payload;
	bool *marked;

	if (room > w->room) {
		list = realloc(w->list, room * sizeof *list);
		if (list == NULL)
			return -1;
		w->list = list;
		marked = realloc(w->marked, room * sizeof *marked);
		if (marked == NULL)
			return -1;
		w->marked = marked;
		w->room = room;
	}
	if (inflight_add(&w->inflight, r, run) == -1)
		return -1;
	for (uint32_t i = 0; i < run->n; i++) {
		run_payload(run, i, &payload);
		w->bytes += payload.len;
		w->marked[w->n] = false;
		w->list[w->n++] = (struct window_message){ run_id(run, i), WINDOW_NOT_YET, payload.len };
	}
	w->open += run->n;
	return 0;
}

void
window_begin(struct window *w, uint32_t i, uint64_t at)
{
	w->list[i].at = at;
	if (w->list[i].id > w->highest)
		w->highest = w->list[i].id;
}

/* find -- look for the message with this number from place `from' on, below `to'.  Returns whether it is there. */
static bool
find(const struct window *w, uint64_t id, uint32_t from, uint32_t to, uint32_t *i)
{
	for (*i = from; *i < to; (*i)++)
		if (w->list[*i].id == id)
			return true;
	return false;
}

enum window_found
window_find(struct window *w, uint64_t id, uint64_t written, uint32_t *i)
{
	const uint32_t hint = w->hint > w->first ? w->hint : w->first;

	if (!find(w, id, hint, w->n, i) && !find(w, id, w->first, hint, i))
		return id <= w->highest ? WINDOW_PAST : WINDOW_NEVER;
	w->hint = *i + 1;
	return w->list[*i].at < written ? WINDOW_OPEN : WINDOW_NEVER;
}

/* close_one -- message i is not open any more. */
static void
close_one(struct window *w, uint32_t i)
{
	w->list[i].id = 0;
	w->open--;
	w->bytes -= w->list[i].bytes;
	while (w->first < w->n && w->list[w->first].id == 0)
		w->first++;
}

void
window_mark(struct window *w, uint32_t i)
{
	w->low = w->low == w->high || i < w->low ? i : w->low;
	w->high = i >= w->high ? i + 1 : w->high;
	w->marked[i] = true;
	close_one(w, i);
}

void
window_mark_to(struct window *w, uint32_t i)
{
	for (uint32_t j = w->first; j <= i; j++)
		if (w->list[j].id != 0)
			window_mark(w, j);
}

/* sweep -- forget what is settled, once it is much. */
static void
sweep(struct window *w)
{
	uint32_t n = 0, settled = w->n - w->open;

	if (w->open > 0 && (settled < SWEEP || settled < w->open))
		return;
	for (uint32_t i = 0; i < w->n; i++)
		w->marked[i] = w->list[i].id == 0;
	w->inflight.which = w->marked;
	inflight_drop(&w->inflight);
	for (uint32_t i = 0; i < w->n; i++)
		if (w->list[i].id != 0)
			w->list[n++] = w->list[i];
	for (uint32_t i = 0; i < n; i++)
		w->marked[i] = false;
	w->n = n;
	w->first = w->hint = 0;
}

int
window_settle(struct window *w, struct receiver *r, enum receiver_end end)
{
	int done;

	if (w->low == w->high)
		return 0;
	w->inflight.which = w->marked;
	done = inflight_settle(&w->inflight, r, w->low, w->high - w->low, end, 0);
	for (uint32_t i = w->low; i < w->high; i++)
		w->marked[i] = false;
	w->low = w->high = 0;
	sweep(w);
	return done;
}

void
window_gone(struct window *w, uint32_t i)
{
	close_one(w, i);
}

int
window_back(struct window *w, struct receiver *r, uint64_t from)
{
	for (uint32_t i = w->first; i < w->n; i++)
		if (w->list[i].id != 0 && w->list[i].at >= from)
			window_mark(w, i);
	return window_settle(w, r, RECEIVER_BACK);
}

bool
window_oldest(struct window *w, uint32_t *i)
{
	*i = w->first;
	return w->first < w->n;
}

void
window_free(struct window *w)
{
	inflight_free(&w->inflight);
	free(w->list);
	free(w->marked);
	w->list = NULL;
	w->marked = NULL;
}
