/* SPDX-License-Identifier: ISC */
/*
 * audit: make sense of a mailbox's segments after the machine has stopped, or in a copy.
 *
 * Then nothing is sure but ctl's settings: of what was written since the last sync, each sector of each file may be
 * there or not, and each name.  What proves a message is the checksum in its slot (seg_bind).  Each one that waits and
 * is whole stays, with what the index has of it made right; one that is not is set aside.
 */
#ifndef MAILBOX_BOX_AUDIT_H
#define MAILBOX_BOX_AUDIT_H

#include "mailbox/disk/ctl.h"
#include "mailbox/disk/damage.h"

/*
 * audit -- go through all segments, and make them such that recount counts what is whole.
 * c: gets next, and the newest segment: a fresh one, so that nothing old is written over.  d: gets what is damaged.
 * Called with the lock held; the caller recounts and writes c.  A kill anywhere leaves it to be done again.
 * Returns 0, or -1 with errno.
 */
int audit(int dir_fd, struct ctl *c, struct damage *d);

#endif
