/* SPDX-License-Identifier: ISC */
/* room: whether the messages of a batch have room, what goes for them, and the wait for it. */
#ifndef MAILBOX_SEND_ROOM_H
#define MAILBOX_SEND_ROOM_H

#include "mailbox/box/mbox.h"
#include "mailbox/disk/batch.h"
#include "mailbox/queue/evict.h"

#define APPEND_NOW 0                    /* a deadline: do not wait for room */
#define APPEND_ASK 1                    /* a deadline: EAGAIN in place of a wait, our want posted: call again later */

/* room_lock_deadline -- how long to wait for the lock: a second where the append is not to wait. */
uint64_t room_lock_deadline(uint64_t deadline_ns);

/* room_admits -- how many of the batch's messages have room now; a message always has in an empty mailbox. */
uint32_t room_admits(const struct ctl *c, const struct batch *b);

/* room_make -- with the lock held: drop what the batch's next message takes the place of.  Returns as evict; e: its. */
int room_make(struct mbox *m, const struct batch *b, struct latest *l, struct expiring *e);

/*
 * room_come_in -- with the lock held: whether others wait for room; where none does, what the batch's next message takes
 * the place of goes, in pieces.  Returns as wake_ahead; where it fails the mailbox may be unlocked.
 */
int room_come_in(struct mbox *m, const struct batch *b, struct latest *l, uint64_t deadline_ns);

/*
 * room_wait -- post our want for room, unlock, and sleep.
 * Returns 0: lock and look again; or -1: EAGAIN, ETIMEDOUT, EINTR, EIDRM or errno, our want taken down.
 */
int room_wait(struct mbox *m, uint64_t need_bytes, uint64_t deadline_ns);

#endif
