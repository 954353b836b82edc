/* SPDX-License-Identifier: ISC */
/* backlog: see backlog.h.  It only reads, so a crash in it leaves nothing. */
#include "mailbox/wait/backlog.h"

void
backlog_begin(struct backlog *c, struct mbox *m, uint64_t from, uint64_t below, unsigned wanted)
{
	bool held = m->seg.idx_fd != -1 && m->layout == m->ctl.layout && m->seg.h.first <= from;

	c->m = m;
	c->seg = &m->seg;
	c->apart = (struct seg)SEG_CLOSED;
	c->stays = false;
	c->from = from;
	c->below = below;
	c->wanted = wanted;
	/* mostly it stands in the segment that is open */
	c->next = held ? m->seg.h.first : m->ctl.first_seg;
	c->first = c->names_of = c->looked = 0;
	c->block = c->n = c->i = c->end = 0;
}

/* open_seg -- have the segment c->next in c->seg.  Returns 0, or -1. */
static int
open_seg(struct backlog *c)
{
	struct mbox *m = c->m;

	c->seg = &m->seg;
	if (!c->stays || (m->seg.h.first == c->next && m->layout == m->ctl.layout))
		return mbox_seg(m, c->next);
	seg_close(&c->apart);
	c->seg = &c->apart;
	return seg_open(&c->apart, m->dir_fd, c->next, seg_access(m->ctl.mode));
}

/* enter -- go to the segment c->next.  Returns 0, or -1. */
static int
enter(struct backlog *c)
{
	const struct ctl *ctl = &c->m->ctl;
	bool newest = c->next == ctl->last_seg;
	uint32_t n;

	if (open_seg(c) == -1)
		return -1;
	c->first = c->next;
	c->next = newest ? 0 : c->seg->h.next;
	n = newest ? (uint32_t)(ctl->next - c->first) : c->seg->h.n;
	c->block = seg_find(c->seg, n, c->from);
	c->end = c->below == UINT64_MAX ? n : seg_find(c->seg, n, c->below);
	return 0;
}

/* wanted -- whether message i of the block is one to stop at. */
static bool
wanted(const struct backlog *c, uint32_t i)
{
	enum state_status status = state_status(c->states[i]);

	return status < STATE_DONE && c->wanted & 1U << status;
}

int
backlog_next(struct backlog *c)
{
	while (backlog_ends(c)) {
		c->block += c->n;
		c->n = 0;
		/* with its last message a segment goes */
		while (c->block >= c->end || c->seg->h.first != c->first) {
			if (c->next == 0 || c->next >= c->below)
				return 0;
			if (enter(c) == -1)
				return -1;
		}
		c->n = c->end - c->block < BACKLOG_BLOCK ? c->end - c->block : BACKLOG_BLOCK;
		if (seg_read_states(c->seg, c->block, c->n, c->states) == -1)
			return -1;
		c->looked += c->n;
		c->i = c->slots = c->expiries = 0;
	}
	while (!wanted(c, c->i))
		c->i++;
	c->pos = c->block + c->i;
	c->state = c->states[c->i++];
	return 1;
}

bool
backlog_ends(const struct backlog *c)
{
	for (uint32_t i = c->i; i < c->n && c->seg->h.first == c->first; i++)
		if (wanted(c, i))
			return false;
	return true;
}

uint64_t
backlog_id(const struct backlog *c)
{
	return seg_id(c->seg, c->pos);
}

int
backlog_slot(struct backlog *c)
{
	if (c->slots == 0 && seg_read_slots(c->seg, c->block, c->n, c->slot_of) == -1)
		return -1;
	c->slots = c->n;
	c->slot = c->slot_of[c->pos - c->block];
	return 0;
}

int
backlog_expiry(struct backlog *c, uint64_t *expiry_us)
{
	uint32_t known = c->n;

	*expiry_us = UINT64_MAX;
	if (!(c->slot.flags & SLOT_EXPIRES))
		return 0;
	/* behind the last that expires the file may end */
	while (!(c->slot_of[known - 1].flags & SLOT_EXPIRES))
		known--;
	if (c->expiries == 0 && seg_read_expiry(c->seg, c->block, known, c->expiry) == -1)
		return -1;
	c->expiries = known;
	*expiry_us = c->expiry[c->pos - c->block];
	return 0;
}

int
backlog_names(struct backlog *c, struct names *t)
{
	const struct ctl *ctl = &c->m->ctl;
	bool newest = c->first == ctl->last_seg;

	if (c->names_of == c->first)
		return 0;
	t->n = t->len = 0;
	if (names_read(t, c->seg, newest ? ctl->names : c->seg->h.names, newest ? ctl->names_len : c->seg->h.names_len) == -1)
		return -1;
	c->names_of = c->first;
	return 0;
}

/* next_match -- go to the next message that the filter matches.  Returns whether there is one that can be read. */
static bool
next_match(struct backlog *c, struct names *names, const struct filter *filter)
{
	struct slot last = { .len = 0 };        /* that did not match: mostly there are long runs of one tag and source */
	uint64_t seg = 0;

	while (backlog_next(c) == 1 && backlog_slot(c) == 0) {
		if (c->first == seg && c->slot.tag == last.tag && c->slot.source == last.source)
			continue;
		if (backlog_names(c, names) == -1)
			return false;
		seg = c->first;
		last = c->slot;
		if (last.tag < names->n && last.source < names->n
		    && filter_match(filter, names_get(names, last.tag), names_get(names, last.source)))
			return true;
	}
	return false;
}

uint64_t
backlog_first(struct backlog *c, struct names *names, struct mbox *m, uint64_t from, uint64_t below,
    const struct filter *filter)
{
	uint64_t id = 0;

	backlog_begin(c, m, from, below, BACKLOG_READY);
	c->stays = true;
	if (next_match(c, names, filter))
		id = backlog_id(c);
	seg_close(&c->apart);
	return id;
}
