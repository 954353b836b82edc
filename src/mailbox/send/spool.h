/* SPDX-License-Identifier: ISC */
/*
 * spool: the file in which a process gathers a payload that is too large for a batch, outside the lock.
 *
 * It carries the process's number, and a want stands for it (want.h): a crash leaves a file that goes with that want.
 */
#ifndef MAILBOX_SEND_SPOOL_H
#define MAILBOX_SEND_SPOOL_H

#include "mailbox/box/mbox.h"

/*
 * spool_open -- make a spool.  deadline_ns: for the lock; 0: a second.
 * Returns its descriptor, or -1.
 */
int spool_open(struct mbox *m, uint64_t deadline_ns);

/*
 * spool_link -- make a spool that is the same file as from's, which fd is and which is whole.
 * A payload that has been sent is never written to, so two mailboxes may share it.
 * Returns its descriptor, or -1: EPERM where the mailboxes' owners, groups or modes differ, or errno of link(2) (EXDEV,
 * EMLINK, EPERM).
 */
int spool_link(const struct mbox *from, int fd, struct mbox *to, uint64_t deadline_ns);

/* spool_drop -- give a spool up. */
void spool_drop(struct mbox *m, int fd);

#endif
