/* SPDX-License-Identifier: ISC */
/* fscheck: what a mailbox needs of a file system: one kernel, record locks, named pipes. */
#ifndef MAILBOX_BOX_FSCHECK_H
#define MAILBOX_BOX_FSCHECK_H

#define FSCHECK_PROBE "probe"           /* a named pipe that a kill may leave in the directory */

/*
 * fscheck -- whether a mailbox can be in the directory; lock_fd: a file in it whose byte 0 we have locked.
 * Returns 0, or -1: EREMOTE other kernels may see it, ENOLCK its locks are not seen by others, EOPNOTSUPP the two ends of
 * a named pipe do not meet, or errno.
 */
int fscheck(int dir_fd, int lock_fd);

#endif
