/* SPDX-License-Identifier: ISC */
/*
 * meet: the sending end of a rendezvous, in a mailbox of capacity 0.
 *
 * A message is an offer: a slot with its headers and no payload, and a FIFO, ID.meet, of which the sender holds the
 * writing end.  The receiver that takes it, under the lock, opens the reading end and removes the name, so that one
 * FIFO has one reader in its life.  Then the message goes through it as a frame.  The receiver marks the offer done
 * after it has delivered the last byte, and only then has the sender succeeded.
 *
 * A sender that dies leaves the receiver with a frame cut short; a receiver that dies leaves the sender with EPIPE.
 * An offer whose sender is dead is dropped by whoever meets it.
 */
#ifndef MEET_H
#define MEET_H

#include "post.h"
#include "writer.h"

struct meet {
	struct post *post;
	struct writer *writer;
	int fd;                         /* the FIFO; -1: nothing under way */
	uint64_t sent;                  /* payload bytes that went into it */
};

/*
 * meet_begin -- offer a message and wait until it is taken.
 * b: empty, with its head set; head: the same.  deadline_ns: as of post_batch.
 * Returns 0, or -1: EAGAIN nobody waits for it (POST_NOW), ETIMEDOUT (the offer is withdrawn), EINTR, EIDRM, ECANCELED,
 * or errno.
 */
int meet_begin(struct meet *t, struct batch *b, const struct message *head, uint64_t deadline_ns);

/* meet_data -- the payload's next bytes.  Returns 0, or -1: EPIPE the receiver has died. */
int meet_data(struct meet *t, const char *data, size_t len);

/*
 * meet_end -- the payload is complete: wait until it has been received.
 * Returns 0, or -1: EPIPE the receiver has died, ECANCELED it has refused the message, or errno.
 */
int meet_feed(struct meet *t, int in);
int meet_end(struct meet *t);

/* meet_abort -- give the message up: its receiver sees that it was cut short. */
void meet_abort(struct meet *t);

#endif
