/* SPDX-License-Identifier: ISC */
/* sending: what a sender has besides what it shows, for gather.c, pieces.c and sender.c. */
#ifndef MAILBOX_SENDING_H
#define MAILBOX_SENDING_H

#include "base/hash.h"
#include "mailbox/box/mbox.h"
#include "mailbox/disk/batch.h"
#include "mailbox/drop/put.h"
#include "mailbox/mailbox.h"
#include "mailbox/send/append.h"
#include "mailbox/send/handover.h"
#include "mailbox/send/spool.h"

/* Small things stand first: each page is a fault in a one-shot. */
struct sending {
	int fd;                         /* SENDER_KEEPS: the spool of the message begun; -1 */
	uint64_t spooled;               /* bytes in it */
	uint64_t begun_id;              /* own_id of the message begun */
	struct hash sum;                /* of those */
	struct mbox m;
	struct append append;
	struct sending_many *many;
	struct batch batch;
	struct handover handover;       /* SENDER_HANDS_OVER */
	struct put put;                 /* SENDER_SENDS_ONLY */
	struct writer *writer;          /* of these two */
};

struct sending_many {
	struct batch_many batch;
	struct names names;                     /* of append */
	uint64_t own_id[BATCH_MESSAGES];        /* of the batch's messages, where `committed' is called */
};

/* sending_deadline -- when a wait for room, or for a receiver, that begins now must end. */
uint64_t sending_deadline(const struct sender *s);

/* sending_head -- make head the batch's, which is flushed for it where it must be.  Returns 0, or -1. */
int sending_head(struct sender *s, const struct message *head);

/* sending_gather -- add a message to the batch.  Returns as sender_put. */
int sending_gather(struct sender *s, const struct message *head, const char *data, size_t len);

#endif
