/* SPDX-License-Identifier: ISC */
/* completion: the sender's want for the end of its message.  A crash in it leaves the message to be received. */
#include "mailbox/send/completion.h"

#include <errno.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/waiting.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/queue/evict.h"
#include "mailbox/wait/wait.h"
#include "mailbox/wait/wake.h"

enum { KEEP = 4096 };                           /* bytes of log that stay when it was the last message */

/* claimed_state -- completion_state of a message that is claimed. */
static int
claimed_state(const struct mbox *m, const struct item *item)
{
	uint64_t state;

	if (seg_read(&m->seg, SEG_STATES, item->pos, 1, &state) == -1)
		return -1;
	if (!(item->slot.flags & SLOT_OFFER))
		return COMPLETION_TAKEN;        /* should its claimer be dead, the next receiver that looks makes it ready */
	if (state_owner(state) == m->number)
		return COMPLETION_BACK;
	return mbox_lives(m, state_owner(state)) ? COMPLETION_TAKEN : COMPLETION_LOST;
}

int
completion_state(struct mbox *m, uint64_t id, struct item *item)
{
	struct want w = { .mark = 0 };
	enum state_status status;
	int there;

	if (m->waiter.posted && want_read(m->want_fd, m->waiter.index, &w) == -1)
		return -1;
	if (w.mark == STATE_DONE)
		return COMPLETION_RECEIVED;
	there = settle_find(m, id, item, &status);
	if (there == -1)
		return -1;
	/* gone; the mark says nothing where our want has found no place */
	if (there == 0)
		return w.mark == STATE_DROPPED || status == STATE_DROPPED ? COMPLETION_DROPPED : COMPLETION_RECEIVED;
	/* there, whatever the mark says: the process that was to drop it was killed before it did */
	return status == STATE_CLAIMED ? claimed_state(m, item) : COMPLETION_WAITS;
}

int
completion_withdraw(struct mbox *m, uint64_t id)
{
	struct item item;
	enum state_status status;
	int state = completion_state(m, id, &item);

	if (state != COMPLETION_WAITS && state != COMPLETION_BACK && state != COMPLETION_LOST)
		return state == -1 ? -1 : 0;
	if (settle_find(m, id, &item, &status) != 1)
		return -1;
	return settle_gone(m, &item, 1, status, STATE_DROPPED, KEEP);
}

uint64_t
completion_lock_deadline(uint64_t deadline_ns)
{
	uint64_t second_ns = clock_after(WAKE_LOOK_NS);

	return deadline_ns > second_ns ? deadline_ns : second_ns;
}

/* drop_expired -- with the lock held: drop what has expired, in pieces.  Returns 0, or -1 with the mailbox unlocked. */
static int
drop_expired(struct mbox *m, uint64_t deadline_ns)
{
	struct expiring e = { .from = 0 };
	int r;

	while ((r = evict_expired(m, &e)) == 1 && !io_stop && clock_mono_ns() < deadline_ns)
		if (piece_end(m, deadline_ns) == -1)
			return -1;
	if (r != -1)
		return 0;
	/* no failure of the wait: the next lock makes whole what is half done, and we wait on */
	txn_unlock(m);
	return txn_lock(m, completion_lock_deadline(0));
}

int
completion_locked_out(const struct mbox *m)
{
	struct want w;
	int err = errno;

	/* nobody writes there any more, and we still have the file */
	if (err == EIDRM && m->waiter.posted && want_read_head(m->want_fd, m->waiter.index, &w) == 0
	    && w.mark == STATE_DONE)
		return COMPLETION_RECEIVED;
	errno = err;
	return -1;
}

int
completion_look(struct mbox *m, uint64_t id, int slept, uint64_t deadline_ns, struct item *item, int *why)
{
	*why = slept == 0 ? ETIMEDOUT : errno;
	if ((slept == -1 && *why == EIDRM) || txn_lock(m, completion_lock_deadline(slept == 1 ? deadline_ns : 0)) == -1
	    || drop_expired(m, deadline_ns) == -1)
		return completion_locked_out(m);
	return completion_state(m, id, item);
}

void
completion_told(const struct mbox *m, uint64_t id, int state)
{
	const bool taken = state == COMPLETION_TAKEN;

	waiting_for(taken ? WAITING_DONE : WAITING_RECEIVER, m->name);
	waiting_facts(m->ctl.paused, id, 0);
}

int
completion_await(struct mbox *m, uint64_t id, uint64_t deadline_ns)
{
	struct item item;
	int r, why, state = COMPLETION_WAITS;

	io_catch_stop();
	for (;;) {
		completion_told(m, id, state);
		r = wait_sleep(m, deadline_ns);
		state = completion_look(m, id, r, deadline_ns, &item, &why);
		if (!m->txn.locked)
			return state == COMPLETION_RECEIVED ? 0 : -1;
		if (state == -1 || state > COMPLETION_TAKEN || r != 1)
			break;
		if (txn_end(m, wait_post(m, WANT_END, NULL, id)) == -1)
			return -1;
	}
	if (state == COMPLETION_RECEIVED || state == COMPLETION_DROPPED)
		why = state == COMPLETION_RECEIVED ? 0 : ECANCELED;
	else if (state == -1 || completion_withdraw(m, id) == -1)
		why = errno;
	waiting_over();
	if (txn_end(m, wait_down(m)) == -1 && why != 0)
		why = errno;
	errno = why;
	return why == 0 ? 0 : -1;
}
