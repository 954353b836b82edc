/* SPDX-License-Identifier: ISC */
/*
 * vouch: which names in the file `once' still count after the machine has stopped, or in a copy.
 *
 * A name that counts, and whose message is not there, would have that message swallowed when it is sent again.  So a name
 * counts only where its message waits here whole; and, but in a copy, where its window tells that both were on the disk
 * before (once_kept), whatever has become of the message since.  All others are forgotten: they may come twice.
 * Source: tests/model/vouch.pml.
 */
#ifndef MAILBOX_BOX_VOUCH_H
#define MAILBOX_BOX_VOUCH_H

#include "base/memory.h"
#include "mailbox/box/recover.h"

/*
 * vouch -- make the file anew with the names that count, and m->ctl right for it.
 * segments: those that audit has been through.  next: the number of the next message; raised above all that were given.
 * Called with the mailbox locked.  A kill leaves the file as it was, or the new one, of which the same count.
 * Returns 0, or -1 with errno.
 */
COLD int vouch(struct mbox *m, const struct recover_list *segments, bool copy, uint64_t *next);

#endif
