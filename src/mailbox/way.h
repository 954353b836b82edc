/* SPDX-License-Identifier: ISC */
/* way: how each kind of mailbox is sent to, and what a sender has besides what it shows. */
#ifndef MAILBOX_WAY_H
#define MAILBOX_WAY_H

#include "base/hash.h"
#include "mailbox/disk/batch.h"
#include "mailbox/drop/put.h"
#include "mailbox/mailbox.h"
#include "mailbox/send/append.h"
#include "mailbox/send/handover.h"

/* What a kind of mailbox does for a sender: the functions sender_* of mailbox.h. */
struct way {
	int (*put)(struct sender *s, const struct message *head, const char *data, size_t len);
	int (*begin)(struct sender *s, const struct message *head);
	int (*data)(struct sender *s, const char *data, size_t len);
	int (*end)(struct sender *s);
	void (*abort)(struct sender *s);
	int (*room)(struct sender *s, struct slice tag, struct slice source, uint64_t *room);
};

/* What a single message touches stands first: each page is a fault in a one-shot. */
struct sending {
	const struct way *way;
	int fd;                         /* SENDER_KEEPS: the spool of the message begun; -1 */
	uint64_t spooled;               /* bytes in it */
	struct hash sum;                /* of those */
	struct handover meet;               /* SENDER_HANDS_OVER */
	struct put leave;             /* SENDER_LEAVES */
	struct writer *writer;          /* of these two */
	struct mbox m;
	struct append post;
	struct batch batch;
};

extern const struct way way_hand;       /* capacity 0 */
extern const struct way way_leave;      /* we may only send */

/* way_deadline -- when a wait of s that begins now must end. */
uint64_t way_deadline(const struct sender *s);

/* way_flush -- append what the batch has.  Returns as sender_put. */
int way_flush(struct sender *s);

/* way_head -- make head the batch's, which is flushed for it where it must be.  Returns 0, or -1. */
int way_head(struct sender *s, const struct message *head);

#endif
