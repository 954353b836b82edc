/* SPDX-License-Identifier: ISC */
/* call: what has become of a request, as its sender may see it in the mailbox. */
#ifndef MAILBOX_QUEUE_REQUEST_H
#define MAILBOX_QUEUE_REQUEST_H

#include "mailbox/queue/settle.h"

/*
 * call_look -- see what has become of message id, whose tag and source these are.
 * Returns an enum request_state, or -1: EIDRM, EINTR, or errno.
 */
int call_look(struct mbox *m, uint64_t id, struct slice tag, struct slice source);

/*
 * call_served -- with the lock held: whether somebody alive waits for such a request, or is at work on another.
 * Returns 1, 0 or -1.
 */
int call_served(struct mbox *m, struct slice tag, struct slice source);

/* call_withdraw -- take message id back, unless somebody alive has it.  Returns 1, 0 somebody has it, or -1. */
int call_withdraw(struct mbox *m, uint64_t id);

#endif
