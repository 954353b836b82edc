/* SPDX-License-Identifier: ISC */
/* displace: what a full mailbox, or one of last values, gives up for a new message. */
#ifndef MAILBOX_QUEUE_EVICT_H
#define MAILBOX_QUEUE_EVICT_H

#include "mailbox/box/mbox.h"

/*
 * displace -- drop what the mailbox's policy drops for a message with this tag that counts cost bytes.
 * MAILBOX_LATEST: each message of its tag; MAILBOX_OLDEST: as many of the oldest as it takes for it to fit; MAILBOX_BLOCK: none.
 * Messages that somebody has claimed stay.  With the lock held; begins the change where there is one.
 * Returns 0, or -1.
 */
int displace(struct mbox *m, struct slice tag, uint64_t cost);

/*
 * displace_expired -- drop what has expired, so that it neither takes room nor keeps a sender waiting.
 * With the lock held; begins the change where there is one.  Returns 0, or -1.
 */
int displace_expired(struct mbox *m);

#endif
