/* SPDX-License-Identifier: ISC */
/*
 * reclaim: give back the disk of what is gone.
 *
 * A segment that is spent is removed; one of which less than an eighth waits is rewritten, so that a straggler pins
 * no disk.  Called with the mailbox lock held and ctl marked busy: a kill in it is mended by recount.
 */
#ifndef MAILBOX_BOX_COMPACT_H
#define MAILBOX_BOX_COMPACT_H

#include "mailbox/disk/ctl.h"
#include "mailbox/disk/seg.h"

/*
 * compact_spent -- remove s if nothing in it waits, and change c to match; c is to be written by the caller.
 * s is closed where it was removed.
 * keep: where the whole mailbox is empty, its newest segment stays if its log is no longer than this many bytes.
 * Returns 0, or -1 with errno.
 */
int compact_spent(struct seg *s, struct ctl *c, uint64_t keep);

/* compact_newest -- remove s, the newest segment of a mailbox that is empty, and change c to match.  s is closed. */
void compact_newest(struct seg *s, struct ctl *c);

/*
 * compact_sparse -- rewrite s if little of it waits.  s is closed where it was rewritten.
 * Called when a receiver is done with s: one that drains it in order would have the rest copied for nothing.
 * A failure leaves it as it is, to be tried again.
 */
void compact_sparse(struct seg *s, struct ctl *c);

#endif
