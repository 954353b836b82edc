/* SPDX-License-Identifier: ISC */
/*
 * sync: a sender that waits for what becomes of its message.
 *
 * Its want is posted in the section in which the message is appended; whoever ends the message writes how into the
 * want's mark, before the state that says so, and so before the segment with that state can go.
 */
#ifndef MAILBOX_SEND_COMPLETION_H
#define MAILBOX_SEND_COMPLETION_H

#include "mailbox/queue/settle.h"

/* What has become of a message. */
enum completion_state {
	COMPLETION_WAITS,                             /* nobody has it */
	COMPLETION_TAKEN,                             /* somebody has it */
	COMPLETION_BACK,                              /* an offer: it was put back, and is in our hands */
	COMPLETION_LOST,                              /* an offer: who had it has died */
	COMPLETION_RECEIVED,
	COMPLETION_DROPPED,                           /* it left the mailbox without being received */
};

/* completion_post -- with the lock held: post our want for the end of message id.  The caller commits.  Returns 0, or -1. */
int completion_post(struct mbox *m, uint64_t id);

/*
 * completion_state -- with the lock held: what has become of message id, for which our want is posted.
 * item: gets it, where it has not ended.  Returns an enum completion_state, or -1.
 */
int completion_state(struct mbox *m, uint64_t id, struct item *item);

/* completion_withdraw -- with the lock held: message id leaves the mailbox, if it has not ended and nobody has it.  0, or -1. */
int completion_withdraw(struct mbox *m, uint64_t id);

/* completion_lock_deadline -- how long to wait for the lock in a wait that ends at deadline_ns: no shorter than a second. */
uint64_t completion_lock_deadline(uint64_t deadline_ns);

/*
 * sync_expire -- with the lock held, which it lets go between the pieces: drop what has expired, our message among it;
 * no more than a piece once the deadline or a signal has come.  Should that fail, it is not for who waits to answer for.
 *  Returns 0, or -1 with the mailbox unlocked.
 */
int sync_expire(struct mbox *m, uint64_t deadline_ns);

/*
 * completion_await -- sleep until message id, for which our want is posted, has been received.
 * One that nobody has when the deadline comes, or a signal, is withdrawn.
 * Returns 0, or -1: ETIMEDOUT, EINTR, EIDRM, ECANCELED (it left the mailbox without being received), or errno.
 */
int completion_await(struct mbox *m, uint64_t id, uint64_t deadline_ns);

/* completion_end -- with the lock held: the wait is over: our want comes down.  Commits, unlocks; 0, or -1 with errno. */
int completion_end(struct mbox *m);

#endif
