/* SPDX-License-Identifier: ISC */
/* settle: states first, then the counts in ctl.  A crash in between is made whole by recovery (recover.h). */
#include "mailbox/queue/settle.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/safefile.h"
#include "mailbox/box/compact.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/batch.h"
#include "mailbox/wait/backlog.h"
#include "mailbox/wait/wake.h"

/* neighbours -- how many of n items, from the first on, stand side by side. */
static uint32_t
neighbours(const struct item *items, uint32_t n)
{
	uint32_t i = 1;

	while (i < n && items[i].pos - items[0].pos == i)
		i++;
	return i;
}

/* set_states -- write the items' states, neighbours in one write.  owner: or what stands there.  Returns 0, or -1. */
static int
set_states(struct mbox *m, const struct item *items, uint32_t n, enum state_status status, unsigned more_tries,
    uint64_t owner)
{
	static uint64_t states[SETTLE_MAX];     /* static: each stack page touched costs a one-shot a page fault */

	for (uint32_t i = 0, step; i < n; i += step) {
		step = neighbours(items + i, n - i);
		for (uint32_t j = 0; j < step; j++)
			states[j] = state_make(status, items[i + j].tries + more_tries, owner);
		if (seg_write(&m->seg, SEG_STATES, items[i].pos, step, states) == -1)
			return -1;
	}
	return 0;
}

/*
 * note_claim -- note for mstat since when the items are claimed, neighbours in one write.  Where there is no disk for it,
 * that is not known; of an offer there is no place for it.
 */
static void
note_claim(const struct mbox *m, const struct item *items, uint32_t n)
{
	static uint64_t since[SETTLE_MAX];
	uint64_t now = SEG_CLAIMED_NS | clock_mono_ns();

	if (items[0].slot.flags & SLOT_OFFER)
		return;
	for (uint32_t i = 0, step; i < n; i += step) {
		step = neighbours(items + i, n - i);
		for (uint32_t j = 0; j < step; j++)
			since[j] = now;
		(void)seg_write(&m->seg, SEG_DUE, items[i].pos, step, since);
	}
}

int
settle_claim(struct mbox *m, const struct item *items, uint32_t n)
{
	uint64_t state;

	if (m->ctl.retrying > 0)
		for (uint32_t i = 0; i < n; i++) {
			if (seg_read(&m->seg, SEG_STATES, items[i].pos, 1, &state) == -1)
				return txn_fail(m);
			m->ctl.retrying -= state_status(state) == STATE_RETRY;
		}
	m->ctl.claimed += n;
	if (set_states(m, items, n, STATE_CLAIMED, 0, m->number) == -1)
		return txn_fail(m);
	note_claim(m, items, n);
	return 0;
}

long
settle_ours(const struct mbox *m, struct item *items, uint32_t n)
{
	static uint64_t states[SETTLE_MAX];
	uint32_t ours = 0;

	for (uint32_t i = 0, step; i < n; i += step) {
		step = neighbours(items + i, n - i);
		if (seg_read(&m->seg, SEG_STATES, items[i].pos, step, states) == -1)
			return -1;
		for (uint32_t j = 0; j < step; j++)
			if (state_status(states[j]) == STATE_CLAIMED && state_owner(states[j]) == m->number
			    && (!m->seg.h.sparse || seg_id(&m->seg, items[i + j].pos) == items[i + j].id))
				items[ours++] = items[i + j];
	}
	return ours;
}

int
settle_ready(struct mbox *m, const struct item *items, uint32_t n, bool tried, uint64_t delay_us)
{
	uint64_t due;

	if (n > m->ctl.claimed) {
		errno = EBADMSG;        /* as in settle_gone */
		return txn_fail(m);
	}
	if (delay_us > MAILBOX_DELAY_MAX_US)
		delay_us = MAILBOX_DELAY_MAX_US;
	due = clock_wall_us() + delay_us;
	for (uint32_t i = 0; i < n; i++) {
		if (delay_us > 0 && seg_write_one(&m->seg, SEG_DUE, items[i].pos, due) == -1)
			return txn_fail(m);
		if (m->ctl.head > items[i].id)
			m->ctl.head = items[i].id;
	}
	if (set_states(m, items, n, delay_us > 0 ? STATE_RETRY : STATE_READY, tried ? 1 : 0, delay_us) == -1)
		return txn_fail(m);
	m->ctl.claimed -= n;
	if (delay_us > 0)
		m->ctl.retrying += n;
	m->ctl.requeues++;
	return 0;
}

/*
 * tell_receivers -- n messages are about to leave a mailbox that is closed: wake the receivers that may end then.
 * Returns 0, or -1.
 */
static int
tell_receivers(struct mbox *m, const struct item *items, uint32_t n)
{
	static struct names names;
	const struct slot *known = NULL, *s;
	uint32_t used, len;

	if (m->ctl.wants == 0)
		return 0;
	names.n = names.len = 0;
	mbox_seg_names(m, &used, &len);
	if (names_read(&names, &m->seg, used, len) == -1)
		return -1;
	for (uint32_t i = 0; i < n; i++, known = s) {
		s = &items[i].slot;
		if (known != NULL && s->tag == known->tag && s->source == known->source)
			continue;
		if (wake_leaving(m, names_get(&names, s->tag), names_get(&names, s->source), n == m->ctl.live) == -1)
			return -1;
	}
	return 0;
}

/* discount -- take n messages out of the counts, and remove the files of those that have one. */
static void
discount(struct mbox *m, const struct item *items, uint32_t n)
{
	struct ctl *c = &m->ctl;
	char file[SEG_NAME_BYTES];

	for (uint32_t i = 0; i < n; i++) {
		c->live_bytes -= batch_cost(items[i].slot.len);
		c->first += c->first == items[i].id;
		c->head += c->head == items[i].id;
		if (items[i].slot.flags & (SLOT_BIG | SLOT_OFFER)) {
			seg_file(file, items[i].id, 0, items[i].slot.flags & SLOT_BIG ? "big" : "meet");
			c->orphans |= safefile_remove(m->dir_fd, file) == -1;
		}
	}
}

int
settle_gone(struct mbox *m, const struct item *items, uint32_t n, enum state_status was, enum state_status now,
    uint64_t keep)
{
	struct ctl *c = &m->ctl;

	if (n > c->live || (was == STATE_CLAIMED && n > c->claimed) || (was == STATE_RETRY && n > c->retrying)) {
		errno = EBADMSG;        /* the counts cannot be right */
		return txn_fail(m);
	}
	/* a drop is not counted by what is there: ctl names it first, for recovery to count where we are killed before */
	if (now == STATE_DROPPED)
		c->leaving = items[0].id;
	if (seg_read_links(&m->seg) == -1 || (now == STATE_DROPPED && txn_note(m) == -1))
		return txn_fail(m);
	/* before the state is written: after a kill, recovery may remove the segment, and so the one record of the outcome */
	for (uint32_t i = 0; i < n; i++)
		if ((items[i].slot.flags & SLOT_SYNC) && wake_end(m, items[i].id, now) == -1)
			return txn_fail(m);
	if (c->closed && tell_receivers(m, items, n) == -1)
		return txn_fail(m);
	if (set_states(m, items, n, now, 0, 0) == -1)
		return txn_fail(m);
	discount(m, items, n);
	c->live -= n;
	c->claimed -= was == STATE_CLAIMED ? n : 0;
	c->retrying -= was == STATE_RETRY ? n : 0;
	if (now == STATE_DROPPED)
		ctl_count_left(c);
	c->leaving = c->leaves_as = 0;
	m->seg.h.done += n;
	if (c->live == 0)
		c->first = c->head = c->next;
	if (seg_write_done(&m->seg) == -1 || compact_spent(&m->seg, c, keep) == -1)
		return txn_fail(m);
	return wake_room(m);
}

int
settle_find(struct mbox *m, uint64_t id, struct item *item, enum state_status *status)
{
	struct backlog c;
	int r;

	*item = (struct item){ .id = id };
	*status = STATE_DONE;
	backlog_begin(&c, m, id, id + 1, BACKLOG_ANY);
	r = id == 0 ? 0 : backlog_next(&c);
	if (r != 1 || backlog_slot(&c) == -1)
		return r == 1 ? -1 : r;
	item->slot = c.slot;
	item->pos = c.pos;
	item->tries = state_tries(c.state);
	*status = state_status(c.state);
	return *status < STATE_DONE;
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
		if (seg_find(&m->seg, in_seg, items[i].id, &items[i].pos) == -1)
			return -1;
	return 0;
}
