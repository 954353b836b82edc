/* SPDX-License-Identifier: ISC */
/*
 * wake: which waiter is woken for what.
 *
 * The rules, each of which a counterexample asked for (tests/model):
 *   - A waiter looks and posts its want in one locked section, its wake FIFO open before the unlock.
 *   - A process that makes a message ready opens, under the lock and before its commit, the wake FIFO of the first
 *     waiter that wants it and is asleep, and marks that want with the message; the close after the unlock is the wake.
 *     (Where one change wakes very many, some are closed before: they wait for the lock.)
 *   - A waiter that is woken looks, and takes the first match whatever its mark says.  If the message that it was
 *     woken for is still ready, it wakes the next one for it; and if any from that one on is that it wants, the next
 *     that sleeps with the same filter.
 *   - So where all that sleep have one filter, and one with that filter was woken a moment ago and has not looked yet,
 *     no other is woken: a burst wakes as many as take part in it, not as many as there are messages.
 *   - A want whose owner's patterns have no place in the table matches more than its owner wants.  An owner that was
 *     woken for a message, has looked, and leaves it, wakes the next behind it in the queue whose want matches, and
 *     whose owner's patterns are not its own.  So the message goes down the queue once.
 *   - Where receivers are paused none is woken; who resumes them wakes one with each filter.
 *   - In a mailbox that is closed a receiver ends where nothing is left that it wants, whoever has it.  So a process that
 *     takes a message out opens, before it changes the state, the wake FIFOs of those that sleep and wanted it, of all
 *     where it is the last, and marks nothing: they look, and sleep again where something is left.
 *   - A want is asleep only while its owner sleeps.
 *   - A waiter that listens for drops (listen.h), or keeps the time (keeper.h), and wakes, or was woken to do so and does
 *     not, wakes the next that sleeps to do it.
 * All functions are called with the mailbox locked; those that change it begin the change, the caller commits.
 */
#ifndef MAILBOX_WAIT_WAKE_H
#define MAILBOX_WAIT_WAKE_H

#include "mailbox/box/mbox.h"

#define WAKE_LOOK_NS UINT64_C(1000000000)       /* a waiter looks by itself after so long */
#define WAKE_SOON_NS UINT64_C(10000000)         /* one that was woken so long ago and has not looked may be stopped */
#define WAKE_STOPPED_NS (2 * WAKE_LOOK_NS)      /* one that has not looked for so long is stopped */

/*
 * wake_receivers -- wake a receiver for each of n messages that became ready, first_id and following.
 * slots: their slots; names: what slot.tag and slot.source are numbers in.
 * Returns 0, or -1: a wake FIFO could not be opened, nothing is to be committed.
 */
int wake_receivers(struct mbox *m, uint64_t first_id, uint32_t n, const struct slot *slots, const struct slice *names);

/* wake_ready -- wake a receiver for message id, if it is ready.  Returns 0, or -1. */
int wake_ready(struct mbox *m, uint64_t id);

/*
 * wake_pending -- without the lock, asleep: whether a receiver that lives was woken for a message less than a second ago,
 * and has not looked since.
 */
bool wake_pending(struct mbox *m);

/*
 * wake_next -- we were woken for message mark, and look no more: wake the next for what remains of it and of what came
 * after it, for which no other may have been woken.  Returns 0, or -1.
 */
int wake_next(struct mbox *m, uint64_t mark);

/*
 * wake_decline -- our want is wider than we are, and we were woken for message mark, which we leave: wake the next
 * behind us that may want it, if it is still ready.  Returns 0, or -1.
 */
int wake_decline(struct mbox *m, uint64_t mark);

/*
 * wake_resumed -- receivers may take again: of those that sleep, wake the first with each filter, which wakes the next.
 * Returns 0, or -1.
 */
int wake_resumed(struct mbox *m);

/*
 * wake_wanted -- whether a living receiver sleeps that wants, or by a wide want may want, a message with this tag and
 * source; none does where receivers are paused.
 * Returns 1 or 0, or -1.
 */
int wake_wanted(struct mbox *m, struct slice tag, struct slice source);

/*
 * wake_end -- message id has ended, by STATE_DONE or STATE_DROPPED: wake the sender that waits for that.
 * STATE_CLAIMED: an offer was taken or put back, and its sender is to look.
 * The mark of the sender's want becomes that status.  Returns 0, or -1.
 */
int wake_end(struct mbox *m, uint64_t id, enum state_status status);

/*
 * wake_leaving -- a message is about to leave a mailbox that is closed: wake the receivers that may end then, which are
 * those that wanted it; all where it is the last.  They are only to look.  Returns 0, or -1.
 */
int wake_leaving(struct mbox *m, struct slice tag, struct slice source, bool last);

/*
 * wake_room -- wake the first sender that waits for room, if it is asleep and now fits, or messages are dropped for it.
 * Returns 0, or -1.
 */
int wake_room(struct mbox *m);

/*
 * wake_ahead -- whether a living sender waits for room in front of us (stopped ones aside); if it is asleep and fits,
 * it is woken.
 * Returns 1 or 0, or -1.
 */
int wake_ahead(struct mbox *m);

/*
 * wake_listener -- none listens for drops, or is the keeper (keeper.h): wake the first receiver that sleeps to be it, or
 * else one that peeks.  owner: this one, if it sleeps; 0: any.  Returns 0, or -1.
 */
int wake_listener(struct mbox *m, uint64_t owner);

/*
 * wake_remove -- take down a want, ours or a dead process's, with the owner's files in the mailbox.  Returns 0, or -1.
 */
int wake_remove(struct mbox *m, uint32_t index, uint64_t owner);

/* wake_count -- have ctl.wants end with the last want that stands.  Returns 0, or -1. */
int wake_count(struct mbox *m);

#endif
