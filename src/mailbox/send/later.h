/* SPDX-License-Identifier: ISC */
/* later: what an append does for messages that are not to be delivered at once. */
#ifndef MAILBOX_SEND_LATER_H
#define MAILBOX_SEND_LATER_H

#include "mailbox/box/mbox.h"
#include "mailbox/disk/batch.h"

/* All are called with the lock held. */

/*
 * later_times -- write when message number i of b, to stand at place pos of m->seg, expires, and when it is due, as its
 * slot says.  Where the mailbox keeps no message back, the slot is changed to say so.  Returns 0, or -1.
 */
int later_times(struct mbox *m, const struct batch *b, uint32_t i, uint32_t pos, struct slot *slot);

/*
 * later_alike -- how many of n messages of b, from the next on, can be appended together: all of them to be kept back,
 * or none.  later: gets which.
 */
uint32_t later_alike(const struct mbox *m, const struct batch *b, uint32_t n, bool *later);

/* later_begin -- begin the change that messages kept back are.  Returns 0, or -1. */
int later_begin(struct mbox *m);

/*
 * later_keep -- the next n messages of b, which stand beyond the end of m->seg, are delayed; where one is due before all
 * others, a receiver is woken to know.  Returns 0, or -1.
 */
int later_keep(struct mbox *m, const struct batch *b, uint32_t n);

#endif
