/* SPDX-License-Identifier: ISC */
/*
 * wake: who waits, and who wakes whom.
 *
 * The rules, each of which a counterexample asked for (tests/model):
 *   - A waiter looks and posts its want in one locked section, its bell open before the unlock.
 *   - Whoever makes a message ready opens, under the lock and before its commit, the bell of the first waiter that
 *     wants it and is asleep, and marks that want with the message; the close after the unlock is the wake.
 *     (Where one change wakes very many, some are closed before: they wait for the lock.)
 *   - A waiter that is woken looks, and takes the first match whatever its mark says.  If the message that it was
 *     woken for is still ready, it wakes the next one for it.
 *   - A want is asleep only while its owner sleeps.
 *   - Who keeps the door (door.h) and wakes, or was woken to keep it and does not, wakes the next that sleeps for it.
 * All functions are called with the mailbox locked; those that change it begin the change, the caller commits.
 */
#ifndef WAKE_H
#define WAKE_H

#include "mbox.h"

#define WAKE_AWAKE UINT64_MAX           /* the mark of a want whose owner is not asleep */
#define WAKE_DOOR (UINT64_MAX - 1)      /* the mark of one that was woken to keep the door (door.h) */
#define WAKE_LOOK_NS UINT64_C(1000000000)       /* a waiter looks by itself after so long */
#define WAKE_STOPPED_NS (2 * WAKE_LOOK_NS)      /* one that has not looked for so long is stopped */

/*
 * wake_receivers -- wake a receiver for each of n messages that became ready, first_id and following.
 * slots: their slots; names: what slot.tag and slot.source are places in.
 * Returns 0, or -1: a bell could not be opened, nothing is to be committed.
 */
int wake_receivers(struct mbox *m, uint64_t first_id, uint32_t n, const struct slot *slots, const struct slice *names);

/* wake_ready -- wake a receiver for message id, if it is ready.  Returns 0, or -1. */
int wake_ready(struct mbox *m, uint64_t id);

/*
 * wake_wanted -- whether a living receiver sleeps that wants a message with this tag and source.
 * Returns 1 or 0, or -1.
 */
int wake_wanted(struct mbox *m, struct slice tag, struct slice source);

/*
 * wake_end -- message id has ended, by STATE_DONE or STATE_DROPPED: tell the sender that waits for it.  STATE_CLAIMED: an
 * offer was taken or put back, and its sender is to look.
 * Its want's mark becomes that status.  Returns 0, or -1.
 */
int wake_end(struct mbox *m, uint64_t id, enum state_status status);

/* wake_room -- wake the first sender that waits for room, if it is asleep and now fits.  Returns 0, or -1. */
int wake_room(struct mbox *m);

/*
 * wake_post -- post our want, or post it again after a look that found nothing; then its owner may sleep.
 * Where there is no place or no disk for it, or the mailbox is only looked at, m->bell_fd stays -1 and the owner lives on its own looks.
 * Returns 0, or -1.
 */
int wake_post(struct mbox *m, enum want_kind kind, const struct filter *filter, uint64_t object);

/*
 * wake_awake -- our want, if it stands, is not to be woken any more; what it was woken for and is still ready goes
 * to the next, and so does the door, if we keep it.  Returns 0, or -1.
 */
int wake_awake(struct mbox *m);

/* wake_down -- take our want down for good.  Returns 0, or -1. */
int wake_down(struct mbox *m);

/* wake_leave -- lock, take our want down, commit and unlock: for who gives up waiting. */
void wake_leave(struct mbox *m);

/*
 * wake_ahead -- whether a living sender waits for room in front of us (stopped ones aside).
 * Returns 1 or 0, or -1.
 */
int wake_ahead(struct mbox *m);

/*
 * wake_sleep -- sleep on our bell: until it rings, until it is time to look, or until the deadline.
 * Without the lock.  Returns 1 look, 0 deadline passed, -1: EINTR (io_stop), EIDRM.
 */
int wake_sleep(struct mbox *m, uint64_t deadline_ns);

#endif
