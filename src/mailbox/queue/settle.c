/* SPDX-License-Identifier: ISC */
/* settle: states first, then the counts in ctl.  A crash in between is made whole by recovery (recover.h). */
#include "mailbox/queue/settle.h"

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/safefile.h"
#include "mailbox/box/compact.h"
#include "mailbox/box/delay.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/names.h"
#include "mailbox/wait/backlog.h"
#include "mailbox/wait/wake.h"

enum { FEW = 16 };                      /* words that stand on the stack */

static LARGE uint64_t words[SETTLE_MAX];        /* where there are more: each page of a stack costs a one-shot a fault */

/* set_states -- write the items' states, neighbours in one write.  owner: or what stands there.  Returns 0, or -1. */
static int
set_states(struct mbox *m, const struct item *items, uint32_t n, enum state_status status, unsigned more_tries,
    uint64_t owner)
{
	uint64_t few[FEW], *states = n <= FEW ? few : words;

	for (uint32_t i = 0, step; i < n; i += step) {
		const uint32_t pos = items[i].pos;

		for (step = 0; i + step < n && items[i + step].pos - pos == step; step++)
			states[step] = state_make(status, items[i + step].tries + more_tries, owner);
		if (seg_write(&m->seg, SEG_STATES, pos, step, states) == -1)
			return -1;
	}
	return 0;
}

/* neighbours -- how many of n items, from the first on, stand side by side. */
static uint32_t
neighbours(const struct item *items, uint32_t n)
{
	uint32_t i = 1;

	while (i < n && items[i].pos - items[0].pos == i)
		i++;
	return i;
}

/* note_now -- note that n items are claimed now (settle_claim).  Where there is no disk for it, it is not. */
static void
note_now(struct mbox *m, const struct item *items, uint32_t n, bool each)
{
	uint64_t few[FEW], *note = n <= FEW ? few : words;
	const uint64_t now = SEG_CLAIMED_NS | clock_mono_ns();

	for (uint32_t i = 0; i < (each ? n : 1); i++)
		note[i] = now;
	for (uint32_t i = 0, step; i < n; i += step) {
		step = neighbours(items + i, n - i);
		(void)seg_write(&m->seg, SEG_DUE, items[i].pos, each ? step : 1, note);
	}
}

int
settle_claim(struct mbox *m, const struct item *items, uint32_t n, enum claim_note note)
{
	struct ctl *c = &m->ctl;

	for (uint32_t i = 0; i < n && (c->retrying > 0 || c->delayed > 0); i++) {
		c->retrying -= items[i].status == STATE_RETRY && c->retrying > 0;
		c->delayed -= items[i].status == STATE_DELAYED && c->delayed > 0;
	}
	if (c->delayed == 0)
		delay_none(c);
	c->claimed += n;
	if (set_states(m, items, n, STATE_CLAIMED, 0, m->number) == -1)
		return txn_fail(m);
	/* of an offer there is no place for a note */
	if (note != NOTE_NONE && !(items[0].slot.flags & SLOT_OFFER))
		note_now(m, items, n, note == NOTE_EACH);
	return 0;
}

long
settle_ours(const struct mbox *m, struct item *items, uint32_t n)
{
	uint64_t few[FEW], *states = n <= FEW ? few : words;
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
	return (long)ours;
}

/* put_back -- settle_ready, of items that are due. */
static int
put_back(struct mbox *m, const struct item *items, uint32_t n, bool tried, uint64_t now_us, uint64_t delay_us)
{
	for (uint32_t i = 0; i < n; i++) {
		if (delay_us > 0 && seg_write_one(&m->seg, SEG_DUE, items[i].pos, now_us + delay_us) == -1)
			return txn_fail(m);
		delay_came_ready(&m->ctl, items[i].id);
	}
	if (set_states(m, items, n, delay_us > 0 ? STATE_RETRY : STATE_READY, tried ? 1 : 0, delay_us) == -1)
		return txn_fail(m);
	m->ctl.claimed -= n;
	m->ctl.failed += tried ? n : 0;
	if (delay_us > 0)
		m->ctl.retrying += n;
	m->ctl.requeues++;
	return 0;
}

/* delay_again -- an item that was taken before it was due is delayed until then.  Returns 1, 0 it was not, or -1. */
static int
delay_again(struct mbox *m, const struct item *item, bool tried, uint64_t after_us)
{
	uint64_t due;

	/* in the index stands since when it is claimed */
	if (mbox_seg_log(m) == -1 || batch_due(&m->seg, &item->slot, &due) == -1)
		return txn_fail(m);
	if (due <= after_us)
		return 0;
	if (delay_open(m) == -1)
		return txn_fail(m);
	if (delay_add(m, item->id, due) == -1)
		/* where there is no disk for it, it comes now */
		return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? 0 : txn_fail(m);
	if (seg_write_one(&m->seg, SEG_DUE, item->pos, due) == -1
	    || set_states(m, item, 1, STATE_DELAYED, tried ? 1 : 0, 0) == -1)
		return txn_fail(m);
	m->ctl.claimed--;
	m->ctl.failed += tried;
	return 1;
}

int
settle_ready(struct mbox *m, const struct item *items, uint32_t n, bool tried, uint64_t delay_us)
{
	const uint64_t now = clock_wall_us();
	uint32_t from = 0;
	int r;

	if (delay_us > MAILBOX_DELAY_MAX_US)
		delay_us = MAILBOX_DELAY_MAX_US;
	if (n > m->ctl.claimed) {
		errno = EBADMSG;        /* as in settle_gone */
		return txn_fail(m);
	}
	for (uint32_t i = 0; i < n; i++) {
		r = items[i].slot.flags & SLOT_DUE ? delay_again(m, &items[i], tried, now + delay_us) : 0;
		if (r == -1 || (r == 1 && put_back(m, items + from, i - from, tried, now, delay_us) == -1))
			return -1;
		from = r == 1 ? i + 1 : from;
	}
	return put_back(m, items + from, n - from, tried, now, delay_us);
}

int
settle_due(struct mbox *m, const struct item *item)
{
	if (set_states(m, item, 1, STATE_READY, 0, 0) == -1)
		return txn_fail(m);
	m->ctl.delayed--;
	m->ctl.requeues++;
	delay_came_ready(&m->ctl, item->id);
	return 0;
}

/*
 * tell_receivers -- n messages are about to leave a mailbox that is closed: wake the receivers that may end then.
 * Returns 0, or -1.
 */
static int
tell_receivers(struct mbox *m, const struct item *items, uint32_t n)
{
	static LARGE struct names names;
	const struct slot *known = NULL, *s;
	uint32_t used, len;

	if (m->ctl.wants == 0)
		return 0;
	names_none(&names);
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

	/* a drop is not counted by what is there: ctl names it first, for recovery to count where we are killed before */
	if (now == STATE_DROPPED) {
		c->leaving = items[0].id;
		if ((m->txn.changing ? txn_note(m) : txn_begin(m)) == -1)
			return txn_fail(m);
	}
	if (n > c->live || (was == STATE_CLAIMED && n > c->claimed) || (was == STATE_RETRY && n > c->retrying)
	    || (was == STATE_DELAYED && n > c->delayed)) {
		errno = EBADMSG;        /* the counts cannot be right */
		return txn_fail(m);
	}
	if (seg_read_links(&m->seg) == -1)
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
	c->delayed -= was == STATE_DELAYED ? n : 0;
	if (c->delayed == 0)
		delay_none(c);
	if (now == STATE_DROPPED)
		ctl_count_left(c);
	c->leaving = c->leaves_as = 0;
	m->seg.h.done += n;
	if (c->live == 0)
		c->first = c->head = c->next;
	if (seg_write_done(&m->seg) == -1 || compact_spent(m, keep) == -1)
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
	item->tries = (uint16_t)state_tries(c.state);
	*status = state_status(c.state);
	return *status < STATE_DONE;
}

/* find_places -- where the items stand in m->seg, mostly one behind another.  Returns 0, or -1. */
static OUT_OF_LINE int
find_places(struct mbox *m, struct item *items, uint32_t n)
{
	const uint32_t in_seg = mbox_seg_n(m);
	uint64_t ids[SEG_BLOCK];        /* those from `from` on */
	uint32_t from = 0, known = 0, pos = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (pos + 1 - from < known && ids[pos + 1 - from] == items[i].id) {
			items[i].pos = ++pos;
			continue;
		}
		if (seg_find(&m->seg, in_seg, items[i].id, &items[i].pos) == -1)
			return -1;
		from = pos = items[i].pos;
		if (!m->seg.h.sparse)
			continue;
		known = in_seg - from < n - i ? in_seg - from : n - i;
		known = known < SEG_BLOCK ? known : SEG_BLOCK;
		if (seg_read(&m->seg, SEG_IDS, from, known, ids) == -1)
			return -1;
	}
	return 0;
}

int
settle_places(struct mbox *m, uint64_t seg, uint64_t layout, struct item *items, uint32_t n)
{
	if (mbox_seg(m, seg) == -1)
		return -1;
	return layout == m->ctl.layout ? 0 : find_places(m, items, n);
}
