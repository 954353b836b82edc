/* SPDX-License-Identifier: ISC */
/*
 * pump: payloads moved by the kernel, without a copy through this process.
 *
 * A pipe's pages are handed on by reference, and so are those of a .big file, which nobody ever writes again.  A
 * file of the user's is never moved this way into a pipe: its owner could still change what is read.
 */
#ifndef STREAM_SPLICE_OUT_H
#define STREAM_SPLICE_OUT_H

#include "stream/reader.h"

/*
 * pump_message -- write the rest of m's payload to out: from its file, or from its stream where that is a pipe.
 * Returns 1 done, 0 not to be had this way (nothing has been written that message_read will not go on from), or
 * -1: EBADMSG a payload that is cut short, or errno of splice(2) and sendfile(2).
 */
int pump_message(struct message *m, int out);

/*
 * pump_some -- up to n bytes of m's payload, which is still in a stream, into a pipe that has room for them: from a pipe
 * by reference, from a plain file copied.
 * Returns how many, 0 at the payload's end, or -1: EINVAL message_read may go on, or as pump_message.
 */
ssize_t pump_some(struct message *m, int pipe, size_t n);

#endif
