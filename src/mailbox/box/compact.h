/* SPDX-License-Identifier: ISC */
/*
 * compact: give back the disk space of messages that are gone.
 *
 * A spent segment is removed; one of which less than an eighth waits is rewritten, so that a few old messages pin
 * little disk.  Called with the mailbox locked and ctl marked busy: a kill is mended by recovery.  The caller writes
 * ctl.
 */
#ifndef MAILBOX_BOX_COMPACT_H
#define MAILBOX_BOX_COMPACT_H

#include "mailbox/disk/ctl.h"
#include "mailbox/disk/seg.h"

/*
 * compact_spent -- remove and close s if nothing in it waits, and change c to match.
 * keep: the newest segment of an empty mailbox stays while its log has at most this many bytes.
 * Returns 0, or -1 with errno.
 */
int compact_spent(struct seg *s, struct ctl *c, uint64_t keep);

/* compact_newest -- remove and close s, the newest segment of an empty mailbox, and change c to match. */
void compact_newest(struct seg *s, struct ctl *c);

/*
 * compact_sparse -- rewrite and close s if little of it waits.  A failure leaves it as it is, to be tried again.
 * Called when a receiver is done with s: for one that drains it in order, an earlier copy would be wasted.
 */
void compact_sparse(struct seg *s, struct ctl *c);

#endif
