/* SPDX-License-Identifier: ISC */
/* redeliver: the change is begun before the first state is written, so that recovery mends what a crash leaves. */
#include "mailbox/recv/redeliver.h"

#include "base/clock.h"
#include "base/memory.h"
#include "mailbox/box/compact.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/names.h"
#include "mailbox/queue/offer.h"
#include "mailbox/wait/wake.h"

enum {
	BLOCK = 256,                            /* states read at a time */
	OWNERS = 16,                            /* claimers remembered in one look for the dead */
};

#define ASK_NS UINT64_C(10000000)               /* from one look to the next, of all processes, at least */

int
redeliver_wake(struct claim *c, const struct item *items, uint32_t n)
{
	const struct slot slot = { .tag = 0, .source = 1 };

	if (c->m.ctl.wants == 0)
		return 0;
	if (search_names(c) == -1)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		const struct slice two[] = { names_get(&c->many->names, items[i].slot.tag),
			names_get(&c->many->names, items[i].slot.source) };

		if (wake_receivers(&c->m, items[i].id, 1, &slot, two) == -1)
			return -1;
	}
	return 0;
}

struct owners {
	uint64_t owner[OWNERS];
	bool lives[OWNERS];
	unsigned n;
};

static bool
owner_lives(const struct mbox *m, struct owners *known, uint64_t owner)
{
	unsigned i;

	for (i = 0; i < known->n && i < OWNERS; i++)
		if (known->owner[i] == owner)
			return known->lives[i];
	i = known->n++ % OWNERS;
	known->owner[i] = owner;
	return known->lives[i] = mbox_lives(m, owner);
}

/* requeue -- n messages of m->seg, whose claimers died, are ready again; offers go back to their senders. */
static int
requeue(struct claim *c, const struct item *items, uint32_t n)
{
	uint64_t seg = c->m.seg.h.first;

	if (!(items[0].slot.flags & SLOT_OFFER))
		return settle_ready(&c->m, items, n, true, 0) == -1 ? -1 : redeliver_wake(c, items, n);
	/* with the last offer of a dead sender its segment goes */
	for (uint32_t i = 0; i < n && c->m.seg.h.first == seg; i++)
		if (offer_redeliver(&c->m, &items[i]) == -1)
			return -1;
	return 0;
}

/*
 * look_at_block -- look at n messages from place pos on.  left: is lowered by how many are claimed; requeued: raised by
 * how many had dead claimers.  Returns 0, or -1.
 */
static OUT_OF_LINE int
look_at_block(struct claim *c, struct owners *known, uint32_t pos, uint32_t n, uint64_t *left, uint32_t *requeued)
{
	struct seg *seg = &c->m.seg;
	uint64_t states[BLOCK];
	struct slot slots[BLOCK];
	struct item items[BLOCK];
	uint32_t dead = 0;

	if (seg_read(seg, SEG_STATES, pos, n, states) == -1)
		return -1;
	for (uint32_t i = 0; i < n && *left > 0; i++) {
		if (state_status(states[i]) != STATE_CLAIMED)
			continue;
		--*left;
		if (!owner_lives(&c->m, known, state_owner(states[i])))
			items[dead++] = (struct item){ .id = seg_id(seg, pos + i), .pos = pos + i,
				.tries = (uint16_t)state_tries(states[i]) };
		if (dead > 0 && items[dead - 1].id == 0)
			return -1;
	}
	if (dead == 0)
		return 0;
	if (txn_begin(&c->m) == -1 || seg_read_slots(seg, pos, n, slots) == -1)
		return -1;
	for (uint32_t i = 0; i < dead; i++)
		items[i].slot = slots[items[i].pos - pos];
	*requeued += dead;
	return requeue(c, items, dead);
}

int
redeliver_dead(struct claim *c)
{
	struct mbox *m = &c->m;
	struct owners known = { .n = 0 };
	uint64_t left = m->ctl.claimed, at, next;
	uint32_t n, pos, step, requeued = 0, before;

	for (at = m->ctl.first_seg; at != 0 && left > 0; at = next) {
		if (mbox_seg(m, at) == -1)
			return -1;
		next = mbox_seg_next(m);
		n = mbox_seg_n(m);
		if (seg_find(&m->seg, n, m->ctl.first, &pos) == -1)
			return -1;
		before = requeued;
		for (; pos < n && left > 0 && m->seg.h.first == at; pos += step) {
			/* all of them before anything is received: what was sent later comes after them */
			if (requeued >= PIECE_LOOKS)
				return 1;
			step = n - pos < BLOCK ? n - pos : BLOCK;
			if (look_at_block(c, &known, pos, step, &left, &requeued) == -1)
				return -1;
		}
		if (requeued > before)
			compact_sparse(m, &m->seg);
	}
	c->asked = true;
	m->ctl.checked_ns = clock_mono_ns();
	return 0;
}

bool
redeliver_due(const struct claim *c)
{
	uint64_t now;

	if (c->m.ctl.claimed == 0)
		return false;
	if (!c->asked)
		return true;
	now = clock_mono_ns();
	return now < c->m.ctl.checked_ns || now - c->m.ctl.checked_ns >= ASK_NS;
}
