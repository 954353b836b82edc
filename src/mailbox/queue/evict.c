/* SPDX-License-Identifier: ISC */
/* displace: a send that takes the place of older messages.  A crash in it leaves what recount makes whole. */
#include "mailbox/queue/evict.h"

#include "base/clock.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/queue/settle.h"

enum {
	BLOCK = 256,                            /* states looked at together */
	KEEP = 256 * 1024,                      /* bytes of log that stay when it was the last message */
};

/* drop_in_segment -- drop_first, in m->seg.  names: of the segment, where tag is not NULL. */
static int
drop_in_segment(struct mbox *m, const struct slice *tag, const struct names *names)
{
	uint64_t states[BLOCK];
	struct slot slots[BLOCK];
	struct item item;
	uint32_t n = mbox_seg_n(m), pos = seg_find(&m->seg, n, m->ctl.head), step;

	for (; pos < n; pos += step) {
		step = n - pos < BLOCK ? n - pos : BLOCK;
		if (seg_read_states(&m->seg, pos, step, states) == -1 || seg_read_slots(&m->seg, pos, step, slots) == -1)
			return -1;
		for (uint32_t i = 0; i < step; i++) {
			enum state_status status = state_status(states[i]);

			if (status != STATE_READY && status != STATE_DELAYED)
				continue;
			item.pos = pos + i;
			item.slot = slots[i];
			if (tag != NULL && !slice_eq(names_get(names, item.slot.tag), *tag))
				continue;
			item.id = seg_id(&m->seg, item.pos);
			item.tries = state_tries(states[i]);
			return txn_begin(m) == -1 || settle_gone(m, &item, 1, status, STATE_DROPPED, KEEP) == -1 ? -1 : 1;
		}
	}
	return 0;
}

/* drop_first -- drop the first message that is ready and, where tag is not NULL, has it.  Returns 1, 0 none, or -1. */
static int
drop_first(struct mbox *m, const struct slice *tag)
{
	struct names names;
	uint32_t n, len;
	int r;

	for (uint64_t at = m->ctl.first_seg; at != 0; at = mbox_seg_next(m)) {
		if (mbox_seg(m, at) == -1)
			return -1;
		mbox_seg_names(m, &n, &len);
		names.n = names.len = 0;
		if (tag != NULL && names_read(&names, &m->seg, n, len) == -1)
			return -1;
		r = drop_in_segment(m, tag, &names);
		if (r != 0)
			return r;
	}
	return 0;
}

int
evict(struct mbox *m, struct slice tag, uint64_t cost, struct expiring *e)
{
	uint64_t most = piece_drops(m, &e->next);
	bool latest = m->ctl.policy == MAILBOX_LATEST;
	int r = m->ctl.policy != MAILBOX_BLOCK;

	/* one that was put back may stand beside a newer one */
	for (; r == 1 && (latest || !mbox_fits(&m->ctl, cost)); most--) {
		if (most == 0)
			return 1;
		r = drop_first(m, latest ? &tag : NULL);
	}
	return r == -1 ? -1 : 0;
}

/*
 * expire_block -- drop what has expired of n messages from place pos on, as many as drops says, which is lowered.
 * e: gets how far that came.  Returns 0, or -1.
 */
static int
expire_block(struct mbox *m, uint32_t pos, uint32_t n, struct expiring *e, uint32_t *drops)
{
	uint64_t states[BLOCK], expiry[BLOCK], now_us = clock_wall_us();
	struct slot slots[BLOCK];
	struct item item;
	enum state_status status;
	uint32_t known = n;

	if (seg_read_states(&m->seg, pos, n, states) == -1 || seg_read_slots(&m->seg, pos, n, slots) == -1)
		return -1;
	/* behind the last that expires the file may end */
	while (known > 0 && !(slots[known - 1].flags & SLOT_EXPIRES))
		known--;
	if (known > 0 && seg_read_expiry(&m->seg, pos, known, expiry) == -1)
		return -1;
	for (uint32_t i = 0; i < n && *drops > 0; i++) {
		item = (struct item){ .id = seg_id(&m->seg, pos + i), .slot = slots[i], .pos = pos + i,
			.tries = state_tries(states[i]) };
		status = state_status(states[i]);
		e->from = item.id + 1;
		if (i >= known || !(slots[i].flags & SLOT_EXPIRES) || status >= STATE_DONE)
			continue;
		if (expiry[i] > now_us || status == STATE_CLAIMED) {
			e->left = true;
			continue;
		}
		if (txn_begin(m) == -1 || settle_gone(m, &item, 1, status, STATE_DROPPED, KEEP) == -1)
			return -1;
		--*drops;
		if (m->seg.h.first == 0)
			break;          /* it was the last of its segment */
	}
	return 0;
}

int
evict_expired(struct mbox *m, struct expiring *e)
{
	/* what is claimed below head may be put back, and expire then */
	uint64_t at, next, from = e->from > m->ctl.first ? e->from : m->ctl.first;
	uint32_t n, step, looks = 0, drops = PIECE_DROPS;

	if (!m->ctl.expires)
		return 0;
	for (at = m->ctl.first_seg; at != 0; at = next) {
		if (mbox_seg(m, at) == -1)
			return -1;
		next = mbox_seg_next(m);
		n = mbox_seg_n(m);
		for (uint32_t pos = seg_find(&m->seg, n, from); pos < n && m->seg.h.first == at; pos += step) {
			if (drops == 0 || looks >= PIECE_LOOKS)
				return 1;
			step = n - pos < BLOCK ? n - pos : BLOCK;
			looks += step;
			if (expire_block(m, pos, step, e, &drops) == -1)
				return -1;
		}
	}
	if (drops == 0)
		return 1;               /* perhaps in the middle of a block */
	if (e->left)
		return 0;
	m->ctl.expires = 0;
	return txn_begin(m);
}
