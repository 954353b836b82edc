/* SPDX-License-Identifier: ISC */
/*
 * search: which messages of the backlog a receiver wants next.
 *
 * A message has a rank: how soon its tag, and then its source, is wanted.  For each rank the receiver remembers how
 * far it has looked, so that no message is looked at twice; and a segment whose names hold no match is passed over.
 */
#ifndef MAILBOX_RECV_SEARCH_H
#define MAILBOX_RECV_SEARCH_H

#include "mailbox/recv/known.h"

/*
 * search_backlog -- find what comes next: messages of the best rank there is, all from one segment, into run.
 * With the lock held.  Where messages were found m->seg is their segment, and ctl.head is moved for their claim.
 * Returns 0 (run->n tells how many), or -1 with errno of read(2).
 */
int search_backlog(struct claim *c, struct run *run, const struct receiver_ask *ask);

/* search_names -- have the names of m->seg, and their ranks, in c.  Returns 0, or -1. */
int search_names(struct claim *c);

#endif
