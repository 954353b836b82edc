/* SPDX-License-Identifier: ISC */
/*
 * reader: messages out of a stream of frames: an ordinary pipe, a FIFO, a plain file.
 *
 * Every mrecv on a FIFO locks it with flock(2), on an open file description of its own, while the stream stands
 * inside a message; so between two locks the stream always stands between two messages.
 */
#ifndef STREAM_READER_H
#define STREAM_READER_H

#include <errno.h>

#include "frame/message.h"

enum reader_mode {
	READER_ALL,             /* the stream is ours to its end: read ahead, lock nothing */
	READER_SHARED,          /* take what stands there, then finish the message begun: under the lock */
	READER_ONE,             /* take one message at a time, and no byte more: under the lock */
};

enum { READER_BUF = 128 * 1024 };       /* bytes; a message whose frame fits is handed out in memory */

struct reader {
	int fd;
	enum reader_mode mode;
	bool follow;            /* set by the caller: a plain file that others append to; its end is not the end */
	bool own;               /* set by the caller: no other reader ever: read a little ahead, poll only where that waits */
	bool stalled;           /* with EBADMSG: no more of the payload came for patience_ns */
	bool named;             /* set by the caller: a FIFO; it may begin with what a reader left that died in a message */
	int *ends;              /* set by the caller, not READER_ALL: a pipe to look ahead with (sight_stroke); NULL: do not */
	bool locked;
	bool shut_out;          /* there may be something to read all the time, and not for us: another reader has the lock, */
	bool partial;           /* or the frame is not all there yet; it stays in the stream */
	bool fresh;             /* nothing has been handed out since the lock was taken */
	bool rest;              /* in_message: in what such a reader left */
	bool broken;            /* after EBADMSG where nothing tells where the next message begins */
	bool in_message;        /* the current message's payload has not been read to its end */
	bool more;              /* the current chunk is followed by another */
	uint64_t dropped;       /* bytes that are no part of offset yet */
	size_t head_guess;      /* bytes of the last continuation's header line */
	uint64_t left;          /* payload bytes of the current chunk not yet handed out */
	uint64_t offset;        /* bytes of the stream consumed so far; after EBADMSG, where the bad byte stands */
	const char *reason;     /* after EBADMSG: what is wrong, in words */
	uint64_t deadline_ns;   /* no read waits longer (CLOCK_MONOTONIC; CLOCK_NEVER) ... */
	uint64_t patience_ns;   /* ... but inside a payload, if not 0, each for so long; set by the caller */
	size_t start, end;      /* what has been read ahead: buf[start..end) */
	char buf[READER_BUF];
	char head[FRAME_HEADER_MAX];    /* the current message's header line, where its payload is not in memory */
	char scratch[FRAME_HEADER_MAX];
};

/*
 * reader_init -- read frames from fd, which the reader does not close.
 * In READER_SHARED and READER_ONE, fd must be of an open file description of its own, close-on-exec.
 */
void reader_init(struct reader *r, int fd, enum reader_mode mode);

/*
 * reader_next -- go to the next message; what is left of the one before is read and dropped.
 * Fills m; its payload is in m->data where the frame fits in the buffer as one chunk, else m->reader is r.
 * Waits until r->deadline_ns, inside a message too: a call after ETIMEDOUT or EINTR goes on where this one stopped.
 * Returns 1, 0 at the end of the stream (for a FIFO: no writer, nothing left; with follow: nothing whole yet), or
 * -1: EBADMSG for a frame that is malformed or cut short (r->reason says which, r->offset at which byte of the
 * stream), ETIMEDOUT, EINTR, or errno of read(2) or flock(2).
 * After EBADMSG because a full header stood where a continuation had to, the next call gives that header's message;
 * because the stream ended, it looks for more; else it is EBADMSG again.
 */
int reader_next(struct reader *r, struct message *m);

/*
 * reader_wait -- sleep until there is something to read, or the stream is at its end.
 * Returns 1, 0 at the end, or -1: ETIMEDOUT, EINTR, or EBADMSG with r->stalled.
 */
int reader_wait(struct reader *r);

/*
 * reader_payload -- the next payload bytes of the current message.
 * Returns as message_read; ETIMEDOUT and EINTR as reader_next.  The lock goes once it has returned 0.
 */
ssize_t reader_payload(struct reader *r, void *buf, size_t n);

/*
 * reader_reset -- the stream stands again inside the current message, at this offset, as it was then: left, more.
 * The caller has seen to it that the next read(2) gives what comes there.
 */
static inline void
reader_reset(struct reader *r, uint64_t offset, uint64_t left, bool more)
{
	r->start = r->end = 0;
	r->offset = offset;
	r->left = left;
	r->more = more;
	r->in_message = true;
}

/* reader_untake -- n payload bytes that were handed out stand in buf and come again; a negative n: so many are gone. */
static inline void
reader_untake(struct reader *r, ssize_t n)
{
	r->start -= (size_t)n;
	r->offset -= (uint64_t)n;
	r->left += (uint64_t)n;
}

/* reader_stalled -- the rest of the message does not come.  Returns -1, with EBADMSG. */
static inline int
reader_stalled(struct reader *r)
{
	r->stalled = true;
	r->reason = "its sender sends no more";
	errno = EBADMSG;
	return -1;
}

/* reader_begun -- after reader_next has not come to it for lack of time: whether a message has begun to come. */
static inline bool
reader_begun(const struct reader *r)
{
	return !r->follow && (r->in_message || r->start < r->end || r->partial);
}

/* reader_buffered -- whether reader_next would give a whole message without a read(2). */
bool reader_buffered(const struct reader *r);

#endif
