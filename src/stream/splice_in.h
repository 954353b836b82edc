/* SPDX-License-Identifier: ISC */
/* feed: what a pipe still has as the rest of a message that goes into a pipe, by reference (splice.h). */
#ifndef STREAM_SPLICE_IN_H
#define STREAM_SPLICE_IN_H

#include "stream/writer.h"

/*
 * feed_stream -- send what in still has as chunks of the message that w has begun.
 * moved: is raised by the bytes of payload.
 * Returns 1 at the end of in; 0 where these two are not pipes, or a write is bounded: nothing has been moved; or -1 as
 * writer_data.
 */
int feed_stream(struct writer *w, int in, uint64_t *moved);

#endif
