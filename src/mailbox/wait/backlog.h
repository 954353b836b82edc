/* SPDX-License-Identifier: ISC */
/*
 * ready: which message may be received now, of those that came last.  Changes nothing, and leaves m->seg as it is.
 */
#ifndef MAILBOX_WAIT_BACKLOG_H
#define MAILBOX_WAIT_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "mailbox/box/mbox.h"
#include "mailbox/disk/seg.h"

/* A message that is ready. */
struct backlog {
	uint64_t id;
	struct slot slot;
	struct names names;                     /* that slot.tag and slot.source are numbers of */
};

/*
 * backlog_first -- the first ready message in [from, below) that the filter matches.
 * With the lock held.  Returns whether there is one; one that cannot be read is none.
 */
bool backlog_first(const struct mbox *m, uint64_t from, uint64_t below, const struct filter *filter, struct backlog *found);

#endif
