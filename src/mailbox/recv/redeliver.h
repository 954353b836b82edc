/* SPDX-License-Identifier: ISC */
/* redeliver: what dead receivers had claimed is ready again, and wakes others. */
#ifndef MAILBOX_RECV_REDELIVER_H
#define MAILBOX_RECV_REDELIVER_H

#include "mailbox/recv/search.h"

/* redeliver_due -- whether it is time to look for dead claimers. */
bool redeliver_due(const struct claim *c);

/*
 * redeliver_dead -- with the lock held: make ready again what dead processes had claimed.
 * Returns 0; 1 where there may be more, after the end of a piece (piece.h); or -1.
 */
int redeliver_dead(struct claim *c);

/* redeliver_wake -- wake receivers for n messages of m->seg that are ready again.  Returns 0, or -1. */
int redeliver_wake(struct claim *c, const struct item *items, uint32_t n);

#endif
