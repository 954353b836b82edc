/* SPDX-License-Identifier: ISC */
/* groupsync: a crash in it leaves messages that are in the mailbox and whose sender has not said so. */
#include "mailbox/send/groupsync.h"

#include <errno.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/reclock.h"

#define LEADER_NS UINT64_C(1000000000)  /* how long another's sync is waited for */

struct range {
	uint64_t from, to;
};

/* What is on the disk of segment seg: messages, and their names. */
struct synced {
	uint64_t seg;
	struct range messages, names;
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
	if (w->seg != m->seg.h.first)
		*w = (struct synced){ .seg = m->seg.h.first, .messages = { m->seg.since, m->seg.since } };
	return 0;
}

/* covers_all -- whether the word has messages first to last, and, where that is asked for, their names. */
static bool
covers_all(const struct synced *w, uint64_t first, uint64_t last, bool named)
{
	return covers(&w->messages, first, last) && (!named || covers(&w->names, first, last));
}

/* lead -- with the sync lock held: sync for all that are there, unless another has.  Returns 0, or -1. */
static int
lead(struct mbox *m, uint64_t first, uint64_t last, bool named)
{
	const uint64_t since = m->seg.since;
	uint64_t to = last + 1;
	struct synced w;
	struct ctl now;

	if (synced_read(m, &w) == -1)
		return -1;
	if (covers_all(&w, first, last, named))
		return 0;
	/* whatever ctl counts was written before; a copy that is being written tells nothing */
	if (ctl_read(m->ctl_fd, &now) == 0 && now.last_seg == w.seg && now.next > to)
		to = now.next;
	/* the first to sync a segment sees to its files' own names */
	named = named || w.names.to == 0;
	if (sync_files(m, named) == -1)
		return -1;
	extend(&w.messages, since, to);
	if (named)
		extend(&w.names, since, to);
	return io_pwrite(m->ctl_fd, &w, sizeof w, (uint64_t)2 * CTL_COPY);
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

/*
 * follow -- another process is the next to sync: wait until it has, and read the word.
 * Many do so at once, by read locks: a write lock that went from one to the other would wake all of them each time.
 */
static int
follow(const struct mbox *m, struct synced *w, uint64_t deadline_ns)
{
	if (reclock_share(m->lock_fd, MBOX_NEXTSYNC, deadline_ns) == -1)
		return -1;
	reclock_free(m->lock_fd, MBOX_NEXTSYNC);
	if (reclock_share(m->lock_fd, MBOX_GROUPSYNC, deadline_ns) == -1)
		return -1;
	return release(m, MBOX_GROUPSYNC, synced_read(m, w));
}

int
groupsync_wait(struct mbox *m, uint64_t first, uint64_t last, bool named)
{
	const uint64_t deadline_ns = clock_after(LEADER_NS);
	struct synced w;
	int r;

	if (m->seg.idx_fd == -1 || m->seg.log_fd == -1)
		return fail_with(EIO);  /* what we wrote by is closed: an error might not be reported to another descriptor */
	r = reclock_try(m->lock_fd, MBOX_NEXTSYNC);
	if (r == -1 && errno == EAGAIN) {
		r = follow(m, &w, deadline_ns);
		if (r == 0 && covers_all(&w, first, last, named))
			return 0;
		/* it came too late for that one, which may have failed */
		if (r == 0)
			r = reclock_await(m->lock_fd, MBOX_NEXTSYNC, deadline_ns);
	}
	if (r == 0)
		r = release(m, MBOX_NEXTSYNC, reclock_await(m->lock_fd, MBOX_GROUPSYNC, deadline_ns));
	if (r == -1)
		return errno == EBUSY ? sync_files(m, true) : -1;
	return release(m, MBOX_GROUPSYNC, lead(m, first, last, named));
}
