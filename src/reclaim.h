/* SPDX-License-Identifier: ISC */
/*
 * reclaim: give back the disk of what is gone.
 *
 * A segment that is spent is removed; one of which less than an eighth waits is rewritten, so that a straggler pins
 * no disk.  Called with the mailbox lock held and ctl marked busy: a kill in it is mended by recount.
 */
#ifndef RECLAIM_H
#define RECLAIM_H

#include "ctl.h"
#include "seg.h"

/*
 * reclaim -- remove or rewrite s if it is due, and change c to match; c is to be written by the caller.
 * s is closed where it was removed or rewritten (its descriptors are stale).
 * keep: where nothing waits, the newest segment stays if its log is no longer than this many bytes.
 * Returns 0, or -1 with errno (never because a rewriting failed: that is tried again later).
 */
int reclaim(struct seg *s, struct ctl *c, uint64_t keep);

#endif
