/* SPDX-License-Identifier: ISC */
/*
 * box: make a mailbox, and remove it.
 *
 * Invariant: a directory with both `lock` and `ctl` is a mailbox; the sticky bit stands from mkdir(2) until `lock` is
 * there, and again while a mailbox is being removed.  A crash leaves a directory that the next box_make or box_remove
 * of its owner takes for unfinished.
 */
#ifndef MAILBOX_BOX_CREATE_H
#define MAILBOX_BOX_CREATE_H

#include "mailbox/box/mbox.h"

struct box_settings {
	uint64_t cap_messages, cap_bytes;       /* CTL_UNBOUNDED */
	unsigned mode;                          /* permission bits, see mode.h */
	enum ctl_policy policy;
	bool durable;
};

/*
 * box_make -- make a mailbox at path, whole or not at all.
 * Returns 0, or -1: EEXIST where something else stands there, EPERM where the maker may not share it with its group,
 * EREMOTE, ENOLCK or EOPNOTSUPP where the file system is no place for one (probe.h), or errno.
 */
int box_make(const char *path, const struct box_settings *settings);

/*
 * box_sync -- have the mailbox at path, as it was made, on stable storage, its name in the directory above included.
 * Returns 0, or -1 with errno of open(2) or fsync(2).
 */
int box_sync(const char *path);

/*
 * box_remove -- remove the mailbox at path and what is in it; whoever waits there is woken.
 * force: messages or not.  deadline_ns: for the lock.  held: told, with path, of one that has been locked for long; or NULL.
 * Returns 0, or -1: ENOTEMPTY, EPERM where it is another user's, or errno as of mbox_open and mbox_lock.
 */
int box_remove(const char *path, bool force, uint64_t deadline_ns, mbox_held *held);

#endif
