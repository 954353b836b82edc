/* SPDX-License-Identifier: ISC */
/* wake: a crash leaves wants of the dead, which whoever meets them removes. */
#include "mailbox/wait/wake.h"

#include <errno.h>

#include "base/clock.h"
#include "base/safefile.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/wakefifo.h"
#include "mailbox/wait/backlog.h"

/*
 * What queues wants, or looks for what is ready, needs much room on the stack: such functions are kept out of line and
 * called only where there are wants, for every page of a frame that the compiler probes is a page fault in a one-shot.
 */
#define OUT_OF_LINE __attribute__((noinline))

int
wake_remove(struct mbox *m, uint32_t index, uint64_t owner)
{
	char spool[WAKEFIFO_NAME_MAX];
	int used;

	if (txn_begin(m) == -1 || want_void(m->want_fd, index) == -1)
		return -1;
	wakefifo_spool_name(spool, owner);
	m->ctl.orphans |= wakefifo_remove(m->dir_fd, owner) == -1
	    || (owner != m->number && safefile_remove(m->dir_fd, spool) == -1);
	used = want_used(m->want_fd, m->ctl.wants);
	if (used == -1)
		return -1;
	m->ctl.wants = (uint32_t)used;
	return 0;
}

/* ring -- open a waiter's bell and mark its want.  Returns 1, 0 where it turned out dead, or -1. */
static int
ring(struct mbox *m, uint32_t index, const struct want *w, uint64_t mark)
{
	int fd = wakefifo_ring_open(m->dir_fd, w->owner), err;

	if (fd == -1) {
		if (errno != ENXIO && errno != ENOENT)
			return -1;
		/* its owner may be alive and without a bell: it looks by itself */
		return mbox_lives(m, w->owner) || wake_remove(m, index, w->owner) == 0 ? 0 : -1;
	}
	/* marked before it may ring */
	err = w->kind == WANT_RECEIVE ? want_wake(m->want_fd, index, mark, clock_mono_ns())
	    : want_mark(m->want_fd, index, mark);
	txn_ring(m, fd);
	return err == -1 ? -1 : 1;
}

/* first_match -- the first of n messages not yet given to a waiter that w wants, n for none. */
static uint32_t
first_match(const struct want *w, uint32_t n, const struct slot *slots, const struct slice *names, const bool *given)
{
	int tag = -1, source = -1;
	bool match = w->filter.len == 0;

	for (uint32_t j = 0; j < n; j++) {
		if (given[j])
			continue;
		if (w->filter.len > 0 && (slots[j].tag != tag || slots[j].source != source)) {
			tag = slots[j].tag;
			source = slots[j].source;
			match = filter_match(&w->filter, names[tag], names[source]);
		}
		if (match)
			return j;
	}
	return n;
}

/*
 * queue -- want_queue; but the table is not looked through again in one locked section for a kind that it has not.
 * places: room for WANT_MAX.
 */
static int
queue(struct mbox *m, enum want_kind kind, bool asleep, struct want_place *places)
{
	int n;

	if (m->waiter.kinds_known && (m->waiter.crowd.kinds & 1U << kind) == 0)
		return 0;
	n = want_queue(m->want_fd, m->ctl.wants, kind, asleep, places, &m->waiter.crowd);
	m->waiter.kinds_known = n != -1;
	return n;
}

/* will_see -- after queue: whether who was woken last has the filter of this sum, and is about to look, and see message id. */
static bool
will_see(const struct mbox *m, uint32_t filter_sum, uint64_t id)
{
	const struct want_woken *w = &m->waiter.crowd.woken;

	return w->owner != 0 && w->filter_sum == filter_sum && w->mark <= id
	    && clock_mono_ns() - w->woken_ns < WAKE_SOON_NS && mbox_lives(m, w->owner);
}

/* wake_kind -- wake the sleeping wants of one kind; takers have a message each, peekers need not. */
static OUT_OF_LINE int
wake_kind(struct mbox *m, enum want_kind kind, uint64_t first_id, uint32_t n, const struct slot *slots,
    const struct slice *names)
{
	struct want_place places[WANT_MAX];
	bool given[BATCH_MESSAGES] = { false };
	struct want w;
	uint32_t j, left = n;
	int waiting = queue(m, kind, true, places), rung;

	if (waiting == -1)
		return -1;
	/* where all that sleep are alike, the one that is about to look sees all that they want, and wakes the next */
	if (kind == WANT_RECEIVE && waiting > 0 && m->waiter.crowd.alike && will_see(m, m->waiter.crowd.filter_sum, first_id))
		return 0;
	for (int i = 0; i < waiting && left > 0; i++) {
		if (want_read(m->want_fd, places[i].index, &w) == -1)
			return -1;
		if (w.owner == m->number)
			continue;
		j = first_match(&w, n, slots, names, given);
		if (j == n)
			continue;
		rung = ring(m, places[i].index, &w, first_id + j);
		if (rung == -1)
			return -1;
		if (rung == 1 && kind == WANT_RECEIVE) {
			given[j] = true;
			left = m->waiter.crowd.alike ? 0 : left - 1;
		}
	}
	return 0;
}

int
wake_receivers(struct mbox *m, uint64_t first_id, uint32_t n, const struct slot *slots, const struct slice *names)
{
	if (m->ctl.wants == 0)
		return 0;
	if (wake_kind(m, WANT_RECEIVE, first_id, n, slots, names) == -1)
		return -1;
	return wake_kind(m, WANT_PEEK, first_id, n, slots, names);
}

int
wake_wanted(struct mbox *m, struct slice tag, struct slice source)
{
	struct want_place places[WANT_MAX];
	struct want w;
	int waiting = queue(m, WANT_RECEIVE, true, places);

	for (int i = 0; i < waiting; i++) {
		if (want_read(m->want_fd, places[i].index, &w) == -1)
			return -1;
		if (filter_match(&w.filter, tag, source) && mbox_lives(m, w.owner))
			return 1;
	}
	return waiting == -1 ? -1 : 0;
}

int
wake_end(struct mbox *m, uint64_t id, enum state_status status)
{
	struct want_place places[WANT_MAX];
	struct want w;
	int waiting = queue(m, WANT_END, false, places), rung;

	for (int i = 0; i < waiting; i++) {
		if (want_read(m->want_fd, places[i].index, &w) == -1)
			return -1;
		if (w.object != id)
			continue;
		/* the mark tells; the bell only says when to look, and may be missing */
		if (w.owner != m->number && (rung = ring(m, places[i].index, &w, (uint64_t)status)) != 0)
			return rung == -1 ? -1 : 0;
		return mbox_lives(m, w.owner) ? want_mark(m->want_fd, places[i].index, (uint64_t)status) : 0;
	}
	return waiting == -1 ? -1 : 0;
}

/* wake_queued -- wake_room where there are wants. */
static OUT_OF_LINE int
wake_queued(struct mbox *m)
{
	struct want_place places[WANT_MAX];
	struct want w;
	int waiting, rung;

	waiting = queue(m, WANT_ROOM, false, places);
	if (waiting == -1)
		return -1;
	for (int i = 0; i < waiting; i++) {
		if (want_read(m->want_fd, places[i].index, &w) == -1)
			return -1;
		if (w.mark == WANT_AWAKE || w.owner == m->number)
			continue;
		if (w.mark == 0 && !mbox_fits(&m->ctl, w.object))
			return 0;
		if (w.mark == 0) {
			rung = ring(m, places[i].index, &w, 1);
			if (rung != 0)
				return rung == -1 ? -1 : 0;
		} else if (mbox_lives(m, w.owner)) {
			return 0;
		} else if (wake_remove(m, places[i].index, w.owner) == -1) {
			return -1;
		}
	}
	return 0;
}

int
wake_room(struct mbox *m)
{
	return m->ctl.wants == 0 ? 0 : wake_queued(m);
}

/* queued_ahead -- wake_ahead where there are wants. */
static OUT_OF_LINE int
queued_ahead(struct mbox *m)
{
	struct want_place places[WANT_MAX];
	struct want w;
	uint64_t now;
	int waiting;

	waiting = queue(m, WANT_ROOM, false, places);
	if (waiting == -1)
		return -1;
	now = waiting > 0 ? clock_mono_ns() : 0;
	for (int i = 0; i < waiting; i++) {
		if (want_read(m->want_fd, places[i].index, &w) == -1)
			return -1;
		if (w.mark == WANT_AWAKE)
			continue;
		if (w.owner == m->number)
			return 0;
		if (!mbox_lives(m, w.owner)) {
			if (wake_remove(m, places[i].index, w.owner) == -1)
				return -1;
		} else if (w.looked_ns > now || now - w.looked_ns < WAKE_STOPPED_NS) {
			/* who stood before it may have been killed with the room that it was woken for */
			return w.mark == 0 && mbox_fits(&m->ctl, w.object) && ring(m, places[i].index, &w, 1) == -1 ? -1 : 1;
		}
	}
	return 0;
}

int
wake_ahead(struct mbox *m)
{
	return m->ctl.wants == 0 ? 0 : queued_ahead(m);
}

/* wake_for -- wake a receiver for one message that is ready. */
static int
wake_for(struct mbox *m, const struct backlog *r)
{
	const struct slice two[2] = { names_get(&r->names, r->slot.tag), names_get(&r->names, r->slot.source) };
	struct slot slot = r->slot;

	slot.tag = 0;
	slot.source = 1;
	return wake_receivers(m, r->id, 1, &slot, two);
}

OUT_OF_LINE int
wake_ready(struct mbox *m, uint64_t id)
{
	static const struct filter every = { .len = 0 };
	struct backlog r;

	return backlog_first(m, id, id + 1, &every, &r) ? wake_for(m, &r) : 0;
}

/* wake_alike -- wake the first that sleeps with a filter like ours, for message id, unless one is about to look. */
static OUT_OF_LINE int
wake_alike(struct mbox *m, uint64_t id)
{
	struct want_place places[WANT_MAX];
	struct want w;
	int waiting = queue(m, WANT_RECEIVE, true, places), rung;

	if (waiting > 0 && will_see(m, m->waiter.want.filter_sum, id))
		return 0;
	for (int i = 0; i < waiting; i++) {
		if (want_read_head(m->want_fd, places[i].index, &w) == -1)
			return -1;
		if (w.owner == m->number || w.filter_sum != m->waiter.want.filter_sum)
			continue;
		rung = ring(m, places[i].index, &w, id);
		if (rung != 0)
			return rung == -1 ? -1 : 0;
	}
	return waiting == -1 ? -1 : 0;
}

OUT_OF_LINE int
wake_next(struct mbox *m, uint64_t mark)
{
	struct backlog r;

	if (!backlog_first(m, mark, UINT64_MAX, &m->waiter.want.filter, &r))
		return 0;
	if (r.id == mark && wake_for(m, &r) == -1)
		return -1;
	return wake_alike(m, r.id);
}

OUT_OF_LINE int
wake_listener(struct mbox *m)
{
	static const enum want_kind kinds[] = { WANT_RECEIVE, WANT_PEEK };
	struct want_place places[WANT_MAX];
	struct want w;
	int waiting, rung;

	for (int k = 0; k < 2; k++) {
		waiting = queue(m, kinds[k], true, places);
		if (waiting == -1)
			return -1;
		for (int i = 0; i < waiting; i++) {
			if (want_read(m->want_fd, places[i].index, &w) == -1)
				return -1;
			if (w.owner == m->number)
				continue;
			rung = ring(m, places[i].index, &w, WANT_LISTEN);
			if (rung != 0)
				return rung == -1 ? -1 : 0;
		}
	}
	return 0;
}
