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
};

/*
 * spread_message -- the payload of m, which is still in a stream, to its end and to all n channels.
 * Returns 1; 0 where it does not go this way: what is left of the payload goes another; or -1: it could not be read.
 */
int spread_message(struct spread *to, unsigned n, struct message *m);

#endif
