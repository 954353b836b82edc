/* SPDX-License-Identifier: ISC */
/*
 * claim: messages out of a mailbox: look, claim, deliver, done or put back.
 *
 * A claim is the claimer's process number in a message's state.  It holds while that process lives: whoever looks
 * next gives back what the dead had.  A message leaves the mailbox only with claim_turn's DONE, which its receiver
 * asks for once it has been delivered.
 */
#ifndef MAILBOX_RECV_CLAIM_H
#define MAILBOX_RECV_CLAIM_H

#include "frame/message.h"
#include "mailbox/recv/search.h"

struct take;

/* What a receiver of the face has besides what it shows. */
struct receiving {
	struct mbox m;
	struct take *intake;          /* of a mailbox with a drop/ */
	int offer_fd;                   /* of the message handed over; -1 */
	uint64_t below;                 /* only messages with lower numbers: with all, those of the first look */
	struct claim claim;
};

/* A message in flight (inflight.c). */
struct held {
	uint64_t seg, layout;            /* where it was, as in struct run_body */
	struct item item;
	int offer_fd;                    /* an offer's FIFO: closed, it tells its sender to look what became of it; -1 */
	int kept_fd;                    /* an offer's payload, kept in case it is buried; -1 */
};

enum { CLAIM_STOPS = 2 };               /* signals to stop until what was claimed is not settled any more */

/*
 * claim_init -- begin to receive from m.
 * timeout_ns: how long to wait for the lock where nothing is to be settled, but a second at least.
 * Returns 0, or -1 with ENOMEM.
 */
int claim_init(struct claim *c, struct mbox *m, const struct filter *filter, bool peek, uint64_t timeout_ns);

/* claim_deadline -- when a wait for the lock that begins now must end. */
uint64_t claim_deadline(const struct claim *c);

/*
 * claim_lock -- lock the mailbox to settle what was claimed, which is delivered again where it is not: as txn_insist;
 * but where c->brief is set, until claim_deadline.
 */
int claim_lock(struct claim *c, int stops);

/* claim_free -- let go of what claim_init allocated. */
void claim_free(struct claim *c);

/*
 * claim_turn -- in one locked section: what is in run is done, and run gets what comes next; limits->probe: that is not
 * claimed, and run tells of its first message alone.
 * What is damaged is taken out and set aside (verify.h).
 * Returns 1 with messages in run; 0 with none (limits->wait: our want is posted); or -1: EIDRM, EBUSY, EINTR,
 * or errno.
 */
int claim_turn(struct claim *c, struct run *run, const struct claim_limits *limits);

/* claim_waits -- whether message id is in the mailbox, whoever has it, and wanted (true where that cannot be told). */
bool claim_waits(struct claim *c, uint64_t id);

/*
 * claim_settle -- the messages of run, from item `from` on, are done, or put back: as they were, or with a try
 * counted and not to be given again before delay_us from now.  run->n becomes `from`.
 * Returns 0, or -1.
 */
int claim_settle(struct claim *c, struct run *run, uint32_t from, enum receiver_end end, uint64_t delay_us);

/*
 * claim_change -- settle n items whose places are right (claim_settle); keep: as of compact_spent.
 * With the lock held and the change begun.  Returns 0, or -1.
 */
int claim_change(struct claim *c, struct item *items, uint32_t n, enum receiver_end end, uint64_t delay_us,
    uint64_t keep);

/*
 * claim_message -- item i of run as a message.  It points into run, and to an open file for a large payload
 * (m->fd), which the caller closes.
 * Returns 0, or -1.
 */
int claim_message(struct claim *c, struct run *run, uint32_t i, struct message *m, char *scratch);

/* claim_payload -- item i's payload, where it stands in run, for one that is not large. */
static inline const char *
claim_payload(const struct run *run, uint32_t i)
{
	const struct slot *s = &run->in->items[i].slot;

	return run->in->log + (s->off - run->in->log_at) + s->head_len;
}

#endif
