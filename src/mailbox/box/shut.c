/* SPDX-License-Identifier: ISC */
/* shut: see shut.h. */
#include "mailbox/box/shut.h"

#include "mailbox/box/txn.h"
#include "mailbox/disk/dropdir.h"
#include "mailbox/disk/wakefifo.h"

void
shut_wake(struct mbox *m)
{
	struct want w;
	int fd;

	for (uint32_t i = 0; i < m->ctl.wants; i++)
		if (want_read_head(m->want_fd, i, &w) == 0 && w.owner != 0
		    && (fd = wakefifo_ring_open(m->dir_fd, w.owner, m->shared)) != -1)
			txn_ring(m, fd);
}

int
shut_mark(struct mbox *m)
{
	if (!m->drops || dropdir_marked(m->dir_fd))
		return 0;
	return mbox_drop(m) == -1 || txn_begin(m) == -1 ? -1 : dropdir_mark(m->dir_fd, m->ctl.mode);
}

int
shut_close(struct mbox *m)
{
	if (m->ctl.closed)
		return 0;
	if (shut_mark(m) == -1)
		return -1;
	shut_wake(m);
	m->ctl.closed = 1;
	if ((m->txn.changing ? txn_note(m) : txn_begin(m)) == -1)
		return txn_fail(m);
	return m->drops && (mbox_drop(m) == -1 || dropdir_shut(m->drop_fd) == -1) ? txn_fail(m) : 0;
}

int
shut_open(struct mbox *m)
{
	if (!m->ctl.closed)
		return 0;
	if (txn_begin(m) == -1)
		return -1;
	if (m->drops && (mbox_drop(m) == -1 || dropdir_unshut(m->drop_fd, m->ctl.mode) == -1
	    || dropdir_unmark(m->dir_fd) == -1))
		return txn_fail(m);
	m->ctl.closed = 0;
	return 0;
}
