/* SPDX-License-Identifier: ISC */
/*
 * listing: the messages of a mailbox one by one, for mstat.
 *
 * Piece by piece, each in a locked section of its own, and given out after it: so the mailbox goes on meanwhile, memory
 * is constant, and each line was true when its piece was read.  Without the lock a line was true when its state, which
 * is one word, was read last.
 */
#ifndef MAILBOX_QUEUE_LISTING_H
#define MAILBOX_QUEUE_LISTING_H

#include "mailbox/box/mbox.h"

/* listing -- give out the messages that are in m now.  Without the lock.  Returns 0, or -1. */
int listing(struct mbox *m, const struct snapshot_list *list);

#endif
