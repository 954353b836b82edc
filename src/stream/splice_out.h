/* SPDX-License-Identifier: ISC */
/*
 * pump: payloads written without a copy through this process, where that can be.
 *
 * A pipe's pages are handed on to a pipe by reference, and so are those of a .big file, which nobody ever writes again.
 * A file of the user's is never moved this way: its owner could still change what is read.
 */
#ifndef STREAM_SPLICE_OUT_H
#define STREAM_SPLICE_OUT_H

#include "stream/reader.h"

/*
 * pump_message -- write the rest of m's payload to out.
 * pump_some -- up to n bytes of it; a pipe must have room for them.  Returns how many.
 * pump_try -- some of it, out of a reader into a pipe that does not block, or a file, waiting for neither.
 * splices: at first pump_splices; becomes false where splice(2) does not go.
 * EAGAIN: the pipe that is read from is empty, or out is full; ETIMEDOUT: nothing comes yet.
 * All return 0 at the payload's end, or -1: EBADMSG a payload that is cut short, or errno of splice(2), read(2) and
 * write(2).
 */
int pump_message(struct message *m, int out);
ssize_t pump_some(struct message *m, int out, size_t n);
ssize_t pump_try(struct reader *r, int out, bool *splices);

/* pump_splices -- whether bytes may go from there by reference. */
bool pump_splices(const struct reader *r);

#endif
