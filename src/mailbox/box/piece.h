/* SPDX-License-Identifier: ISC */
/*
 * piece: long work under a mailbox's lock, done in pieces.
 *
 * Who has finished a message waits for the lock to say so; so no locked section is longer than about a millisecond,
 * however many messages are to go.  Work that takes longer ends a piece of it, and looks anew at all that it knew.
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
 * piece_drops -- how many messages may be dropped in this section: PIECE_DROPS, and twice as many as others have sent
 * since the piece before, so that who drops comes to an end however fast they are.
 * next: of m->ctl, as it was then; 0 to begin with.
 */
uint64_t piece_drops(const struct mbox *m, uint64_t *next);

/* piece_pause -- without the lock: let those have it who wait. */
void piece_pause(void);

/*
 * piece_end -- with the lock held: commit what has begun and unlock, let those go first who wait, and lock again.
 * deadline_ns: for the lock; a second at least.
 * Returns 0, or -1 with the mailbox unlocked, and errno as of txn_lock.
 */
int piece_end(struct mbox *m, uint64_t deadline_ns);

/* piece_next -- piece_end; but after a signal to stop it fails with EINTR, with the mailbox locked or not. */
int piece_next(struct mbox *m, uint64_t deadline_ns);

#endif
