/* SPDX-License-Identifier: ISC */
/* sync: the sender's want for the end of its message.  A crash in it leaves the message to be received. */
#include "sync.h"

#include <errno.h>

#include "clock.h"
#include "displace.h"
#include "io.h"
#include "settle.h"
#include "wake.h"

enum { KEEP = 4096 };                           /* bytes of log that stay when it was the last message */

int
sync_post(struct mbox *m, uint64_t id)
{
	return wake_post(m, WANT_END, NULL, id);
}

/* withdraw -- with the lock held: take message id back, if nobody has it.  Returns 1, 0 somebody has it, or -1. */
static int
withdraw(struct mbox *m, uint64_t id)
{
	struct item item;
	enum state_status status;
	int r = settle_find(m, id, &item, &status);

	if (r != 1 || (status != STATE_READY && status != STATE_DELAYED))
		return r == -1 ? -1 : 0;
	if (mbox_begin(m) == -1 || settle_gone(m, &item, 1, status, STATE_DROPPED, KEEP) == -1)
		return -1;
	return 1;
}

int
sync_outcome(struct mbox *m, uint64_t id)
{
	struct want w = { .mark = 0 };
	struct item item;
	enum state_status status = STATE_DONE;
	int there;

	if (m->posted && want_read(m->want_fd, m->want_index, &w) == -1)
		return -1;
	if (w.mark != 0)
		return (int)w.mark;
	there = settle_find(m, id, &item, &status);
	if (there == 1)
		return status == STATE_CLAIMED ? STATE_CLAIMED : 0;
	/* gone without a word: whoever ended it was killed, or our want found no place */
	return there == -1 ? -1 : (int)status;
}

/*
 * leave -- with the lock held: the wait for message id is over.  stop: withdraw it.
 * Takes our want down, commits and unlocks.  Leaves errno as it was, where nothing fails.
 */
static void
leave(struct mbox *m, uint64_t id, bool stop)
{
	int err = errno;

	if ((stop && withdraw(m, id) == -1) || wake_down(m) == -1 || (m->changing && mbox_commit(m) == -1))
		err = errno;
	mbox_unlock(m);
	errno = err;
}

int
sync_await(struct mbox *m, uint64_t id, uint64_t deadline_ns, enum sync_until until)
{
	uint64_t lock_ns;
	int r, why, end;

	io_catch_stop();
	for (;;) {
		r = wake_sleep(m, deadline_ns);
		why = r == 0 ? ETIMEDOUT : errno;
		lock_ns = deadline_ns == CLOCK_NEVER || (r == 1 && deadline_ns > clock_after(WAKE_LOOK_NS)) ? deadline_ns
		    : clock_after(WAKE_LOOK_NS);
		if ((r == -1 && why == EIDRM) || mbox_lock(m, lock_ns) == -1)
			return -1;
		if (displace_expired(m) == -1)
			why = errno;
		end = sync_outcome(m, id);
		if (end == STATE_CLAIMED && until == SYNC_END)
			end = 0;
		if (end != 0 || r != 1)
			break;
		if (sync_post(m, id) == -1 || (m->changing && mbox_commit(m) == -1)) {
			mbox_unlock(m);
			return -1;
		}
		mbox_unlock(m);
	}
	if (end == STATE_CLAIMED) {
		mbox_unlock(m);
		return 0;
	}
	errno = end == 0 ? why : end == -1 ? errno : ECANCELED;
	leave(m, id, end == 0);
	return end == STATE_DONE ? 0 : -1;
}
