/* SPDX-License-Identifier: ISC */
/*
 * claim: messages are claimed, and settled: done, dropped, or put back.
 *
 * A claim is the claimer's process number in a message's state.  It holds while that process lives; the next receiver
 * redelivers what the dead had.
 */
#ifndef MAILBOX_RECV_CLAIM_H
#define MAILBOX_RECV_CLAIM_H

#include "mailbox/recv/search.h"

/* A message in flight. */
struct inflight_message {
	struct place at;
	struct item item;
	int offer_fd;                   /* an offer's FIFO: its sender looks what became of it once it is closed; -1 */
	int kept_fd;                    /* an offer's payload, kept in case it becomes a dead letter; -1 */
};

enum { CLAIM_STOPS = 2 };               /* so many signals to stop end the wait for the lock to settle */

/* claim_init -- begin to receive as r says, from c->m.  Returns 0, or -1: ENOMEM, or E2BIG for too many patterns. */
int claim_init(struct claim *c, const struct receiver *r);

/* claim_free -- free what claim_init allocated. */
void claim_free(struct claim *c);

/*
 * claim_lock -- lock the mailbox to settle what was claimed, which is delivered again where it is not: as txn_insist;
 * but of a receiver that is brief, until claim_deadline.
 */
int claim_lock(struct claim *c, int stops);

/* claim_turn -- receiver_next, without drops, and without the header of an offer; its FIFO is run->in->offer_fd. */
int claim_turn(struct claim *c, struct run *run, const struct receiver_ask *ask);

/*
 * claim_settle -- settle *n items that stand at one place, of a run or in flight.  With the lock held; the caller
 * commits, and sees whether that segment is worth rewriting (compact_sparse), unless it claims in the same section.
 * more: the receiver goes on in that segment, which then keeps a longer log.
 * Returns 0, or -1: *n becomes how many of the items, the first, may still be claimed by this process.
 */
int claim_settle(struct claim *c, struct place *at, struct item *items, uint32_t *n, enum receiver_end end,
    uint64_t delay_us, bool more);

/* claim_read -- read a run's frames into its log, what is missing as zeros.  Returns 0, or -1. */
int claim_read(struct claim *c, struct run *run);

#endif
