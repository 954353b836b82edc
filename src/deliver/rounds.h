/* SPDX-License-Identifier: ISC */
/* rounds: a consumer at work: what can be done is done, and then everything is waited for together. */
#ifndef DELIVER_ROUNDS_H
#define DELIVER_ROUNDS_H

#include "deliver/consumer.h"

/* rounds_next -- after consumer_begin: do what can be done, or wait.  Returns whether to call it again. */
bool rounds_next(struct consumer *c);

/* rounds_end -- put back what was not acknowledged, and free what it holds. */
void rounds_end(struct consumer *c);

#endif
