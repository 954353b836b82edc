/* SPDX-License-Identifier: ISC */
/*
 * completion: what becomes of a message whose sender waits for that.
 *
 * The sender's want (WANT_END) is posted in the section in which the message is appended.  The process that ends the
 * message writes
 * how into the want's mark, before the state that says so, and so before the segment with that state can go.
 */
#ifndef MAILBOX_SEND_COMPLETION_H
#define MAILBOX_SEND_COMPLETION_H

#include "mailbox/queue/settle.h"

/* What has become of a message. */
enum completion_state {
	COMPLETION_WAITS,               /* it is ready */
	COMPLETION_TAKEN,               /* a receiver has it */
	COMPLETION_BACK,                /* an offer: it was put back, and we have it again */
	COMPLETION_LOST,                /* an offer: its receiver has died */
	COMPLETION_RECEIVED,
	COMPLETION_DROPPED,             /* it left the mailbox without being received */
};

/*
 * completion_state -- with the lock held: what has become of message id, for which our want is posted.
 * item: gets it, where it has not ended.  Returns an enum completion_state, or -1.
 */
int completion_state(struct mbox *m, uint64_t id, struct item *item);

/*
 * completion_look -- after wait_sleep, which returned slept: lock, drop what has expired, the message among it, and see
 * what has become of message id.
 * deadline_ns: of the wait; once it has passed, or a signal has come, no more than a piece is dropped.
 * why: gets the errno of a wait that has come to an end (slept is not 1).
 * Returns as completion_state; -1 with the mailbox locked or not (m->txn.locked), COMPLETION_RECEIVED too.
 */
int completion_look(struct mbox *m, uint64_t id, int slept, uint64_t deadline_ns, struct item *item, int *why);

/*
 * completion_locked_out -- the mailbox could not be locked, errno says why.  Where it was removed, the mark of our want
 * still tells of a message that had been received before.
 * Returns COMPLETION_RECEIVED, or -1; errno stays.
 */
int completion_locked_out(const struct mbox *m);

/* completion_withdraw -- with the lock held: drop message id, if it has not ended and no receiver has it.  0, or -1. */
int completion_withdraw(struct mbox *m, uint64_t id);

/*
 * completion_lock_deadline -- how long to wait for the lock in a wait that ends at deadline_ns: no shorter than a
 * second.
 */
uint64_t completion_lock_deadline(uint64_t deadline_ns);

/* completion_told -- a wait for message id begins, or goes on: what it is, for those who are told (waiting.h). */
void completion_told(const struct mbox *m, uint64_t id, int state);

/*
 * completion_await -- sleep until message id, for which our want is posted, has been received.
 * One that no receiver has when the deadline comes, or a signal, is withdrawn.
 * Returns 0, or -1: ETIMEDOUT, EINTR, EIDRM, ECANCELED (it left the mailbox without being received), or errno.
 */
int completion_await(struct mbox *m, uint64_t id, uint64_t deadline_ns);

#endif
