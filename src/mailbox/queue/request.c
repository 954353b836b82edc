/* SPDX-License-Identifier: ISC */
/* call: reads, but for the withdrawal, which is one change. */
#include "mailbox/queue/request.h"

#include "base/clock.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/want.h"

enum { BLOCK = 256 };           /* states read at a time */

#define LOCK_NS UINT64_C(1000000000)

/* is_offerer -- whether who has claimed the message at place pos is its sender: an offer that he has back. */
static bool
is_offerer(const struct mbox *m, uint32_t pos, uint64_t owner)
{
	uint64_t sender;

	return m->ctl.cap_messages == 0 && seg_read_due(&m->seg, pos, &sender) == 0 && sender == owner;
}

/* has_claimer -- whether somebody alive has claimed a message, this one or another.  Returns 1, 0 or -1. */
static int
has_claimer(struct mbox *m)
{
	uint64_t states[BLOCK], left = m->ctl.claimed, at, dead = 0;
	uint32_t n, step;

	for (at = m->ctl.first_seg; at != 0 && left > 0; at = mbox_seg_next(m)) {
		if (mbox_seg(m, at) == -1)
			return -1;
		n = mbox_seg_n(m);
		for (uint32_t pos = seg_find(&m->seg, n, m->ctl.first); pos < n && left > 0; pos += step) {
			step = n - pos < BLOCK ? n - pos : BLOCK;
			if (seg_read_states(&m->seg, pos, step, states) == -1)
				return -1;
			for (uint32_t i = 0; i < step; i++) {
				if (state_status(states[i]) != STATE_CLAIMED)
					continue;
				left--;
				if (state_owner(states[i]) == dead || is_offerer(m, pos + i, state_owner(states[i])))
					continue;
				if (mbox_lives(m, state_owner(states[i])))
					return 1;
				dead = state_owner(states[i]);
			}
		}
	}
	return 0;
}

int
request_served(struct mbox *m, struct slice tag, struct slice source)
{
	struct want w;

	for (uint32_t i = 0; i < m->ctl.wants; i++) {
		if (want_read(m->want_fd, i, &w) == -1)
			return -1;
		if (w.owner != 0 && w.kind == WANT_RECEIVE && filter_match(&w.filter, tag, source)
		    && mbox_lives(m, w.owner))
			return 1;
	}
	return has_claimer(m);
}

/* find -- find message id.  lost: gets whether its claimer is dead.  Returns as settle_find. */
static int
find(struct mbox *m, uint64_t id, struct item *item, enum state_status *status, bool *lost)
{
	uint64_t state;
	int r = settle_find(m, id, item, status);

	*lost = false;
	if (r != 1 || *status != STATE_CLAIMED)
		return r;
	if (seg_read_states(&m->seg, item->pos, 1, &state) == -1)
		return -1;
	*lost = !mbox_lives(m, state_owner(state));
	return 1;
}

/* drop -- the message has left the mailbox, unreceived. */
static int
drop(struct mbox *m, const struct item *item, enum state_status was)
{
	if (txn_begin(m) == -1 || settle_gone(m, item, 1, was, STATE_DROPPED, 0) == -1)
		return -1;
	return txn_commit(m);
}

int
request_find(struct mbox *m, uint64_t id, struct slice tag, struct slice source)
{
	struct item item;
	enum state_status status;
	bool lost;
	int r, found;

	if (txn_lock(m, clock_after(LOCK_NS)) == -1)
		return -1;
	r = found = find(m, id, &item, &status, &lost);
	if (found == 0) {
		r = REQUEST_GONE;
	} else if (found == 1 && (lost || (status != STATE_CLAIMED && item.tries > 0))) {
		r = request_served(m, tag, source);
		if (r == 0) {
			/* looking for others may have moved m->seg */
			r = find(m, id, &item, &status, &lost) != 1 || drop(m, &item, status) == -1 ? -1 : REQUEST_LOST;
		} else if (r == 1) {
			r = REQUEST_WAITS;
		}
	} else if (found == 1) {
		r = REQUEST_WAITS;
	}
	txn_unlock(m);
	return r;
}

int
request_take_back(struct mbox *m, uint64_t id)
{
	struct item item;
	enum state_status status;
	bool lost;
	int r;

	if (txn_lock(m, clock_after(LOCK_NS)) == -1)
		return -1;
	r = find(m, id, &item, &status, &lost);
	if (r == 1 && status == STATE_CLAIMED && !lost)
		r = 0;
	if (r == 1 && drop(m, &item, status) == -1)
		r = -1;
	txn_unlock(m);
	return r;
}
