/* SPDX-License-Identifier: ISC */
/* newest: begin a segment.  ctl is busy meanwhile: what a crash leaves, recovery removes. */
#include "mailbox/send/newest.h"

#include "mailbox/box/compact.h"
#include "mailbox/box/txn.h"

void
newest_extent(struct mbox *m)
{
	m->seg.h.n = mbox_seg_n(m);
	m->seg.h.names = m->ctl.names;
	m->seg.h.names_len = m->ctl.names_len;
	m->seg.h.log_len = m->ctl.log_len;
}

/*
 * link_newest -- have fresh, which was made, follow m->seg in the chain and be m->seg from now on.  Returns 0, or -1.
 */
static int
link_newest(struct mbox *m, const struct seg *fresh)
{
	struct ctl *c = &m->ctl;

	if (c->last_seg == 0) {
		c->first_seg = c->next;
	} else {
		newest_extent(m);
		m->seg.h.next = c->next;
		if (seg_read_links(&m->seg) == -1 || seg_write_header(&m->seg) == -1)
			return -1;
	}
	c->last_seg = c->next;
	c->log_len = c->names = c->names_len = 0;
	c->layout++;
	/* the old one may go only once ctl knows the new one */
	if (txn_note(m) == -1 || (m->seg.h.first != 0 && compact_spent(m, 0) == -1))
		return -1;
	compact_sparse(m, &m->seg);
	txn_give_back(m);       /* room for what is sent now */
	seg_close(&m->seg);
	m->seg = *fresh;
	m->layout = c->layout;
	return 0;
}

int
newest_begin(struct mbox *m)
{
	struct ctl *c = &m->ctl;
	struct seg fresh;

	if (txn_begin(m) == -1 || seg_create(&fresh, m->dir_fd, c->next, c->last_seg, c->mode, c->incarnation) == -1)
		return -1;
	if (link_newest(m, &fresh) == 0)
		return 0;
	seg_close(&fresh);
	return -1;
}
