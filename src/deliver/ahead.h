/* SPDX-License-Identifier: ISC */
/*
 * ahead: what has been written to a pipe, and its reader has perhaps not read yet.
 *
 * Where one mailbox is received from, its messages stay claimed until the pipe tells that they have been read; they are
 * settled together with the claim of what comes next.  Before a wait, and at the end, all that is written is settled.
 */
#ifndef DELIVER_AHEAD_H
#define DELIVER_AHEAD_H

#include "deliver/deliver.h"

enum { AHEAD_RUNS = 32 };               /* more are settled, read or not */

/* Zeros to begin with. */
struct ahead {
	struct deliver *deliver;
	struct receiver *receiver;      /* where they come from; NULL: nothing is kept, for the output is no pipe, say */
	struct run runs[AHEAD_RUNS];
	uint64_t *ends[AHEAD_RUNS];     /* where each message of them ends in the output (outbuf_end) */
	uint32_t n;                     /* runs in use, older ones first; behind them stand empty ones */
};

/* ahead_begin -- for what d receives; its output and its channels are open. */
void ahead_begin(struct ahead *a, struct deliver *d);

/* ahead_next -- select_next, with what has been read meanwhile. */
int ahead_next(struct ahead *a, uint32_t messages, size_t bytes);

/*
 * ahead_keep -- after deliver_run: take the run in hand over, if that is worth it.
 * before: where the output ended before that.  Returns 0, or -1 with ENOMEM, and the run in hand as it was.
 */
int ahead_keep(struct ahead *a, uint64_t before);

/* ahead_done -- settle all as done.  Returns 0, or -1 as receiver_settle. */
int ahead_done(struct ahead *a);

/* ahead_left -- the reader has left: settle as done what it has read to the end, and put back the rest.  Returns so. */
int ahead_left(struct ahead *a);

/* ahead_free -- forget all. */
void ahead_free(struct ahead *a);

#endif
