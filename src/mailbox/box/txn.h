/* SPDX-License-Identifier: ISC */
/*
 * txn: the lock of a mailbox, and the steps of every change.
 *
 *     txn_lock; look at m->ctl; txn_begin; change files and m->ctl; txn_end
 *
 * An append needs no txn_begin: the commit alone makes its messages exist.  Any other change begins, which marks ctl
 * `busy`; a process that finds the mark when it locks recovers (recover.h).
 */
#ifndef MAILBOX_BOX_TXN_H
#define MAILBOX_BOX_TXN_H

#include "mailbox/box/mbox.h"

/*
 * txn_lock -- lock the mailbox, read ctl, and recover from what a killed process left; after a boot of the machine, and
 * in a copy, audit every message first (audit.h), noting damage in m->damage.  A mailbox only to look at is not locked:
 * ctl is read when no change is under way, or after a second.
 * Returns 0, or -1: EIDRM the mailbox was removed, EBUSY another process had the lock until the deadline
 * (reclock_missed), EINTR, EUCLEAN ctl is damaged, EPROTO another version, EXDEV it is used by
 * another path, whose locks are not seen here, EBADMSG, or errno.
 */
int txn_lock(struct mbox *m, uint64_t deadline_ns);

/*
 * txn_soon -- of a mailbox opened just now: read ctl, with the lock, if that is free, so that the txn_lock which
 * follows at once goes on from there.  The caller waits for nothing until then; txn_unlock, too, ends it.
 * Returns 0, or -1: EUCLEAN or EPROTO, and it is not locked.
 */
int txn_soon(struct mbox *m);

/*
 * txn_there -- whether the mailbox is still there.  txn_lock asks that first, but where the caller does (m->txn.asks):
 * what is found in a mailbox that was removed meanwhile was found before it was.
 * Returns 0, or -1: EIDRM.
 */
int txn_there(const struct mbox *m);

/* txn_still -- whether all read since txn_lock is of one moment: it is with the lock, or if ctl is unchanged. */
bool txn_still(const struct mbox *m);

/*
 * txn_insist -- txn_lock, however long it takes: what was received and is not settled is received again.
 * After two seconds that is told once, at a terminal or not (waiting.h).
 * stops: this many signals to stop end the wait, a second later; with 1, the first ends it at once.
 * Returns as txn_lock, but not EBUSY.
 */
int txn_insist(struct mbox *m, int stops);

/* txn_begin -- mark the mailbox busy: from now on recovery follows a kill.  Returns 0, or -1. */
int txn_begin(struct mbox *m);

/* txn_note -- write m->ctl in the middle of a change, for a recovery from now on to use.  Returns 0, or -1. */
int txn_note(struct mbox *m);

/*
 * txn_fail -- a change has failed half-way, with errno: until the unlock no other begins and none is committed, so that
 * the next process to lock recovers.  Returns -1.
 */
int txn_fail(struct mbox *m);

/* txn_commit -- write m->ctl: what was changed now counts.  Returns 0, or -1. */
int txn_commit(struct mbox *m);

/*
 * txn_ring -- close fd, an open wake FIFO, at the unlock, which wakes its process; at once where too many are open, as
 * that process then waits for the lock.
 */
void txn_ring(struct mbox *m, int fd);

/*
 * txn_removed -- close fd, -1 or a file that was removed, at the unlock: to give back its pages takes long.
 * txn_give_back -- close those now, for who needs their room.
 */
void txn_removed(struct mbox *m, int fd);
void txn_give_back(struct mbox *m);

/* txn_unlock -- unlock, then wake.  A change that is not committed is left to recovery.  errno stays. */
void txn_unlock(struct mbox *m);

/*
 * txn_end -- end a locked section whose result is r: commit what was begun, if r is not -1, and unlock.
 * Returns r, or -1: the commit failed.  errno is as it was, or the commit's.
 */
int txn_end(struct mbox *m, int r);

#endif
