/* SPDX-License-Identifier: ISC */
/* end: see end.h. */
#include "mailbox/recv/end.h"

#include "base/clock.h"
#include "base/memory.h"
#include "mailbox/box/piece.h"
#include "mailbox/wait/backlog.h"

/* is_ours -- whether the message at the cursor is one that we select.  Returns 1, 0, or -1. */
static int
is_ours(struct claim *c, struct backlog *b)
{
	if (backlog_slot(b) == -1 || search_names(c) == -1)
		return -1;
	return b->slot.tag < c->ranked && b->slot.source < c->ranked && c->many->rank[b->slot.tag].tag != FILTER_NO_MATCH
	    && c->many->rank[b->slot.source].source != FILTER_NO_MATCH;
}

/*
 * is_left -- whether the message at the cursor is one that we select.  What has expired is nothing to one that peeks:
 * it is not shown, and nobody may come to drop it; so look again when this one does.  Returns 1, 0, or -1.
 */
static int
is_left(struct claim *c, struct backlog *b)
{
	uint64_t expiry, due = 0;
	int ours = is_ours(c, b);

	if (ours != 1 || !c->receiver->peek)
		return ours;
	if (backlog_expiry(b, &expiry) == -1
	    || (state_status(b->state) == STATE_DELAYED && backlog_due(b, &due) == -1))
		return -1;
	/* none does before it is due */
	expiry = expiry < due ? due : expiry;
	if (expiry <= clock_wall_us())
		return 0;
	if (expiry != UINT64_MAX && (c->due_us == 0 || expiry < c->due_us))
		c->due_us = expiry;
	return 1;
}

/* holds_any -- whether a message that we select is left.  Returns as end_reached. */
static OUT_OF_LINE int
holds_any(struct claim *c)
{
	struct mbox *m = &c->m;
	struct backlog b;
	int r, ours = 0;

	backlog_begin(&b, m, c->end_from > m->ctl.first ? c->end_from : m->ctl.first, UINT64_MAX, BACKLOG_LIVE);
	while (ours == 0 && (r = backlog_next(&b)) == 1) {
		c->end_from = backlog_id(&b);
		if (c->end_from == 0)
			return -1;
		if (b.looked > PIECE_LOOKS && !m->look)
			return END_PIECE;
		ours = is_left(c, &b);
	}
	if (ours != 0)
		return ours;
	c->end_from = r == 0 ? m->ctl.next : c->end_from;
	return r;
}

int
end_reached(struct claim *c)
{
	struct mbox *m = &c->m;
	uint64_t drops;
	int left;

	c->drops_left = false;
	if (!m->ctl.closed || m->ctl.paused)
		return 0;
	left = m->ctl.live == 0 ? 0 : c->receiver->filter->len == 0 && !c->receiver->peek ? 1 : holds_any(c);
	if (left != 0)
		return left == 1 ? 0 : left;
	if (!m->drops)
		return 1;
	if (mbox_drop(m) == -1 || dropdir_count(m->drop_fd, m->ctl.taken, &drops) == -1)
		return -1;
	c->drops_left = drops > 0;
	return drops == 0;
}
