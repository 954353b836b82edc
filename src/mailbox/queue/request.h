/* SPDX-License-Identifier: ISC */
/* request: what has become of a request, as far as its sender can see that in the mailbox. */
#ifndef MAILBOX_QUEUE_REQUEST_H
#define MAILBOX_QUEUE_REQUEST_H

#include "mailbox/queue/settle.h"

/*
 * request_find -- see what has become of message id, whose tag and source these are.
 * Returns an enum request_state, or -1: EIDRM, EINTR, or errno.
 */
int request_find(struct mbox *m, uint64_t id, struct slice tag, struct slice source);

/*
 * request_served -- with the lock held: whether a living receiver waits for such a request, or is at work on another.
 * Returns 1, 0 or -1.
 */
int request_served(struct mbox *m, struct slice tag, struct slice source);

/*
 * request_make_box -- make our reply box (replydir.h).  name: REPLYDIR_NAME_MAX, gets its name.  Returns 0, or -1.
 * request_remove_box -- remove it, if it is there.
 */
int request_make_box(struct mbox *m, char *name, uint64_t deadline_ns);
void request_remove_box(struct mbox *m);

/* request_take_back -- take message id back, unless a living process has it.  Returns 1, 0 a process has it, or -1. */
int request_take_back(struct mbox *m, uint64_t id);

#endif
