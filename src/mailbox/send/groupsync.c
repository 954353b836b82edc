/* SPDX-License-Identifier: ISC */
/* groupsync: a crash in it leaves messages that are in the mailbox and whose sender has not said so. */
#include "mailbox/send/groupsync.h"

#include <errno.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/reclock.h"

#define LEADER_NS UINT64_C(1000000000)  /* how long another's sync is waited for */

enum { ROUNDS = 16 };                   /* at most so many, before we insist to be the next to sync */

struct range {
	uint64_t from, to;
};

/* What is on the disk of segment seg: messages, and their names. */
struct synced {
	uint64_t seg;
	struct range messages, names;
	uint64_t round, to;             /* the sync under way, or the last: its number, and below which message it goes */
	uint64_t sum;                   /* of all before: it is read while it is written */
};

_Static_assert(sizeof(struct synced) <= CTL_SYNCED, "it has its place in ctl");

static bool
covers(const struct range *r, uint64_t first, uint64_t last)
{
	return r->from <= first && last < r->to;
}

/* extend -- add [from, to) to a range, or begin anew where there is a gap. */
static void
extend(struct range *r, uint64_t from, uint64_t to)
{
	if (from < r->from || from > r->to)
		r->from = from;
	if (to > r->to)
		r->to = to;
}

/* sync_files -- what the segment's files hold, and the names in the directory.  Returns 0, or -1. */
static int
sync_files(struct mbox *m, bool names)
{
	if (io_sync_data(m->seg.log_fd) == 0 && io_sync_data(m->seg.idx_fd) == 0 && (!names || io_sync(m->dir_fd) == 0))
		return 0;
	m->seg.since = 0;
	return -1;
}

/* synced_read -- the word of m's segment.  Returns 0, or -1. */
static int
synced_read(const struct mbox *m, struct synced *w)
{
	*w = (struct synced){ 0 };
	if (io_pread(m->ctl_fd, w, sizeof *w, (uint64_t)2 * CTL_COPY) == -1)
		return -1;
	if (w->seg != m->seg.h.first || w->sum != hash_sum(w, offsetof(struct synced, sum)))
		*w = (struct synced){ m->seg.h.first, { m->seg.since, m->seg.since }, { 0, 0 }, w->round, 0, 0 };
	return 0;
}

/* synced_write -- write it, with the sync lock held.  Returns 0, or -1. */
static int
synced_write(const struct mbox *m, struct synced *w)
{
	w->sum = hash_sum(w, offsetof(struct synced, sum));
	return io_pwrite(m->ctl_fd, w, sizeof *w, (uint64_t)2 * CTL_COPY);
}

/* covers_all -- whether the word has messages first to last, and, where that is asked for, their names. */
static bool
covers_all(const struct synced *w, uint64_t first, uint64_t last, bool named)
{
	return covers(&w->messages, first, last) && (!named || covers(&w->names, first, last));
}

/* release -- release a lock of m's.  Returns r, with its errno. */
static int
release(const struct mbox *m, uint64_t byte, int r)
{
	int err = errno;

	reclock_free(m->lock_fd, byte);
	errno = err;
	return r;
}

/* round_byte -- the lock of a round. */
static uint64_t
round_byte(uint64_t round)
{
	return MBOX_SYNCROUND + round % 4;
}

/* sync_all -- sync for all below w->to, and say so in w.  Returns 0, or -1. */
static int
sync_all(struct mbox *m, struct synced *w, bool named)
{
	const uint64_t since = m->seg.since;

	/* the first to sync a segment sees to its files' own names */
	named = named || w->names.to == 0;
	if (sync_files(m, named) == -1)
		return -1;
	extend(&w->messages, since, w->to);
	if (named)
		extend(&w->names, since, w->to);
	return synced_write(m, w);
}

/*
 * begin_round -- with the sync lock held: say in w for which messages we are about to sync, unless messages first to last
 * have been synced.  Returns 1, 0 they have, or -1.
 */
static int
begin_round(const struct mbox *m, struct synced *w, uint64_t first, uint64_t last, bool named)
{
	struct ctl now;

	if (synced_read(m, w) == -1)
		return -1;
	if (covers_all(w, first, last, named))
		return 0;
	w->round++;
	w->to = last + 1;
	/* whatever ctl counts was written before; a copy that is being written tells nothing */
	if (ctl_read(m->ctl_fd, &now) == 0 && now.last_seg == w->seg && now.next > w->to)
		w->to = now.next;
	return synced_write(m, w) == -1 ? -1 : 1;
}

/* lead -- we are the next to sync: wait for our turn, and sync for all that are there.  Returns 0, or -1. */
static int
lead(struct mbox *m, uint64_t first, uint64_t last, bool named, uint64_t deadline_ns)
{
	struct synced w;
	uint64_t byte;
	int r;

	if (synced_read(m, &w) == -1)
		return release(m, MBOX_NEXTSYNC, -1);
	byte = round_byte(w.round + 1);
	/* where it is not to be had, those that follow us do not wait for us */
	(void)reclock_try(m->lock_fd, byte);
	r = reclock_await(m->lock_fd, MBOX_GROUPSYNC, deadline_ns);
	if (r == -1)
		return release(m, MBOX_NEXTSYNC, release(m, byte, -1));
	r = release(m, MBOX_NEXTSYNC, begin_round(m, &w, first, last, named));
	if (r == 1)
		r = sync_all(m, &w, named);
	return release(m, MBOX_GROUPSYNC, release(m, byte, r));
}

/*
 * follow -- another process is the next to sync: wait for the round that syncs messages first to last, the one that is
 * under way or the next.
 * Many do so at once, by read locks: a write lock that went from one to the other would wake all of them each time.
 * Returns 1, 0 they are still to be synced, or -1.
 */
static int
follow(const struct mbox *m, uint64_t first, uint64_t last, bool named, uint64_t deadline_ns)
{
	struct synced w;
	uint64_t byte;

	if (synced_read(m, &w) == -1)
		return -1;
	if (covers_all(&w, first, last, named))
		return 1;
	byte = round_byte(last < w.to ? w.round : w.round + 1);
	if (reclock_share(m->lock_fd, byte, deadline_ns) == -1 || release(m, byte, synced_read(m, &w)) == -1)
		return -1;
	return covers_all(&w, first, last, named);
}

int
groupsync_wait(struct mbox *m, uint64_t first, uint64_t last, bool named)
{
	const uint64_t deadline_ns = clock_after(LEADER_NS);
	int r;

	if (m->seg.idx_fd == -1 || m->seg.log_fd == -1)
		return fail_with(EIO);  /* what we wrote by is closed: an error might not be reported to another descriptor */
	for (int i = 0; (r = reclock_try(m->lock_fd, MBOX_NEXTSYNC)) == -1 && errno == EAGAIN && i < ROUNDS; i++) {
		r = follow(m, first, last, named, deadline_ns);
		if (r == 1)
			return 0;
		if (r == -1)
			break;
	}
	if (r == -1 && errno == EAGAIN)
		r = reclock_await(m->lock_fd, MBOX_NEXTSYNC, deadline_ns);
	if (r == 0)
		r = lead(m, first, last, named, deadline_ns);
	return r == -1 && errno == EBUSY ? sync_files(m, true) : r;
}
