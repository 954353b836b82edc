/* SPDX-License-Identifier: ISC */
/* callers: the processes that have asked here and await an answer, each in a folder of its own (replydir.h). */
#ifndef MAILBOX_BOX_CALLERS_H
#define MAILBOX_BOX_CALLERS_H

#include "mailbox/box/mbox.h"

/* callers_clear -- remove the folders of dead callers.  Returns how many callers live, or -1. */
int callers_clear(const struct mbox *m);

/*
 * callers_wait -- with the lock held, which is taken anew: while no message waits, give callers a second to read their
 * answers.  Returns as callers_clear.
 */
int callers_wait(struct mbox *m, uint64_t deadline_ns);

#endif
