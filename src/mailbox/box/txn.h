/* SPDX-License-Identifier: ISC */
/*
 * txn: the lock of a mailbox, and the frame of every change.
 *
 *     txn_lock; look at m->ctl; txn_begin; change files and m->ctl; txn_end
 *
 * An append needs no txn_begin: the commit alone makes its messages exist.  Everything else begins, which marks ctl
 * `busy`; a process that finds it so recounts.
 */
#ifndef MAILBOX_BOX_TXN_H
#define MAILBOX_BOX_TXN_H

#include "mailbox/box/mbox.h"

/*
 * txn_lock -- lock the mailbox, read ctl, and make whole what a killed process left; after a boot of the machine, and
 * in a copy, look at every message first (audit.h), what is damaged being noted in m->damage.
 * A mailbox to look at is not locked: ctl is read at a moment when nothing is being changed, or after a second.
 * Returns 0, or -1: EIDRM where the mailbox was removed, EBUSY where it is locked by another until the deadline
 * (reclock.h: reclock_missed), EINTR, EUCLEAN ctl is damaged, EBADMSG, or errno.
 */
int txn_lock(struct mbox *m, uint64_t deadline_ns);

/*
 * txn_still -- whether what was read since txn_lock belongs together: always so under the lock; in a mailbox
 * to look at, where ctl is as it was.
 */
bool txn_still(const struct mbox *m);

/*
 * txn_insist -- txn_lock, however long that takes: what was received and is not settled is received again.  A lock that
 * another process holds for more than two seconds is told of once (m->txn.told), at a terminal or not.
 * stops: so many signals to stop end the wait, a second later; with 1 the first ends it at once.
 * Returns as txn_lock, but not EBUSY.
 */
int txn_insist(struct mbox *m, int stops);

/* txn_begin -- mark the mailbox busy: from now on a kill is mended by recount.  Returns 0, or -1. */
int txn_begin(struct mbox *m);

/* txn_note -- write m->ctl in the middle of a change: a recount from now on goes by it.  Returns 0, or -1. */
int txn_note(struct mbox *m);

/*
 * txn_fail -- a change has failed half-way, with errno: until the unlock no other is begun, and none committed, so that
 * whoever locks next makes whole what it left.  Returns -1.
 */
int txn_fail(struct mbox *m);

/* txn_commit -- write m->ctl: what was changed now counts.  Returns 0, or -1. */
int txn_commit(struct mbox *m);

/*
 * txn_ring -- the bell that was opened, fd, is to ring at the unlock.  Where too many are open it rings at once: whoever
 * wakes waits for the lock.
 */
void txn_ring(struct mbox *m, int fd);

/* txn_unlock -- unlock, then ring the bells that were opened.  A change not committed is left to recount. */
void txn_unlock(struct mbox *m);

/*
 * txn_end -- the tail of a locked section whose result is r: commit what was begun, where r is not -1, and unlock.
 * Returns r, or -1 where the commit failed; errno as it was, or of that.
 */
int txn_end(struct mbox *m, int r);

#endif
