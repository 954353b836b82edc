/* SPDX-License-Identifier: ISC */
/* backlog: see backlog.h.  It only reads, so a crash in it leaves nothing. */
#include "mailbox/wait/backlog.h"

void
backlog_begin(struct backlog *c, struct mbox *m, uint64_t from, uint64_t below, unsigned wanted)
{
	const uint64_t open = mbox_seg_before(m, from);

	c->m = m;
	c->from = from;
	c->below = below;
	c->wanted = wanted;
	c->keep_fd = -1;
	/* mostly it stands in a segment that is open */
	c->next = open != 0 ? open : m->ctl.first_seg;
	c->first = c->names_of = c->looked = 0;
	c->block = c->n = c->i = c->end = 0;
}

/* enter -- go to the segment c->next.  Returns 0, or -1. */
static int
enter(struct backlog *c)
{
	struct mbox *m = c->m;
	uint32_t n;

	if (m->seg.h.first != c->next && m->seg.idx_fd == c->keep_fd)
		m->seg = (struct seg)SEG_CLOSED;
	if (mbox_seg(m, c->next) == -1)
		return -1;
	c->first = c->next;
	c->next = mbox_seg_next(m);
	n = mbox_seg_n(m);
	c->end = n;
	if (c->below != UINT64_MAX && seg_find(&m->seg, n, c->below, &c->end) == -1)
		return -1;
	return seg_find(&m->seg, n, c->from, &c->block);
}

bool
backlog_ends(struct backlog *c)
{
	enum state_status status;

	for (; c->i < c->n && c->m->seg.h.first == c->first; c->i++) {
		status = state_status(c->states[c->i]);
		if (status <= STATE_DROPPED && c->wanted & 1U << status)
			return false;
	}
	return true;
}

int
backlog_next(struct backlog *c)
{
	while (backlog_ends(c)) {
		c->block += c->n;
		c->n = c->i = 0;
		c->slots = c->expiries = c->dues = false;
		/* with its last message a segment goes */
		while (c->block >= c->end || c->m->seg.h.first != c->first) {
			if (c->next == 0 || c->next >= c->below)
				return 0;
			if (enter(c) == -1)
				return -1;
		}
		c->n = c->end - c->block < BACKLOG_BLOCK ? c->end - c->block : BACKLOG_BLOCK;
		if (seg_read(&c->m->seg, SEG_STATES, c->block, c->n, c->states) == -1)
			return -1;
		c->looked += c->n;
	}
	c->pos = c->block + c->i;
	c->state = c->states[c->i++];
	return 1;
}

uint64_t
backlog_id(const struct backlog *c)
{
	return seg_id(&c->m->seg, c->pos);
}

int
backlog_slot(struct backlog *c)
{
	if (!c->slots && seg_read_slots(&c->m->seg, c->block, c->n, c->slot_of) == -1)
		return -1;
	c->slots = true;
	c->slot = c->slot_of[c->pos - c->block];
	return 0;
}

int
backlog_expiry(struct backlog *c, uint64_t *expiry_us)
{
	*expiry_us = UINT64_MAX;
	if (!(c->slot.flags & SLOT_EXPIRES))
		return 0;
	if (!c->expiries && seg_read(&c->m->seg, SEG_EXPIRY, c->block, c->n, c->expiry) == -1)
		return -1;
	c->expiries = true;
	*expiry_us = c->expiry[c->pos - c->block];
	return 0;
}

int
backlog_due(struct backlog *c, uint64_t *due)
{
	if (!c->dues && seg_read(&c->m->seg, SEG_DUE, c->block, c->n, c->due) == -1)
		return -1;
	c->dues = true;
	*due = c->due[c->pos - c->block];
	return 0;
}

int
backlog_names(struct backlog *c, struct names *t)
{
	uint32_t n, len;

	if (c->names_of == c->first)
		return 0;
	names_none(t);
	mbox_seg_names(c->m, &n, &len);
	if (names_read(t, &c->m->seg, n, len) == -1)
		return -1;
	c->names_of = c->first;
	return 0;
}

uint64_t
backlog_first(struct backlog *c, struct names *names, struct mbox *m, uint64_t from, uint64_t below,
    const struct filter *filter)
{
	struct slot last = { .len = 0 };        /* that did not match: mostly there are long runs of one tag and source */
	struct seg held = m->seg;
	uint64_t seg = 0, layout = m->layout, id = 0;
	const bool keeps = m->keeps;

	m->keeps = false;       /* else a segment that is held and opened anew would be there twice */
	if (layout != m->ctl.layout)
		m->seg = (struct seg)SEG_CLOSED;
	backlog_begin(c, m, from, below, BACKLOG_READY);
	c->keep_fd = held.idx_fd;
	while (id == 0 && backlog_next(c) == 1 && backlog_slot(c) == 0) {
		if (c->first == seg && c->slot.tag == last.tag && c->slot.source == last.source)
			continue;
		if (backlog_names(c, names) == -1)
			break;
		seg = c->first;
		last = c->slot;
		if (last.tag < names->n && last.source < names->n
		    && filter_match(filter, names_get(names, last.tag), names_get(names, last.source)))
			id = backlog_id(c);
	}
	if (m->seg.idx_fd != held.idx_fd) {
		seg_close(&m->seg);
		m->seg = held;
		m->layout = layout;
	}
	m->keeps = keeps;
	return id;
}
