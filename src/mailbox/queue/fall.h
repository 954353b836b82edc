/* SPDX-License-Identifier: ISC */
/* fall: what was sent for later falls due: it is ready, in its place. */
#ifndef MAILBOX_QUEUE_FALL_H
#define MAILBOX_QUEUE_FALL_H

#include "mailbox/box/mbox.h"

/*
 * fall_due -- make ready what has fallen due, and wake receivers for it.  With the lock held; begins the change where
 * there is one, the caller commits.
 * Returns 0; 1 there may be more, after the end of a piece; or -1.
 */
int fall_due(struct mbox *m);

#endif
