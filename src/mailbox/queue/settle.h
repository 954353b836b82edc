/* SPDX-License-Identifier: ISC */
/*
 * settle: how messages change their states: claimed, ready again, gone.
 *
 * All functions are called with the lock held and the change begun (txn_begin); m->seg is the segment of the items,
 * and their places in it are right.  The caller commits; where a function fails that is refused (txn_fail).
 */
#ifndef MAILBOX_QUEUE_SETTLE_H
#define MAILBOX_QUEUE_SETTLE_H

#include "mailbox/box/mbox.h"

enum { SETTLE_MAX = RUN_MESSAGES };     /* items settled at a time */

enum claim_note { NOTE_NONE, NOTE_FIRST, NOTE_EACH };

/* A message that is claimed, or looked at. */
struct item {
	uint64_t id;
	struct slot slot;
	uint32_t pos;                   /* its place in its segment */
	uint16_t tries;                 /* deliveries that failed before */
	uint16_t status;                /* found by a search: its status then */
};

/*
 * settle_claim -- n items that a search has found are claimed by this process.  note: since when, for mstat: beside
 * each, where each is settled by itself; or beside the first of those that stand side by side, for what is settled
 * together; or nowhere, for what is at once.  Returns 0, or -1.
 */
int settle_claim(struct mbox *m, const struct item *items, uint32_t n, enum claim_note note);

/*
 * settle_ours -- keep of n items those that this process has claimed, in their order: after a call that failed half-way
 * that cannot be told otherwise.  Returns how many, or -1.
 */
long settle_ours(const struct mbox *m, struct item *items, uint32_t n);

/*
 * settle_ready -- n items, claimed until now, are ready again, in their places; what was taken before it was due is
 * delayed again.
 * tried: with a try counted; delay_us: kept back for so long from now (0: ready at once), MAILBOX_DELAY_MAX_US at most.
 * Wakes no receiver.  Returns 0, or -1.
 */
int settle_ready(struct mbox *m, const struct item *items, uint32_t n, bool tried, uint64_t delay_us);

/* settle_due -- an item that was delayed is ready.  Wakes no receiver.  Returns 0, or -1. */
int settle_due(struct mbox *m, const struct item *item);

/*
 * settle_gone -- n items have left the mailbox, by STATE_DONE; or one, by STATE_DROPPED, which counts as m->ctl.leaves_as
 * says: dropped, unless the caller has set that.  Such a change it begins itself, unless it has begun.
 * was: their status until now.  keep: as of compact_spent.
 * Wakes the senders that wait for room, or for the end of one of them.  Returns 0, or -1.
 */
int settle_gone(struct mbox *m, const struct item *items, uint32_t n, enum state_status was, enum state_status now,
    uint64_t keep);

/*
 * settle_find -- make m->seg the segment of message id, and get its item and its status.
 * Returns 1, 0 where it is not in the mailbox any more (status: STATE_DROPPED, or done, or not known), or -1.
 */
int settle_find(struct mbox *m, uint64_t id, struct item *item, enum state_status *status);

/*
 * settle_places -- make m->seg the segment seg, and the places of its n items right, which were found in this layout.
 * Returns 0, or -1.
 */
int settle_places(struct mbox *m, uint64_t seg, uint64_t layout, struct item *items, uint32_t n);

#endif
