/* SPDX-License-Identifier: ISC */
/*
 * sync: a sender that waits for what becomes of its message.
 *
 * Its want is posted in the section in which the message is appended; whoever ends the message writes how into the
 * want's mark, before the segment with the message's state can go.
 */
#ifndef SYNC_H
#define SYNC_H

#include "mbox.h"

enum sync_until {
	SYNC_END,                               /* until the message has left the mailbox */
	SYNC_TAKEN,                             /* until somebody has claimed it */
};

/* sync_post -- with the lock held: post our want for the end of message id.  The caller commits.  Returns 0, or -1. */
int sync_post(struct mbox *m, uint64_t id);

/*
 * sync_outcome -- with the lock held: how message id, for which our want is posted, has ended.
 * Returns STATE_DONE or STATE_DROPPED, STATE_CLAIMED while somebody has it, 0 none of these yet, or -1.
 */
int sync_outcome(struct mbox *m, uint64_t id);

/*
 * sync_await -- sleep until message id, for which our want is posted, has been received, or taken.
 * One that nobody has when the deadline comes, or a signal, is withdrawn.
 * Returns 0, or -1: ETIMEDOUT, EINTR, EIDRM, ECANCELED (it left the mailbox without being received), or errno.
 */
int sync_await(struct mbox *m, uint64_t id, uint64_t deadline_ns, enum sync_until until);

#endif
