/* SPDX-License-Identifier: ISC */
/* evict: what a mailbox gives up for a new message, by its policy or because it has expired. */
#ifndef MAILBOX_QUEUE_EVICT_H
#define MAILBOX_QUEUE_EVICT_H

#include "mailbox/box/mbox.h"
#include "mailbox/queue/latest.h"

/* How far the search for what can go has come, from piece to piece (piece.h); zeros to begin with. */
struct expiring {
	uint64_t from;                          /* expired messages below this id have gone, */
	bool left;                              /* and some below it may expire yet */
	uint64_t next;                          /* of piece_drops */
};

/*
 * evict -- drop what the mailbox's policy drops for a message with this tag that counts cost bytes.
 * MAILBOX_LATEST: each message of its tag; MAILBOX_OLDEST: as many of the oldest as it takes for it to fit;
 * MAILBOX_BLOCK: none.
 * l: what this process knows of tags.  Claimed messages stay.  With the lock held; begins the change where there is one.
 * Returns 0; 1 more are to go, with the same e, after the end of a piece; or -1.
 */
int evict(struct mbox *m, struct latest *l, struct slice tag, uint64_t cost, struct expiring *e);

/*
 * evict_expired -- drop what has expired, so that it neither takes room nor keeps a sender waiting.
 * With the lock held; begins the change where there is one.
 * Returns 0; 1 there may be more, to be looked for with the same e after the end of a piece; or -1.
 */
int evict_expired(struct mbox *m, struct expiring *e);

#endif
