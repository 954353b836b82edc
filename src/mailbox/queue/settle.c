/* SPDX-License-Identifier: ISC */
/* settle: states first, then the counts in ctl.  A kill in between is mended by recount. */
#include "mailbox/queue/settle.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/safefile.h"
#include "mailbox/box/compact.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/batch.h"
#include "mailbox/wait/wake.h"

#define RETRY_FIRST_US UINT64_C(100000)         /* a message that failed is not given for 0.1 s x 2^tries */

/* set_states -- write the items' states, neighbours at one stroke. */
static int
set_states(struct mbox *m, const struct item *items, uint32_t n, enum state_status status, unsigned more_tries)
{
	static uint64_t states[SETTLE_MAX];     /* no stack: each page of it that is probed is a fault in a one-shot */
	uint64_t owner = status == STATE_CLAIMED ? m->number : 0;

	for (uint32_t i = 0, j; i < n; i = j) {
		for (j = i; j < n && items[j].pos - items[i].pos == j - i; j++)
			states[j - i] = state_make(status, items[j].tries + more_tries, owner);
		if (seg_write_states(&m->seg, items[i].pos, j - i, states) == -1)
			return -1;
	}
	return 0;
}

int
settle_claim(struct mbox *m, const struct item *items, uint32_t n)
{
	uint64_t state;

	if (m->ctl.delayed > 0)
		for (uint32_t i = 0; i < n; i++) {
			if (seg_read_states(&m->seg, items[i].pos, 1, &state) == -1)
				return txn_fail(m);
			m->ctl.delayed -= state_status(state) == STATE_DELAYED;
		}
	m->ctl.claimed += n;
	return set_states(m, items, n, STATE_CLAIMED, 0) == -1 ? txn_fail(m) : 0;
}

long
settle_ours(const struct mbox *m, struct item *items, uint32_t n)
{
	static uint64_t states[SETTLE_MAX];
	uint32_t ours = 0;

	for (uint32_t i = 0, j; i < n; i = j) {
		for (j = i; j < n && items[j].pos - items[i].pos == j - i; j++)
			;
		if (seg_read_states(&m->seg, items[i].pos, j - i, states) == -1)
			return -1;
		for (uint32_t k = i; k < j; k++)
			if (state_status(states[k - i]) == STATE_CLAIMED && state_owner(states[k - i]) == m->number
			    && (!m->seg.h.sparse || seg_id(&m->seg, items[k].pos) == items[k].id))
				items[ours++] = items[k];
	}
	return ours;
}

int
settle_ready(struct mbox *m, const struct item *items, uint32_t n, bool tried, uint64_t delay_us)
{
	uint64_t due = clock_wall_us() + delay_us;

	if (n > m->ctl.claimed) {
		errno = EBADMSG;        /* as of settle_gone */
		return txn_fail(m);
	}
	for (uint32_t i = 0; i < n; i++) {
		if (delay_us > 0 && seg_write_due(&m->seg, items[i].pos, due) == -1)
			return txn_fail(m);
		if (m->ctl.head > items[i].id)
			m->ctl.head = items[i].id;
	}
	if (set_states(m, items, n, delay_us > 0 ? STATE_DELAYED : STATE_READY, tried ? 1 : 0) == -1)
		return txn_fail(m);
	m->ctl.claimed -= n;
	if (delay_us > 0)
		m->ctl.delayed += n;
	m->ctl.requeues++;
	return 0;
}

/* end -- what goes with a message that is more than a frame when it leaves. */
static void
end(struct mbox *m, const struct item *item)
{
	char file[SEG_NAME_BYTES];

	if (item->slot.flags & (SLOT_BIG | SLOT_OFFER)) {
		seg_file(file, item->id, 0, item->slot.flags & SLOT_BIG ? "big" : "meet");
		m->ctl.orphans |= safefile_remove(m->dir_fd, file) == -1;
	}
}

/* end_all -- take n messages out of the counts, and what goes with them. */
static void
end_all(struct mbox *m, const struct item *items, uint32_t n)
{
	uint64_t first = m->ctl.first, head = m->ctl.head, bytes = 0;

	for (uint32_t i = 0; i < n; i++) {
		bytes += batch_cost(items[i].slot.len);
		first += first == items[i].id;
		head += head == items[i].id;
		if (items[i].slot.flags & (SLOT_BIG | SLOT_OFFER))
			end(m, &items[i]);
	}
	m->ctl.first = first;
	m->ctl.head = head;
	m->ctl.live_bytes -= bytes;
}

/*
 * announce -- say which message is about to be dropped: where we are killed before we have counted it, recount does.
 * No other change has it that a count of what is there does not tell.
 */
static int
announce(struct mbox *m, const struct item *items, uint32_t n)
{
	if (n != 1) {
		errno = EINVAL;
		return -1;
	}
	m->ctl.leaving = items[0].id;
	return txn_note(m);
}

int
settle_gone(struct mbox *m, const struct item *items, uint32_t n, enum state_status was, enum state_status now,
    uint64_t keep)
{
	struct ctl *c = &m->ctl;

	if (n > c->live || (was == STATE_CLAIMED && n > c->claimed) || (was == STATE_DELAYED && n > c->delayed)) {
		errno = EBADMSG;        /* what counts nothing else than these has been changed by somebody else */
		return txn_fail(m);
	}
	if (seg_read_links(&m->seg) == -1 || (now == STATE_DROPPED && announce(m, items, n) == -1))
		return txn_fail(m);
	/* who waits for an end must be told before there is a state that recount, after a kill, removes with its segment */
	for (uint32_t i = 0; i < n; i++)
		if ((items[i].slot.flags & SLOT_SYNC) && wake_end(m, items[i].id, now) == -1)
			return txn_fail(m);
	if (set_states(m, items, n, now, 0) == -1)
		return txn_fail(m);
	end_all(m, items, n);
	c->live -= n;
	c->claimed -= was == STATE_CLAIMED ? n : 0;
	c->delayed -= was == STATE_DELAYED ? n : 0;
	c->dropped += now == STATE_DROPPED;
	c->leaving = 0;
	m->seg.h.done += n;
	if (c->live == 0)
		c->first = c->head = c->next;
	if (seg_write_done(&m->seg) == -1 || compact_spent(&m->seg, c, keep) == -1)
		return txn_fail(m);
	return wake_room(m);
}

uint64_t
mailbox_retry_us(unsigned tries)
{
	uint64_t delay = RETRY_FIRST_US;

	for (unsigned i = 0; i < tries && delay < SETTLE_DELAY_MAX_US; i++)
		delay *= 2;
	return delay < SETTLE_DELAY_MAX_US ? delay : SETTLE_DELAY_MAX_US;
}

int
settle_find(struct mbox *m, uint64_t id, struct item *item, enum state_status *status)
{
	uint64_t state, at = m->ctl.first_seg;
	uint32_t n, pos;

	*item = (struct item){ .id = id };
	*status = STATE_DONE;
	if (id == 0 || id >= m->ctl.next)
		return 0;
	for (; at != 0 && at <= id; at = mbox_seg_next(m)) {
		if (mbox_seg(m, at) == -1)
			return -1;
		n = mbox_seg_n(m);
		pos = seg_find(&m->seg, n, id);
		if (pos == n)
			continue;
		if (seg_id(&m->seg, pos) != id)
			return 0;
		item->pos = pos;
		if (seg_read_states(&m->seg, pos, 1, &state) == -1 || seg_read_slots(&m->seg, pos, 1, &item->slot) == -1)
			return -1;
		item->tries = state_tries(state);
		*status = state_status(state);
		return *status < STATE_DONE;
	}
	return 0;
}

int
settle_places(struct mbox *m, uint64_t seg, uint64_t layout, struct item *items, uint32_t n)
{
	uint32_t in_seg;

	if (mbox_seg(m, seg) == -1)
		return -1;
	if (layout == m->ctl.layout)
		return 0;
	in_seg = mbox_seg_n(m);
	for (uint32_t i = 0; i < n; i++)
		items[i].pos = seg_find(&m->seg, in_seg, items[i].id);
	return 0;
}
