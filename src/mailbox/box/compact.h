/* SPDX-License-Identifier: ISC */
/*
 * compact: give back the disk space of messages that are gone.
 *
 * A spent segment is removed; one of which less than an eighth waits, and no process has any, is rewritten, so that a
 * few old messages pin little disk.  Called with the mailbox locked and ctl marked busy: a kill is mended by recovery.
 * The caller writes ctl.
 */
#ifndef MAILBOX_BOX_COMPACT_H
#define MAILBOX_BOX_COMPACT_H

#include "mailbox/box/mbox.h"

/*
 * compact_spent -- remove and close m->seg if nothing in it waits, and change m->ctl to match.
 * keep: the newest segment of an empty mailbox stays while its log has at most this many bytes.
 * Returns 0, or -1 with errno.
 */
int compact_spent(struct mbox *m, uint64_t keep);

/* compact_newest -- remove and close m->seg, the newest segment of an empty mailbox, and change m->ctl to match. */
void compact_newest(struct mbox *m);

/*
 * compact_sparse -- rewrite and close s if little of it waits.  A failure leaves it as it is, to be tried again.
 * Called when a sender or a receiver is done with s: for one that drains it in order, an earlier copy would be wasted.
 * So it would be where messages in it are claimed: when they are settled, or put back from the dead, this is called again.
 */
void compact_sparse(struct mbox *m, struct seg *s);

/* compact_left -- compact_sparse of the segment named first, m->seg or another, or none (0); m->seg stays if another. */
void compact_left(struct mbox *m, uint64_t first);

#endif
