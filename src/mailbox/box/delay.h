/* SPDX-License-Identifier: ISC */
/*
 * delay: the messages that were sent for later, and are not due yet.
 *
 * Each has STATE_DELAYED, its time in the index, and an entry in the file `due` (due.h).  An entry is not removed with
 * its message, but when it comes up; where most are such leftovers, the file is written anew from the states.  A kill
 * leaves the change begun: recovery writes it anew as well.
 */
#ifndef MAILBOX_BOX_DELAY_H
#define MAILBOX_BOX_DELAY_H

#include "mailbox/box/mbox.h"
#include "mailbox/disk/due.h"

/* All are called with the lock held and a change begun, the caller commits.  Those that return int: 0, or -1. */

/* delay_open -- have `due` open, and not too long, so that entries can be added or removed. */
int delay_open(struct mbox *m);

/*
 * delay_add -- after delay_open: message id, whose state the caller writes, is delayed until that time.
 * Where it fails with ENOSPC and the like, nothing has changed.
 */
int delay_add(struct mbox *m, uint64_t id, uint64_t due_us);

/* delay_first -- after delay_open: get the earliest entry, of which there is one.  delay_pop -- remove it. */
int delay_first(struct mbox *m, struct due *first);
int delay_pop(struct mbox *m);

/* delay_recount -- count the delayed messages by their states, and write `due` anew. */
int delay_recount(struct mbox *m);

/* delay_none -- no message is delayed: what stands in `due` does not count. */
static inline void
delay_none(struct ctl *c)
{
	c->dues = c->due_us = 0;
}

/* delay_came_ready -- message id has become ready, below or behind the head. */
void delay_came_ready(struct ctl *c, uint64_t id);

/* delay_past -- the first id, from this one on, that may be ready as far as ctl tells. */
static inline uint64_t
delay_past(const struct ctl *c, uint64_t id)
{
	return id >= c->passed_from && id < c->passed_to ? c->passed_to : id;
}

#endif
