/* SPDX-License-Identifier: ISC */
/* revive: see revive.h.  A crash in it is mended by recount: the change is begun before the first state is written. */
#include "mailbox/recv/redeliver.h"

#include "base/clock.h"
#include "mailbox/box/txn.h"
#include "mailbox/queue/offer.h"
#include "mailbox/wait/wake.h"

enum {
	BLOCK = 256,                            /* states read at a time */
	OWNERS = 16,                            /* claimers remembered in one search for the dead */
};

#define ASK_NS UINT64_C(10000000)               /* how often claimers are asked for, at most */

int
revive_wake(struct claim *c, const struct item *items, uint32_t n)
{
	struct slice two[2];
	struct slot slot = { .tag = 0, .source = 1 };

	if (c->m->ctl.wants == 0)
		return 0;
	if (search_names(c) == -1)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		two[0] = names_get(&c->names, items[i].slot.tag);
		two[1] = names_get(&c->names, items[i].slot.source);
		if (wake_receivers(c->m, items[i].id, 1, &slot, two) == -1)
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

/* revive -- the message at pos, whose claimer died, is ready again. */
static int
revive(struct claim *c, uint32_t pos, uint64_t state)
{
	struct item item = { .id = seg_id(&c->m->seg, pos), .pos = pos, .tries = state_tries(state) };

	if (mbox_begin(c->m) == -1 || seg_read_slots(&c->m->seg, pos, 1, &item.slot) == -1)
		return -1;
	if (item.slot.flags & SLOT_MEET)
		return offer_revive(c->m, &item);
	return settle_ready(c->m, &item, 1, true, 0) == -1 ? -1 : revive_wake(c, &item, 1);
}

int
revive_dead(struct claim *c)
{
	struct mbox *m = c->m;
	struct owners known = { .n = 0 };
	uint64_t states[BLOCK], left = m->ctl.claimed, at, next;
	uint32_t n, step;

	c->asked = true;
	m->ctl.checked_ns = clock_mono_ns();
	for (at = m->ctl.first_seg; at != 0 && left > 0; at = next) {
		if (mbox_seg(m, at) == -1)
			return -1;
		next = mbox_seg_next(m);
		n = mbox_seg_n(m);
		/* with the last offer of a dead sender its segment goes */
		for (uint32_t pos = seg_find(&m->seg, n, m->ctl.first); pos < n && left > 0 && m->seg.h.first == at;
		    pos += step) {
			step = n - pos < BLOCK ? n - pos : BLOCK;
			if (seg_read_states(&m->seg, pos, step, states) == -1)
				return -1;
			for (uint32_t i = 0; i < step && m->seg.h.first == at; i++) {
				if (state_status(states[i]) != STATE_CLAIMED)
					continue;
				left--;
				if (!owner_lives(m, &known, state_owner(states[i]))
				    && revive(c, pos + i, states[i]) == -1)
					return -1;
			}
		}
	}
	return 0;
}

bool
revive_due(const struct claim *c)
{
	uint64_t now;

	if (c->m->ctl.claimed == 0)
		return false;
	if (!c->asked)
		return true;
	now = clock_mono_ns();
	return now < c->m->ctl.checked_ns || now - c->m->ctl.checked_ns >= ASK_NS;
}
