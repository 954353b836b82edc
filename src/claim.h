/* SPDX-License-Identifier: ISC */
/*
 * claim: messages out of a mailbox: look, claim, deliver, done or put back.
 *
 * A claim is the claimer's process number in a message's state.  It holds while that process lives: whoever looks
 * next gives back what the dead had.  A message leaves the mailbox only with claim_turn's DONE, which its receiver
 * asks for once it has been delivered.
 */
#ifndef CLAIM_H
#define CLAIM_H

#include "batch.h"
#include "filter.h"
#include "mbox.h"
#include "message.h"

enum {
	RUN_MESSAGES = 1024,
	RUN_BYTES = 128 * 1024,                 /* of log that a run may span, unless one message is longer */
};

/* A message that is claimed (or looked at). */
struct item {
	uint64_t id;
	struct slot slot;
	uint32_t pos;                           /* its place in the segment, as of run.shape */
	unsigned tries;                         /* deliveries that failed before */
};

/* What was claimed in one turn, all from one segment. */
struct run {
	uint32_t n;
	uint64_t seg, shape;                    /* the segment, and the mailbox's shape when it was claimed */
	uint64_t log_at;                        /* log[0] is this byte of the segment's log */
	uint32_t log_len;
	struct item items[RUN_MESSAGES];
	char log[RUN_BYTES + BATCH_INLINE + FRAME_HEADER_MAX];
};

/* A receiver at one mailbox: its selection, and what it knows of the backlog. */
struct claim {
	struct mbox *m;
	struct filter filter;
	bool peek;                              /* take nothing */
	bool asked;                             /* has asked for dead claimers once */
	uint64_t *cursor;                       /* per rank: nothing ready of that rank stands below */
	uint32_t ranks, source_ranks;
	uint64_t backs;                         /* ctl.backs that the cursors hold for */
	uint64_t due_us;                        /* when the next delayed message falls due (clock_wall_us); 0 none */
	uint64_t names_of, names_shape;         /* the segment that names and the ranks below are of */
	struct names names;
	uint32_t ranked;
	unsigned char tag_rank[SEG_NAMES], source_rank[SEG_NAMES];
};

#define CLAIM_DELAY_MAX_US UINT64_C(60000000)   /* no message is put back for longer */

enum claim_end { CLAIM_DONE, CLAIM_BACK, CLAIM_FAILED };

struct claim_limits {
	uint32_t messages;                      /* at most, 1 to RUN_MESSAGES */
	uint32_t bytes;                         /* of frames, unless the first message is longer */
	uint64_t below;                         /* only ids below this one; UINT64_MAX: any */
	uint64_t deadline_ns;                   /* for the lock */
	bool wait;                              /* nothing there: post our want, to sleep */
};

/* claim_init -- begin to receive from m.  Returns 0, or -1 with ENOMEM. */
int claim_init(struct claim *c, struct mbox *m, const struct filter *filter, bool peek);

/* claim_free -- let go of what claim_init allocated. */
void claim_free(struct claim *c);

/*
 * claim_turn -- in one locked section: what is in run is done, and run gets what comes next.
 * Returns 1 with messages in run; 0 with none (limits->wait: our want is posted); or -1: EIDRM, ETIMEDOUT, EINTR,
 * or errno.
 */
int claim_turn(struct claim *c, struct run *run, const struct claim_limits *limits);

/*
 * claim_settle -- the messages of run, from item `from` on, are done, or put back: as they were, or with a try
 * counted and not to be given again before delay_us from now.  run->n becomes `from`.
 * Returns 0, or -1.
 */
int claim_settle(struct claim *c, struct run *run, uint32_t from, enum claim_end end, uint64_t delay_us);

/*
 * claim_message -- item i of run as a message.  It points into run, and to an open file for a large payload
 * (m->fd), which the caller closes.
 * Returns 0, or -1 (EBADMSG: the frame at rest is damaged).
 */
int claim_message(struct claim *c, struct run *run, uint32_t i, struct message *m, char *scratch);

/* claim_payload -- item i's payload, where it stands in run; NULL for a large one.  Checks the frame.  */
const char *claim_payload(const struct run *run, uint32_t i);

#endif
