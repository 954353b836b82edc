/* SPDX-License-Identifier: ISC */
/*
 * hold: messages that are claimed and settled by themselves, whatever becomes of the run that they came in.
 *
 * Who has several commands at work holds the messages of each; what it claims meanwhile is another run.
 */
#ifndef HOLD_H
#define HOLD_H

#include "claim.h"

struct held {
	uint64_t seg, shape;            /* where it was, as in struct run */
	struct item item;
	int meet_fd;                    /* an offer's FIFO: closed, it tells its sender to look what became of it; -1 */
	int kept_fd;                    /* an offer's payload, kept in case it is buried; -1 */
};

struct hold {
	struct held *list;
	uint32_t n, room;
};

/* hold_add -- hold what is in run too; the caller settles what it holds, and empties the run.  Returns 0, or -1 with ENOMEM. */
int hold_add(struct hold *h, const struct run *run);

/* hold_drop -- let go of what is held, settled or not. */
void hold_drop(struct hold *h);

/*
 * hold_settle -- n messages held, from `from` on, are done, or put back, in pieces (piece.h); as claim_settle.
 * A signal to stop does not keep it from that, a second one may.
 */
int hold_settle(struct hold *h, struct claim *c, uint32_t from, uint32_t n, enum claim_end end, uint64_t delay_us);

/* hold_recall -- have a message that is held in run, which was empty.  Returns 0, or -1. */
int hold_recall(struct claim *c, const struct held *held, struct run *run);

/* hold_free -- let go of everything. */
void hold_free(struct hold *h);

#endif
