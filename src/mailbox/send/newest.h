/* SPDX-License-Identifier: ISC */
/* newest: the segment to which messages are appended. */
#ifndef MAILBOX_SEND_NEWEST_H
#define MAILBOX_SEND_NEWEST_H

#include "mailbox/box/mbox.h"

/* newest_begin -- with the lock held: have m->seg be a new segment, the newest.  Returns 0, or -1. */
int newest_begin(struct mbox *m);

/* newest_extent -- have the header of m->seg, the newest segment, say in memory how much of it is in use. */
void newest_extent(struct mbox *m);

#endif
