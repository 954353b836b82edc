/* SPDX-License-Identifier: ISC */
/*
 * recount: make a mailbox whole again after a process was killed in the middle of a change.
 *
 * Called with the mailbox lock held, when ctl says `busy`.  What ctl says of appends (next, the newest segment's
 * extent) holds always; everything else is counted anew from the slots and states, the chain of segments is drawn
 * anew, and files that nothing names are removed.  It is called as well where ctl says that there is orphans.  It may
 * itself be killed anywhere: `busy` stands until its end.
 */
#ifndef MAILBOX_BOX_RECOVER_H
#define MAILBOX_BOX_RECOVER_H

#include <stdbool.h>
#include <stddef.h>

#include "mailbox/disk/ctl.h"

/*
 * recount -- count c anew.  The caller writes it.
 * lock_fd: tells which process numbers live; self: the caller's own number, 0 for none.
 * Returns 0, or -1: EBADMSG where a segment that must be there is not, or errno.
 */
int recover(int dir_fd, int lock_fd, int want_fd, uint64_t self, struct ctl *c);

/* The segments, in order; variant tells whose log is theirs. */
struct recover_listed {
	uint64_t id;                    /* 0: removed */
	uint32_t variant;
};

struct recover_list {
	struct recover_listed *seg;     /* the caller frees it */
	size_t n, room;
};

/*
 * recover_list_segments -- the names of all segments that have an index, in order; new: or a new index, of a rewriting
 * (then one may stand twice).  Returns 0, or -1.
 */
int recover_list_segments(int dir_fd, bool new, struct recover_list *ids);

#endif
