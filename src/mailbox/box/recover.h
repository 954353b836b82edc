/* SPDX-License-Identifier: ISC */
/*
 * recover: make a mailbox whole again after a process was killed in the middle of a change.
 *
 * Called with the mailbox locked, when ctl says `busy`, or that there are orphans.  What ctl says of appends (next, the
 * extent of the newest segment) always holds; everything else is counted anew from slots and states, the segments are
 * linked anew, and files that nothing names are removed.  A kill in it leaves `busy` set, and all to be done again.
 */
#ifndef MAILBOX_BOX_RECOVER_H
#define MAILBOX_BOX_RECOVER_H

#include <stddef.h>

#include "base/memory.h"
#include "mailbox/box/mbox.h"

/*
 * recover -- make m->ctl right, and with it the files; the caller writes ctl.  m->want_fd is open.
 * Returns 0, or -1: EBADMSG a segment that must be there is missing, or not sound; or errno.
 */
COLD int recover(struct mbox *m);

/* The segments, in order. */
struct recover_list {
	struct recover_listed {
		uint64_t id;            /* 0: removed */
		uint32_t variant;       /* of its log */
	} *seg;                         /* the caller frees it */
	size_t n, room;
};

/*
 * recover_list_segments -- list the ids of all segments that have an index, in order.
 * new: or the new index of a rewriting; then an id may be there twice.  Returns 0, or -1.
 */
int recover_list_segments(int dir_fd, bool new, struct recover_list *ids);

#endif
