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
};

/* hold_take -- note item i of run; the caller settles what it holds, and empties the run. */
void hold_take(const struct run *run, uint32_t i, struct held *held);

/* hold_settle -- n messages held are done, or put back, all in one section; as claim_settle. */
int hold_settle(struct claim *c, const struct held *held, uint32_t n, enum claim_end end, uint64_t delay_us);

/* hold_recall -- have a message that is held in run, which was empty.  Returns 0, or -1. */
int hold_recall(struct claim *c, const struct held *held, struct run *run);

#endif
