/* SPDX-License-Identifier: ISC */
/*
 * spread: one payload to several pipes, by reference: tee(2) and splice(2), a chunk at a time.
 *
 * A chunk, its header and its newline are put together in a pipe of our own and go into the channel by one splice(2),
 * once that is empty and so certainly has room: a kill leaves all of the chunk there, or nothing.
 */
#ifndef STREAM_SPLICE_FAN_H
#define STREAM_SPLICE_FAN_H

#include "frame/message.h"
#include "stream/writer.h"

/* A channel that the message goes to, which its writer has begun. */
struct spread {
	struct writer *writer;          /* NULL: none; not to be looked at */
	int failed;                     /* errno of what failed; the others went on without it */
	int in, out;                    /* our pipe's ends */
	size_t left;                    /* bytes in it that the channel has not taken yet: spread_rest */
};

/*
 * spread_message -- the payload of m, which is still in a stream, to its end and to all n channels.
 * Once a channel has taken nothing for patience_ns, it gets no more here.  sent: is raised by the bytes of payload that
 * every channel has, or has left to take.
 * Returns 1 all of it; 0 what is left of the payload goes another way; or -1: it could not be read.
 */
int spread_message(struct spread *to, unsigned n, struct message *m, uint64_t patience_ns, uint64_t *sent);

/*
 * spread_rest -- what a channel has left to take, as far as it takes it until the deadline; 0: now.
 * Returns 0, or -1: ETIMEDOUT there is a rest, EPIPE, EINTR or errno.
 */
int spread_rest(struct spread *s, uint64_t deadline_ns);

/* spread_close -- close our pipe to a channel, if there is one. */
void spread_close(struct spread *s);

#endif
