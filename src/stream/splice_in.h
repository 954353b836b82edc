/* SPDX-License-Identifier: ISC */
/* feed: the rest of a descriptor as the rest of a message, moved rather than read and written (splice.h). */
#ifndef STREAM_SPLICE_IN_H
#define STREAM_SPLICE_IN_H

#include "base/hash.h"
#include "stream/writer.h"

/*
 * feed_stream -- send what in still has as chunks of the message that w has begun and whose length is unknown.
 * A pipe's bytes go on by reference, a plain file's are copied once.
 * moved: is raised by the bytes of payload.
 * Returns 1 at the end of in; 0 where these two do not go together, the message going on from where in now stands; or
 * -1 as writer_data, EIO where in has changed under our hands.
 */
int feed_stream(struct writer *w, int in, uint64_t *moved);

/*
 * feed_file -- append what in still has to the plain file out, of *len bytes, which is raised; sum goes on with them.
 * Returns 0, whoever reads on finding the rest, or the end; or -1 with errno.
 */
int feed_file(int out, int in, uint64_t *len, struct hash *sum);

#endif
