/* SPDX-License-Identifier: ISC */
/* displace: a send that takes the place of older messages.  A crash in it leaves what recount makes whole. */
#include "mailbox/queue/evict.h"

#include "base/clock.h"
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
			return mbox_begin(m) == -1 || settle_gone(m, &item, 1, status, STATE_DROPPED, KEEP) == -1 ? -1 : 1;
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
displace(struct mbox *m, struct slice tag, uint64_t cost)
{
	int r = 1;

	/* one that was put back may stand beside a newer one */
	while (r == 1 && m->ctl.policy == MAILBOX_LATEST)
		r = drop_first(m, &tag);
	while (r == 1 && m->ctl.policy == MAILBOX_OLDEST && !mbox_fits(&m->ctl, cost))
		r = drop_first(m, NULL);
	return r == -1 ? -1 : 0;
}

/* expire_block -- drop what has expired of n messages from place pos on.  left: is set where others may expire yet. */
static int
expire_block(struct mbox *m, uint32_t pos, uint32_t n, uint64_t now_us, bool *left)
{
	uint64_t states[BLOCK], expiry;
	struct slot slots[BLOCK];
	struct item item;
	enum state_status status;

	if (seg_read_states(&m->seg, pos, n, states) == -1 || seg_read_slots(&m->seg, pos, n, slots) == -1)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		status = state_status(states[i]);
		if (!(slots[i].flags & SLOT_EXPIRES) || status >= STATE_DONE)
			continue;
		if (seg_read_expiry(&m->seg, pos + i, &expiry) == -1)
			return -1;
		if (expiry > now_us || status == STATE_CLAIMED) {
			*left = true;
			continue;
		}
		item = (struct item){ .id = seg_id(&m->seg, pos + i), .slot = slots[i], .pos = pos + i,
			.tries = state_tries(states[i]) };
		if (mbox_begin(m) == -1 || settle_gone(m, &item, 1, status, STATE_DROPPED, KEEP) == -1)
			return -1;
		if (m->seg.h.first == 0)
			break;          /* it was the last of its segment */
	}
	return 0;
}

int
displace_expired(struct mbox *m)
{
	uint64_t at, next, now_us = clock_wall_us();
	uint32_t n, step;
	bool left = false;

	if (!m->ctl.expires)
		return 0;
	for (at = m->ctl.first_seg; at != 0; at = next) {
		if (mbox_seg(m, at) == -1)
			return -1;
		next = mbox_seg_next(m);
		n = mbox_seg_n(m);
		for (uint32_t pos = seg_find(&m->seg, n, m->ctl.head); pos < n && m->seg.h.first == at; pos += step) {
			step = n - pos < BLOCK ? n - pos : BLOCK;
			if (expire_block(m, pos, step, now_us, &left) == -1)
				return -1;
		}
	}
	if (left)
		return 0;
	m->ctl.expires = 0;
	return mbox_begin(m);
}
