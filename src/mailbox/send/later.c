/* SPDX-License-Identifier: ISC */
/* later: see later.h.  A crash leaves states beyond the end, and entries in `due`: recovery clears them (recover.c). */
#include "mailbox/send/later.h"

#include "base/clock.h"
#include "mailbox/box/delay.h"
#include "mailbox/box/txn.h"
#include "mailbox/wait/keeper.h"

enum { TOGETHER = 256 };                /* kept back in one section: each takes some calls */

/* keeps_back -- whether messages are kept there until they are due; else they come at once. */
static bool
keeps_back(const struct mbox *m)
{
	return m->ctl.cap_messages != 0 && m->ctl.policy != MAILBOX_LATEST;
}

int
later_times(struct mbox *m, const struct batch *b, uint32_t i, uint32_t pos, struct slot *slot)
{
	if (slot->flags & SLOT_EXPIRES) {
		m->ctl.expires = 1;
		if (seg_write_one(&m->seg, SEG_EXPIRY, pos, b->many->expiries[i]) == -1)
			return -1;
	}
	if (!keeps_back(m))
		slot->flags &= (uint16_t)~SLOT_DUE;
	return slot->flags & SLOT_DUE ? seg_write_one(&m->seg, SEG_DUE, pos, b->many->dues[i]) : 0;
}

uint32_t
later_alike(const struct mbox *m, const struct batch *b, uint32_t n, bool *later)
{
	const struct slot *slots = b->slots + b->from;
	uint64_t now = 0;
	uint32_t i;
	bool is;

	if (!b->has_due)
		return n;
	for (i = 0; i < n; i++) {
		is = slots[i].flags & SLOT_DUE && keeps_back(m);
		if (is && now == 0)
			now = clock_wall_us();
		is = is && b->many->dues[b->from + i] > now;
		if (i == 0)
			*later = is;
		if (is != *later || (is && i == TOGETHER))
			break;
	}
	return i;
}

int
later_begin(struct mbox *m)
{
	return txn_begin(m) == -1 ? -1 : delay_open(m);
}

int
later_keep(struct mbox *m, const struct batch *b, uint32_t n)
{
	const uint64_t due_us = m->ctl.due_us;
	uint64_t states[TOGETHER];

	for (uint32_t i = 0; i < n; i++) {
		states[i] = state_make(STATE_DELAYED, 0, 0);
		if (delay_add(m, m->ctl.next + i, b->many->dues[b->from + i]) == -1)
			return -1;
	}
	if (seg_write(&m->seg, SEG_STATES, mbox_seg_n(m), n, states) == -1)
		return -1;
	if (m->ctl.head == m->ctl.next)
		m->ctl.head += n;
	return m->ctl.due_us != due_us ? keeper_tell(m) : 0;
}
