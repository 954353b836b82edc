/* SPDX-License-Identifier: ISC */
/* sync: the sender's want for the end of its message.  A crash in it leaves the message to be received. */
#include "mailbox/send/completion.h"

#include <errno.h>

#include "base/clock.h"
#include "base/io.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/queue/evict.h"
#include "mailbox/wait/wait.h"
#include "mailbox/wait/wake.h"

enum { KEEP = 4096 };                           /* bytes of log that stay when it was the last message */

int
sync_post(struct mbox *m, uint64_t id)
{
	return wait_post(m, WANT_END, NULL, id);
}

/* claimed_state -- what it means that somebody has claimed the message.  Returns as sync_state. */
static int
claimed_state(const struct mbox *m, const struct item *item)
{
	uint64_t state;

	if (seg_read_states(&m->seg, item->pos, 1, &state) == -1)
		return -1;
	if (!(item->slot.flags & SLOT_MEET))
		return SYNC_TAKEN;      /* whoever looks next makes it ready again, should its claimer be dead */
	if (state_owner(state) == m->number)
		return SYNC_BACK;
	return mbox_lives(m, state_owner(state)) ? SYNC_TAKEN : SYNC_LOST;
}

int
sync_state(struct mbox *m, uint64_t id, struct item *item)
{
	struct want w = { .mark = 0 };
	enum state_status status;
	int there;

	if (m->posted && want_read(m->want_fd, m->want_index, &w) == -1)
		return -1;
	if (w.mark == STATE_DONE)
		return SYNC_RECEIVED;
	there = settle_find(m, id, item, &status);
	if (there == -1)
		return -1;
	/* gone; without a word where our want has found no place */
	if (there == 0)
		return w.mark == STATE_DROPPED || status == STATE_DROPPED ? SYNC_DROPPED : SYNC_RECEIVED;
	/* there: whatever the mark says, whoever was to drop it was killed before he did */
	return status == STATE_CLAIMED ? claimed_state(m, item) : SYNC_WAITS;
}

int
sync_withdraw(struct mbox *m, uint64_t id)
{
	struct item item;
	enum state_status status;
	int state = sync_state(m, id, &item);

	if (state != SYNC_WAITS && state != SYNC_BACK && state != SYNC_LOST)
		return state == -1 ? -1 : 0;
	if (settle_find(m, id, &item, &status) != 1 || mbox_begin(m) == -1)
		return -1;
	return settle_gone(m, &item, 1, status, STATE_DROPPED, KEEP);
}

int
sync_leave(struct mbox *m)
{
	int r = wait_down(m) == -1 || (m->changing && mbox_commit(m) == -1) ? -1 : 0;

	mbox_unlock(m);
	return r;
}

uint64_t
sync_lock_deadline(uint64_t deadline_ns)
{
	uint64_t second_ns = clock_after(WAKE_LOOK_NS);

	return deadline_ns > second_ns ? deadline_ns : second_ns;
}

int
sync_expire(struct mbox *m, uint64_t deadline_ns)
{
	struct expiring e = { .from = 0 };
	int r;

	while ((r = displace_expired(m, &e)) == 1 && !io_stop && clock_mono_ns() < deadline_ns)
		if (piece_end(m, deadline_ns) == -1)
			return -1;
	if (r != -1)
		return 0;
	/* what it left half done is mended by the next lock, and we wait on */
	mbox_unlock(m);
	return mbox_lock(m, sync_lock_deadline(0));
}

int
sync_await(struct mbox *m, uint64_t id, uint64_t deadline_ns)
{
	struct item item;
	int r, why, state;

	io_catch_stop();
	for (;;) {
		r = wait_sleep(m, deadline_ns);
		why = r == 0 ? ETIMEDOUT : errno;
		if ((r == -1 && why == EIDRM) || mbox_lock(m, sync_lock_deadline(r == 1 ? deadline_ns : 0)) == -1)
			return -1;
		if (sync_expire(m, deadline_ns) == -1)
			return -1;
		state = sync_state(m, id, &item);
		if (state == -1 || state > SYNC_TAKEN || r != 1)
			break;
		if (sync_post(m, id) == -1 || (m->changing && mbox_commit(m) == -1)) {
			mbox_unlock(m);
			return -1;
		}
		mbox_unlock(m);
	}
	if (state == SYNC_RECEIVED || state == SYNC_DROPPED)
		why = state == SYNC_RECEIVED ? 0 : ECANCELED;
	else if (state == -1 || sync_withdraw(m, id) == -1)
		why = errno;
	if (sync_leave(m) == -1 && why != 0)
		why = errno;
	errno = why;
	return why == 0 ? 0 : -1;
}
