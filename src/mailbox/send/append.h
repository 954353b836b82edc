/* SPDX-License-Identifier: ISC */
/*
 * append: messages into a mailbox: room, append, wake.
 *
 * Invariant: an append writes frames, names and slots beyond what is in use, then ctl, which makes them exist; so a
 * kill leaves all of its messages or none.
 */
#ifndef MAILBOX_SEND_APPEND_H
#define MAILBOX_SEND_APPEND_H

#include "mailbox/box/mbox.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/names.h"
#include "mailbox/queue/latest.h"
#include "mailbox/send/fresh.h"
#include "mailbox/send/room.h"

struct append {
	struct names *names;
	struct mbox *m;
	uint64_t names_of;                      /* the segment whose names are held; 0 none */
	uint64_t last_id;                       /* of the message appended last */
	struct latest latest;
	struct fresh *fresh;                    /* messages are taken once; NULL: however often they come */
	bool sync;                              /* return only when a message has been received */
	const unsigned char *drop;              /* the drop that is being taken; NULL none */
	int offer_fd;                           /* of the offer made last: the writing end of its FIFO */
};

/* append_init -- begin to send to m.  names: memory for those of a segment. */
void append_init(struct append *p, struct mbox *m, struct names *names);

enum { APPEND_PIECE = 2 };                /* of append_drop: call again after the end of a piece (piece.h) */

/*
 * append_batch -- append the messages of b that have room, waiting until there is room for at least one.
 * Moves b->from on; call again while b->from < b->n.
 * deadline_ns: CLOCK_MONOTONIC; APPEND_NOW; CLOCK_NEVER.
 * With p->fresh what was taken before is passed over, also where there is no room, or the mailbox is closed.
 * With p->sync it is one message, and the wait goes on until it has been received; one that no receiver has when the
 * deadline comes is withdrawn.
 * Returns 0, or -1: ESHUTDOWN the mailbox is closed, EAGAIN no room (APPEND_NOW, APPEND_ASK), ETIMEDOUT, EIDRM, EINTR,
 * ECANCELED (sync: it left the mailbox without being received), or errno of write(2).
 */
int append_batch(struct append *p, struct batch *b, uint64_t deadline_ns);

/*
 * append_offer -- offer the message of b, which has no payload, in a mailbox of capacity 0; see handover.h.
 * deadline_ns: for the lock; APPEND_NOW: only if a receiver sleeps that wants it.
 * The caller's want for its end is posted.  Returns 0 with p->last_id and p->offer_fd; or -1 as append_batch.
 */
int append_offer(struct append *p, struct batch *b, uint64_t deadline_ns);

/*
 * append_big -- append the message whose payload of len bytes is in the spool; b is empty and has its head set.
 * sum: hash_end of the payload.
 * Returns as append_batch.  fd is closed; on failure the spool is removed, but not where APPEND_ASK is to call again:
 * b then holds the message.
 */
int append_big(struct append *p, struct batch *b, int fd, uint64_t len, uint64_t sum, uint64_t deadline_ns);

/*
 * append_drop -- append the message of b, the drop of this name (DROPDIR_ID bytes), if there is room now; with the lock
 * held.
 *  ctl then names it as taken.  big: its payload is in the spool (spool.h), which becomes the message's.
 * Where others wait for room, one drop at most goes before each of them.
 * e: as of evict_expired.
 * Returns 1, 0 no room, APPEND_PIECE, or -1; the caller commits what has been begun, and unlocks.
 */
int append_drop(struct append *p, struct batch *b, const unsigned char *drop, bool big, struct expiring *e);

#endif
