/* SPDX-License-Identifier: ISC */
/*
 * latest: which messages have which tag, as remembered by a process that sends many to a mailbox with -o latest.
 *
 * Without it each of them would cost a look at all messages.  What is remembered of a message may be out of date: it has
 * gone, or was claimed and put back; so its state is looked at before it is dropped.  No other that is there is forgotten.
 */
#ifndef MAILBOX_QUEUE_LATEST_H
#define MAILBOX_QUEUE_LATEST_H

#include "mailbox/wait/backlog.h"

struct latest {                                 /* zeros to begin with */
	uint64_t upto;                          /* messages below this id are known; 0 none is to be remembered yet */
	uint32_t places, used, text_len;        /* places: a power of two, or 0 */
	bool begun, off;                        /* one was sent; it was too much to remember */
	struct latest_place *place;
	char *text;                             /* tags, one after another */
};

/* latest_sent -- this process has appended message id, with this tag: from the next one on it remembers. */
void latest_sent(struct latest *l, struct slice tag, uint64_t id);

/*
 * latest_known -- with the lock held: get to know all messages.
 * Returns 1; 0 it does not: too many, no memory, or none was sent yet; or -1 as backlog_next.
 */
int latest_known(struct latest *l, struct mbox *m);

/*
 * latest_next -- after latest_known: a message with this tag that is not claimed, for the caller to drop, and forgotten
 * here: where that fails, all is to be (latest_free).
 * c: stands there.  Returns 1, 0 where there is none, or -1 as backlog_next.
 */
int latest_next(struct latest *l, struct mbox *m, struct slice tag, struct backlog *c);

/* latest_free -- forget all. */
void latest_free(struct latest *l);

#endif
