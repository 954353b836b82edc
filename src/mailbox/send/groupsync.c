/* SPDX-License-Identifier: ISC */
/* groupsync: a crash in it leaves messages that are in the mailbox and whose sender has not said so. */
#include "mailbox/send/groupsync.h"

#include <errno.h>

#include "base/clock.h"
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
sync_files(const struct mbox *m, bool names)
{
	if (io_sync_data(m->seg.log_fd) == -1 || io_sync_data(m->seg.idx_fd) == -1)
		return -1;
	return names ? io_sync(m->dir_fd) : 0;
}

/* lead -- with the sync lock held: sync for all that are there, unless another has.  Returns 0, or -1. */
static int
lead(struct mbox *m, uint64_t first, uint64_t last, bool named)
{
	struct synced w = { 0 };
	struct ctl now;
	uint64_t seg = m->seg.h.first, to = last + 1;

	if (io_pread(m->ctl_fd, &w, sizeof w, (uint64_t)2 * CTL_COPY) == -1)
		return -1;
	if (w.seg != seg)
		w = (struct synced){ .seg = seg, .messages = { first, first } };
	if (covers(&w.messages, first, last) && (!named || covers(&w.names, first, last)))
		return 0;
	/* whatever ctl counts was written before; a copy that is being written tells nothing */
	if (ctl_read(m->ctl_fd, &now) == 0 && now.last_seg == seg && now.next > to)
		to = now.next;
	/* the first to sync a segment sees to its files' own names */
	named = named || w.names.to == 0;
	if (sync_files(m, named) == -1)
		return -1;
	extend(&w.messages, first, to);
	if (named)
		extend(&w.names, first, to);
	return io_pwrite(m->ctl_fd, &w, sizeof w, (uint64_t)2 * CTL_COPY);
}

int
groupsync_wait(struct mbox *m, uint64_t first, uint64_t last, bool named)
{
	int r, err;

	if (m->seg.idx_fd == -1 || m->seg.log_fd == -1) {
		errno = EIO;            /* what we wrote by is closed: an error might not be reported to another descriptor */
		return -1;
	}
	if (reclock_take(m->lock_fd, MBOX_GROUPSYNC, clock_after(LEADER_NS)) == -1)
		return errno == EBUSY ? sync_files(m, true) : -1;
	r = lead(m, first, last, named);
	err = errno;
	reclock_free(m->lock_fd, MBOX_GROUPSYNC);
	errno = err;
	return r;
}
