/* SPDX-License-Identifier: ISC */
/*
 * audit: find out what is left of a mailbox's segments after the machine has stopped, or in a copy.
 *
 * Then only the settings in ctl are certain: of what was written since the last sync, each sector of each file may be
 * there or not, and each name.  What proves a message is the checksum in its slot (seg_bind).  A message that waits and
 * is whole stays, and its entries in the index are corrected; one that is not is set aside.
 */
#ifndef MAILBOX_BOX_AUDIT_H
#define MAILBOX_BOX_AUDIT_H

#include "base/memory.h"
#include "mailbox/box/mbox.h"

/*
 * audit -- go through all segments, and make them such that recovery counts what is whole.
 * m->ctl gets next, and a fresh newest segment, so that nothing old is overwritten; m->damage gets what is damaged.
 * copy: of what ctl says was waiting, what is not there at all counts as damaged, if part of a segment is missing.
 * Called with the mailbox locked; recovery is to follow.  A kill leaves all of it to be done again.
 * Returns 0, or -1 with errno.
 */
COLD int audit(struct mbox *m, bool copy);

#endif
