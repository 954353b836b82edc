/* SPDX-License-Identifier: ISC */
/* known: see known.h. */
#include "mailbox/recv/known.h"

uint32_t
known_from(const struct claim *c, uint32_t pos)
{
	if (c->slots_of != c->m.seg.h.first || c->slots_layout != c->m.ctl.layout || pos < c->slots_at
	    || pos - c->slots_at >= c->slots_n)
		return 0;
	return c->slots_at + c->slots_n - pos;
}

/* know_slots -- the slots of n messages from pos on are in c->slots. */
static void
know_slots(struct claim *c, uint32_t pos, uint32_t n)
{
	c->slots_of = c->m.seg.h.first;
	c->slots_layout = c->m.ctl.layout;
	c->slots_at = pos;
	c->slots_n = n;
}

const struct slot *
known_slots(struct claim *c, uint32_t pos, uint32_t n)
{
	const struct seg *seg = &c->m.seg;

	if (known_from(c, pos) >= n)
		return c->slots + (pos - c->slots_at);
	c->slots_n = 0;
	c->slots = n <= KNOWN_FEW ? c->few_slots : c->many->slots;
	if (seg_read_slots(seg, pos, n, c->slots) == -1)
		return NULL;
	know_slots(c, pos, n);
	return c->slots;
}

int
known_states(struct claim *c, uint32_t pos, uint32_t n)
{
	const struct seg *seg = &c->m.seg;
	bool sound = true;

	c->states = n <= KNOWN_FEW ? c->few_states : c->many->states;
	if (n > KNOWN_FEW || known_from(c, pos) >= n)
		return seg_read(seg, SEG_STATES, pos, n, c->states);
	c->slots = c->few_slots;
	c->slots_n = 0;
	if (!seg_read_near(seg, pos, n, c->states, c->slots, KNOWN_FEW))
		return seg_read(seg, SEG_STATES, pos, n, c->states);
	for (uint32_t i = 0; i < n; i++)
		sound &= seg_slot_sound(&c->slots[i]);
	if (sound)
		know_slots(c, pos, n);
	return 0;
}

void
known_ahead(struct claim *c, const struct run *run)
{
	const struct mbox *m = &c->m;
	uint32_t n = mbox_seg_n(m), pos = run->in->items[run->n - 1].pos + 1;

	if (m->seg.h.first == run->in->at.seg && pos < n && known_from(c, pos) == 0)
		known_slots(c, pos, n - pos < KNOWN_MESSAGES ? n - pos : KNOWN_MESSAGES);
}
