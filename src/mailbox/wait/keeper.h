/* SPDX-License-Identifier: ISC */
/*
 * keeper: which of the receivers that sleep wakes when a message falls due that was sent for later.
 *
 * One of them does, the keeper: its number is in ctl, and it sleeps no longer than to the earliest due time that ctl
 * has; then it makes ready what has fallen due, and wakes who wants that.  When it sleeps no more, it wakes another
 * that still does to take its place; when a message comes that is due earlier, its sender wakes it.  Some others look a
 * little later, in case it is stopped; and each looks once a second (tests/model/keeper.pml).
 * All functions but keeper_again are called with the lock held; they begin the change, the caller commits.
 */
#ifndef MAILBOX_WAIT_KEEPER_H
#define MAILBOX_WAIT_KEEPER_H

#include "mailbox/box/mbox.h"

/*
 * keeper_watch -- we are about to sleep, our want posted: be the keeper where there is none.
 * alarm_us: gets when to look again (clock_wall_us); 0: others do.  Returns 0, or -1.
 */
int keeper_watch(struct mbox *m, uint64_t *alarm_us);

/* keeper_leave -- we sleep no more: where we were the keeper, or were woken to be, wake another to be it. */
int keeper_leave(struct mbox *m, bool woken);

/* keeper_tell -- the earliest due time is another than it was: wake the keeper, or one to be it.  Returns 0, or -1. */
int keeper_tell(struct mbox *m);

/* keeper_again -- asleep, the alarm has passed: whether there is nothing to do, and when to look again. */
bool keeper_again(const struct mbox *m, uint64_t *alarm_us);

#endif
