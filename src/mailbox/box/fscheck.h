/* SPDX-License-Identifier: ISC */
/* probe: whether a file system has what a mailbox stands on: record locks, named pipes, one kernel. */
#ifndef MAILBOX_BOX_FSCHECK_H
#define MAILBOX_BOX_FSCHECK_H

/* The named pipe that is tried, for a moment; a kill leaves it, and it is removed like any file of an unfinished mailbox. */
#define FSCHECK_NAME "probe"

/*
 * fscheck -- try what a mailbox in dir_fd would need.
 * lock_fd: a file there, of which this process has byte 0 locked.
 * Returns 0, or -1: EREMOTE where it is one that other kernels see too, ENOLCK where a lock keeps nobody out,
 * EOPNOTSUPP where named pipes do not work; or errno of what failed.
 */
int fscheck(int dir_fd, int lock_fd);

#endif
