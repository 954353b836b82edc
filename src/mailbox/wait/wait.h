/* SPDX-License-Identifier: ISC */
/*
 * wait: this process's want, and the sleep until another wakes it.  The rules are those of wake.h.
 *
 * All functions but wait_leave and wait_sleep are called with the mailbox locked; those that change it begin the
 * change, the caller commits.
 */
#ifndef MAILBOX_WAIT_WAIT_H
#define MAILBOX_WAIT_WAIT_H

#include "mailbox/box/mbox.h"

/*
 * wait_post -- post our want, or post it again after a look that found nothing; after that we may sleep.
 * filter: as long as our want stands; NULL: none.  Of one with too many patterns we post a wider one: then what we were
 * woken for and do not want goes to the next waiter.
 * Where there is no disk for it, or the mailbox is only looked at, m->waiter.fifo_fd stays -1, and we go by
 * looks of our own.
 * Returns 0, or -1.
 */
int wait_post(struct mbox *m, enum want_kind kind, const struct filter *filter, uint64_t object);

/*
 * wait_awake -- our want, if it stands, is not to be woken any more: what it was woken for and is still ready goes to
 * the next waiter, and so does listening for drops.  Returns 0, or -1.
 */
int wait_awake(struct mbox *m);

/* wait_down -- take our want down for good.  Returns 0, or -1. */
int wait_down(struct mbox *m);

/* wait_leave -- give up waiting: lock, take our want down, commit, unlock.  errno stays. */
void wait_leave(struct mbox *m);

/*
 * wait_sleep -- sleep until we are woken, until it is time to look, or until the deadline.
 * Without the lock.  Returns 1 look, 0 deadline passed, -1: EINTR (io_stop), EIDRM, EPIPE nobody reads
 * told_fd any more.
 */
int wait_sleep(struct mbox *m, uint64_t deadline_ns);

#endif
