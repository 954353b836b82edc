/* SPDX-License-Identifier: ISC */
/*
 * piece: long work under a mailbox's lock, done in pieces.
 *
 * A receiver that has finished a message waits for the lock to settle it.  So no locked section takes more than about a
 * millisecond, however many messages go: longer work ends a piece, and then looks anew at all that it knew.
 */
#ifndef MAILBOX_BOX_PIECE_H
#define MAILBOX_BOX_PIECE_H

#include "mailbox/box/mbox.h"

/* What may be done in one locked section. */
enum {
	PIECE_DROPS = 64,               /* messages dropped one by one, at 12 microseconds each, */
	PIECE_LOOKS = 1024,             /* or looked at, with a call for each, or settled many at a time */
};

/*
 * piece_drops -- how many messages may be dropped in this section: PIECE_DROPS, and twice as many as were sent since
 * the piece before, so that the work comes to an end however fast others send.
 * next: ctl.next as of the piece before; 0 to begin with.
 */
uint64_t piece_drops(const struct mbox *m, uint64_t *next);

/* piece_pause -- without the lock: let the processes that wait have it. */
void piece_pause(void);

/*
 * piece_end -- with the lock: commit what has begun, unlock, pause, and lock again.
 * deadline_ns: for the lock; at least a second from now.
 * Returns 0, or -1 with the mailbox unlocked, and errno as of txn_lock.
 */
int piece_end(struct mbox *m, uint64_t deadline_ns);

/* piece_next -- piece_end; after a signal to stop it fails with EINTR, locked or not. */
int piece_next(struct mbox *m, uint64_t deadline_ns);

#endif
