/* SPDX-License-Identifier: ISC */
/*
 * handover: the sending end of a rendezvous, in a mailbox of capacity 0.
 *
 * A message is an offer (offer.h).  Once it is taken, the message goes through its FIFO as a frame.  The receiver marks
 * the offer done after it has delivered the last byte, and only then has the sender succeeded.
 *
 * A sender that dies leaves the receiver with a frame cut short.  A receiver that puts the offer back, or dies, gives
 * it back to the sender (EPIPE, t->back): a caller that still has the payload offers it again, under the same number.
 */
#ifndef MAILBOX_SEND_HANDOVER_H
#define MAILBOX_SEND_HANDOVER_H

#include "mailbox/send/append.h"
#include "stream/writer.h"

struct handover {
	struct append *append;
	struct writer *writer;
	int fd;                         /* the FIFO; -1: none, or none reads it any more */
	uint64_t sent;                  /* payload bytes that went into it */
	uint64_t deadline_ns;           /* until when it is to be taken */
	uint64_t pause_ns;              /* not to be offered again before that */
	uint64_t end_ns;                /* set by the caller: handover_end waits no longer; 0: for ever */
	unsigned tries;                 /* receivers that failed at it */
	bool now;                       /* only if a receiver is there already */
	bool ask;                       /* set by the caller: EAGAIN in place of a wait; the same call again goes on */
	bool asked;                     /* the offer stands, and has not been seen to be taken */
	bool ended;                     /* all of the message has been given to the writer */
	bool offered;                   /* our offer stands in the mailbox */
	bool done;                      /* it has been received: the rest of the payload is not wanted */
	bool back;                      /* it is ours again */
	bool taken;                     /* a receiver has had it, or has it */
	struct slice tag, source;       /* of the message */
	bool while_served;              /* set by the caller: where a receiver has failed, wait only if another serves */
};

/*
 * handover_begin -- offer a message and wait until it is taken.
 * b: empty, with its head set; head: the same.  deadline_ns: as of append_batch.
 * Returns 0, or -1: EAGAIN no receiver waits for it (APPEND_NOW), ETIMEDOUT (the offer is withdrawn), EINTR, EIDRM,
 * ECANCELED, ESHUTDOWN (the mailbox is closed, and no receiver has had it), EOWNERDEAD (a receiver has failed, and there
 * is no other: while_served), or errno.
 * Where t->ask is set: EAGAIN while it is not taken; the next call only looks again.
 */
int handover_begin(struct handover *t, struct batch *b, const struct message *head, uint64_t deadline_ns);

/*
 * handover_data -- the payload's next bytes.  handover_feed: all that the descriptor in still has; returns as
 * feed_stream. handover_end -- the payload is complete: wait until it has been received.
 * Return 0, or -1: EPIPE its receiver has failed (t->back), ECANCELED it was refused, EINTR and ETIMEDOUT (t->end_ns):
 * its receiver has it, and what becomes of it cannot be told; or errno.
 * Where t->ask is set: EAGAIN, the writer's (writer.h: ask) or, from handover_end, its receiver has not delivered it yet.
 * handover_push -- with t->ask: writer_flush.  Returns as handover_data.
 */
int handover_data(struct handover *t, const char *data, size_t len);
int handover_feed(struct handover *t, int in);
int handover_end(struct handover *t);
int handover_push(struct handover *t);

/* handover_again -- after EPIPE: offer the message again, from its first byte.  Returns as handover_begin. */
int handover_again(struct handover *t, const struct message *head);

/* handover_abort -- give the message up: it is withdrawn, or its receiver sees that it was cut short.  errno stays. */
void handover_abort(struct handover *t);

#endif
