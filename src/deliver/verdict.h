/* SPDX-License-Identifier: ISC */
/* verdict: what a consumer says has become of its messages, and what becomes of them then. */
#ifndef DELIVER_VERDICT_H
#define DELIVER_VERDICT_H

#include "deliver/consumer.h"

/* verdict_read -- read acknowledgements once, and settle what they say.  Returns whether there may be more now. */
bool verdict_read(struct consumer *c);

/*
 * verdict_refuse -- count a try of message i of the window: it is put back for a while, or a dead letter.
 * status: DELIVER_REFUSED, or as a shell has it.
 */
void verdict_refuse(struct consumer *c, uint32_t i, int status);

#endif
