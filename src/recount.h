/* SPDX-License-Identifier: ISC */
/*
 * recount: make a mailbox whole again after a process was killed in the middle of a change.
 *
 * Called with the mailbox lock held, when ctl says `busy`.  What ctl says of appends (next, the newest segment's
 * extent) holds always; everything else is counted anew from the slots and states, the chain of segments is drawn
 * anew, and files that nothing names are removed.  It may itself be killed anywhere: `busy` stands until its end.
 */
#ifndef RECOUNT_H
#define RECOUNT_H

#include "ctl.h"

/*
 * recount -- count c anew.  The caller writes it.
 * lock_fd: tells which process numbers live; self: the caller's own number, 0 for none.
 * Returns 0, or -1: EBADMSG where a segment that must be there is not, or errno.
 */
int recount(int dir_fd, int lock_fd, int want_fd, uint64_t self, struct ctl *c);

#endif
