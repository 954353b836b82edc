/* SPDX-License-Identifier: ISC */
/* wake: see wake.h.  A crash leaves wants of a dead process, which the next process that meets them removes. */
#include "mailbox/wait/wake.h"

#include <errno.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/safefile.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/names.h"
#include "mailbox/disk/wakefifo.h"
#include "mailbox/wait/backlog.h"

enum { SUMS = 64 };                     /* filters that wake_each tells apart */

/* The wants of one kind, in the order of their tickets, some at a time, and the one at hand. */
struct queue {
	struct want_place *place;       /* WANT_PLACES of them */
	int n, next;                    /* n: -1 where they could not be read */
	enum want_kind kind;
	bool asleep;
	uint32_t index;
	struct want w;
};

/*
 * queue_begin -- queue the wants of a kind; asleep: only those without a mark.
 * The table is not read again in one locked section for a kind that it does not have.
 * Returns the queue, valid until the next call.
 */
static struct queue *
queue_begin(struct mbox *m, enum want_kind kind, bool asleep)
{
	static LARGE struct want_place place[WANT_PLACES];
	static struct queue q;          /* static, and so no stack */

	q.place = place;
	q.n = q.next = 0;
	q.kind = kind;
	q.asleep = asleep;
	if (m->ctl.wants == 0 || (m->waiter.kinds_known && (m->waiter.crowd.kinds & 1U << kind) == 0))
		return &q;
	q.n = want_queue(m->want_fd, m->ctl.wants, kind, asleep, 0, q.place, &m->waiter.crowd);
	m->waiter.kinds_known = q.n != -1;
	return &q;
}

/* queue_next -- go to the next want.  Returns 1 with q->w and q->index, 0 at the end, or -1. */
static int
queue_next(const struct mbox *m, struct queue *q)
{
	struct want_crowd now;

	if (q->next == WANT_PLACES) {
		q->n = want_queue(m->want_fd, m->ctl.wants, q->kind, q->asleep, q->place[WANT_PLACES - 1].ticket, q->place,
		    &now);
		q->next = 0;
	}
	if (q->next >= q->n)
		return q->n == -1 ? -1 : 0;
	q->index = q->place[q->next++].index;
	return want_read(m->want_fd, q->index, &q->w) == -1 ? -1 : 1;
}

int
wake_count(struct mbox *m)
{
	int used = want_used(m->want_fd, m->ctl.wants);

	if (used == -1)
		return -1;
	m->ctl.wants = (uint32_t)used;
	return 0;
}

int
wake_remove(struct mbox *m, uint32_t index, uint64_t owner)
{
	char spool[WAKEFIFO_NAME_MAX];

	if (txn_begin(m) == -1 || want_void(m->want_fd, index) == -1)
		return -1;
	wakefifo_spool_name(spool, owner);
	m->ctl.orphans |= wakefifo_remove(m->dir_fd, owner) == -1
	    || (owner != m->number && safefile_remove(m->dir_fd, spool) == -1);
	return wake_count(m);
}

/*
 * ring -- open the wake FIFO of the waiter at hand and mark its want; mark 0: it is only to look.
 * Returns 1; 0: it is our own, or dead; or -1.
 */
static int
ring(struct mbox *m, const struct queue *q, uint64_t mark)
{
	uint64_t owner = q->w.owner;
	int fd, r = 0;

	if (owner == m->number)
		return 0;
	fd = wakefifo_ring_open(m->dir_fd, owner, m->shared);
	if (fd == -1) {
		if (errno != ENXIO && errno != ENOENT)
			return -1;
		/* an owner that lives and has no wake FIFO looks by itself */
		return mbox_lives(m, owner) || wake_remove(m, q->index, owner) == 0 ? 0 : -1;
	}
	/* marked before the FIFO may be closed */
	if (mark != 0)
		r = q->w.kind == WANT_RECEIVE ? want_wake(m->want_fd, q->index, mark, clock_mono_ns())
		    : want_mark(m->want_fd, q->index, mark);
	txn_ring(m, fd);
	return r == -1 ? -1 : 1;
}

/* first_match -- the first of n messages not yet given to a waiter that w wants, n for none. */
static uint32_t
first_match(struct want *w, uint32_t n, const struct slot *slots, const struct slice *names, const bool *given)
{
	const struct filter f = want_filter(w);
	int tag = -1, source = -1;
	bool match = f.len == 0;

	for (uint32_t j = 0; j < n; j++) {
		if (given[j])
			continue;
		if (f.len > 0 && (slots[j].tag != tag || slots[j].source != source)) {
			tag = slots[j].tag;
			source = slots[j].source;
			match = filter_match(&f, names[tag], names[source]);
		}
		if (match)
			return j;
	}
	return n;
}

/*
 * will_see -- after queue_begin: whether the receiver woken last has the filter of this sum, and is about to look and
 * to see message id.
 */
static bool
will_see(const struct mbox *m, uint32_t filter_sum, uint64_t id)
{
	const struct want_woken *w = &m->waiter.crowd.woken;

	return w->owner != 0 && w->filter_sum == filter_sum && w->mark <= id
	    && clock_mono_ns() - w->woken_ns < WAKE_SOON_NS && mbox_lives(m, w->owner);
}

bool
wake_pending(struct mbox *m)
{
	const struct want_woken *w = &m->waiter.crowd.woken;

	want_forget();
	m->waiter.kinds_known = false;
	(void)queue_begin(m, WANT_RECEIVE, true);
	/* what was read without the lock is not for a locked section */
	want_forget();
	m->waiter.kinds_known = false;
	return w->owner != 0 && w->owner != m->number && clock_mono_ns() - w->woken_ns < WAKE_LOOK_NS
	    && mbox_lives(m, w->owner);
}

/* wake_kind -- wake the sleeping wants of one kind: receivers for a message each, those that peek for any. */
static OUT_OF_LINE int
wake_kind(struct mbox *m, enum want_kind kind, uint64_t first_id, uint32_t n, const struct slot *slots,
    const struct slice *names)
{
	const struct want_crowd *crowd = &m->waiter.crowd;
	bool given[BATCH_MESSAGES] = { false };
	uint32_t j, left = n;
	struct queue *q = queue_begin(m, kind, true);
	int r = 0;

	/* where all that sleep are alike, the one that is about to look sees all that they want, and wakes the next */
	if (kind == WANT_RECEIVE && q->n > 0 && crowd->alike && will_see(m, crowd->filter_sum, first_id))
		return 0;
	while (left > 0 && (r = queue_next(m, q)) == 1) {
		j = first_match(&q->w, n, slots, names, given);
		if (j == n)
			continue;
		r = ring(m, q, first_id + j);
		if (r == -1)
			return -1;
		if (r == 1 && kind == WANT_RECEIVE) {
			given[j] = true;
			left = crowd->alike ? 0 : left - 1;
		}
	}
	return r == -1 ? -1 : 0;
}

int
wake_receivers(struct mbox *m, uint64_t first_id, uint32_t n, const struct slot *slots, const struct slice *names)
{
	if (m->ctl.wants == 0)
		return 0;
	if (!m->ctl.paused && wake_kind(m, WANT_RECEIVE, first_id, n, slots, names) == -1)
		return -1;
	return wake_kind(m, WANT_PEEK, first_id, n, slots, names);
}

/* wake_each -- wake the first that sleeps of one kind with each filter.  Returns 0, or -1. */
static int
wake_each(struct mbox *m, enum want_kind kind, uint64_t mark)
{
	struct queue *q = queue_begin(m, kind, true);
	uint32_t sums[SUMS], n = 0, i;
	int r;

	while ((r = queue_next(m, q)) == 1) {
		for (i = 0; i < n && sums[i] != q->w.filter_sum; i++)
			;
		if (i < n)
			continue;
		r = ring(m, q, mark);
		if (r == -1)
			break;
		if (r == 1 && n < SUMS)
			sums[n++] = q->w.filter_sum;
	}
	return r == -1 ? -1 : 0;
}

int
wake_resumed(struct mbox *m)
{
	/* one that only looks may be who listens for drops */
	return wake_each(m, WANT_RECEIVE, m->ctl.head) == -1 ? -1 : wake_each(m, WANT_PEEK, m->ctl.head);
}

int
wake_wanted(struct mbox *m, struct slice tag, struct slice source)
{
	struct queue *q = queue_begin(m, WANT_RECEIVE, true);
	struct filter f;
	int r;

	if (m->ctl.paused)
		return 0;
	while ((r = queue_next(m, q)) == 1) {
		f = want_filter(&q->w);
		if (filter_match(&f, tag, source) && mbox_lives(m, q->w.owner))
			break;
	}
	return r;
}

int
wake_end(struct mbox *m, uint64_t id, enum state_status status)
{
	struct queue *q = queue_begin(m, WANT_END, false);
	int r;

	while ((r = queue_next(m, q)) == 1 && q->w.object != id)
		;
	if (r != 1)
		return r;
	r = ring(m, q, (uint64_t)status);
	/* the mark tells how it ended; the FIFO says only when to look, and may be missing */
	if (r == 0 && mbox_lives(m, q->w.owner))
		r = want_mark(m->want_fd, q->index, (uint64_t)status);
	return r == -1 ? -1 : 0;
}

/* may_come_in -- whether a sender whose message counts cost bytes is to look: it has room, or others make room for it. */
static bool
may_come_in(const struct mbox *m, uint64_t cost)
{
	return m->ctl.policy != MAILBOX_BLOCK || mbox_fits(&m->ctl, cost);
}

int
wake_leaving(struct mbox *m, struct slice tag, struct slice source, bool last)
{
	static const enum want_kind kinds[] = { WANT_RECEIVE, WANT_PEEK };
	struct filter f;
	struct queue *q;
	int r = 0;

	for (int i = 0; i < 2 && r == 0; i++) {
		q = queue_begin(m, kinds[i], true);
		while ((r = queue_next(m, q)) == 1) {
			f = want_filter(&q->w);
			if ((last || ((f.len > 0 || q->w.wide) && filter_match(&f, tag, source))) && ring(m, q, 0) == -1)
				return -1;
		}
	}
	return r;
}

int
wake_room(struct mbox *m)
{
	struct queue *q = queue_begin(m, WANT_ROOM, false);
	int r;

	while ((r = queue_next(m, q)) == 1) {
		if (q->w.mark == WANT_AWAKE || q->w.owner == m->number)
			continue;
		if (q->w.mark == 0) {
			if (!may_come_in(m, q->w.object) || (r = ring(m, q, 1)) != 0)
				break;
		} else if (mbox_lives(m, q->w.owner)) {
			break;
		} else if (wake_remove(m, q->index, q->w.owner) == -1) {
			return -1;
		}
	}
	return r == -1 ? -1 : 0;
}

int
wake_ahead(struct mbox *m)
{
	struct queue *q = queue_begin(m, WANT_ROOM, false);
	uint64_t now = q->n > 0 ? clock_mono_ns() : 0;
	int r;

	while ((r = queue_next(m, q)) == 1) {
		if (q->w.mark == WANT_AWAKE)
			continue;
		if (q->w.owner == m->number)
			return 0;
		if (!mbox_lives(m, q->w.owner)) {
			if (wake_remove(m, q->index, q->w.owner) == -1)
				return -1;
		} else if (q->w.looked_ns > now || now - q->w.looked_ns < WAKE_STOPPED_NS) {
			/* a process before it may have been killed with the room that it was woken for */
			return q->w.mark == 0 && may_come_in(m, q->w.object) && ring(m, q, 1) == -1 ? -1 : 1;
		}
	}
	return r;
}

/*
 * wake_one -- wake the first that sleeps of one kind; alike: with a filter like ours.  Returns 1, 0 there is none, or
 * -1.
 */
static int
wake_one(struct mbox *m, enum want_kind kind, bool alike, uint64_t mark)
{
	uint32_t sum = m->waiter.want.filter_sum;
	struct queue *q = queue_begin(m, kind, true);
	int r;

	if (alike && q->n > 0 && will_see(m, sum, mark))
		return 1;
	while ((r = queue_next(m, q)) == 1)
		if ((!alike || q->w.filter_sum == sum) && (r = ring(m, q, mark)) != 0)
			break;
	return r;
}

/*
 * wake_behind -- wake the first that sleeps behind us in the queue, and may want message id though we do not.
 * Returns 0, or -1.
 */
static int
wake_behind(struct mbox *m, uint64_t id, struct slice tag, struct slice source)
{
	struct queue *q = queue_begin(m, WANT_RECEIVE, true);
	struct filter f;
	int r;

	while ((r = queue_next(m, q)) == 1) {
		if (q->w.ticket <= m->waiter.want.ticket || q->w.filter_sum == m->waiter.want.filter_sum)
			continue;
		f = want_filter(&q->w);
		if (filter_match(&f, tag, source) && (r = ring(m, q, id)) != 0)
			break;
	}
	return r == -1 ? -1 : 0;
}

/* wake_for -- wake a receiver for message id, which is ready. */
static int
wake_for(struct mbox *m, uint64_t id, const struct slot *slot, const struct names *names)
{
	const struct slice two[2] = { names_get(names, slot->tag), names_get(names, slot->source) };

	return wake_receivers(m, id, 1, &(struct slot){ .tag = 0, .source = 1 }, two);
}

static const struct filter every = { .len = 0 };

OUT_OF_LINE int
wake_ready(struct mbox *m, uint64_t id)
{
	struct backlog c;
	struct names names;

	return backlog_first(&c, &names, m, id, id + 1, &every) != 0 ? wake_for(m, id, &c.slot, &names) : 0;
}

OUT_OF_LINE int
wake_next(struct mbox *m, uint64_t mark)
{
	struct backlog c;
	struct names names;
	uint64_t id = backlog_first(&c, &names, m, mark, UINT64_MAX, m->waiter.filter);

	if (id != mark && m->waiter.want.wide && wake_decline(m, mark) == -1)
		return -1;
	if (id == 0)
		return 0;
	if (id == mark && wake_for(m, id, &c.slot, &names) == -1)
		return -1;
	return wake_one(m, WANT_RECEIVE, true, id) == -1 ? -1 : 0;
}

OUT_OF_LINE int
wake_decline(struct mbox *m, uint64_t mark)
{
	struct backlog c;
	struct names names;

	if (txn_begin(m) == -1)
		return -1;
	if (backlog_first(&c, &names, m, mark, mark + 1, &every) == 0)
		return 0;
	return wake_behind(m, mark, names_get(&names, c.slot.tag), names_get(&names, c.slot.source));
}

/* wake_owner -- wake this process if it sleeps as a receiver of that kind.  Returns 1, 0 it does not, or -1. */
static int
wake_owner(struct mbox *m, enum want_kind kind, uint64_t owner)
{
	struct queue *q = queue_begin(m, kind, true);
	int r;

	while ((r = queue_next(m, q)) == 1)
		if (q->w.owner == owner)
			return ring(m, q, WANT_LISTEN);
	return r;
}

int
wake_listener(struct mbox *m, uint64_t owner)
{
	int r = 0;

	if (owner != 0 && (r = wake_owner(m, WANT_RECEIVE, owner)) == 0)
		r = wake_owner(m, WANT_PEEK, owner);
	if (r == 0)
		r = wake_one(m, WANT_RECEIVE, false, WANT_LISTEN);
	if (r == 0)
		r = wake_one(m, WANT_PEEK, false, WANT_LISTEN);
	return r == -1 ? -1 : 0;
}
