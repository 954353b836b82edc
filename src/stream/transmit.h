/* SPDX-License-Identifier: ISC */
/* transmit: a writer's bytes into its channel, under the channel's lock. */
#ifndef STREAM_TRANSMIT_H
#define STREAM_TRANSMIT_H

#include <limits.h>

#include "frame/frame.h"

enum writer_kind {
	WRITER_PIPE,            /* an ordinary pipe, a socket, a terminal */
	WRITER_FIFO,
	WRITER_FILE,
};

enum { WRITER_BUF = 64 * 1024 };        /* bytes of small frames that are gathered for one write(2) */

struct writer {
	const char *name;       /* set by the caller: as the user typed it; NULL: nothing is told of it (waiting.h) */
	int fd;
	int look_fd;            /* WRITER_FILE: to look at what stands at its end; -1 not opened, or it may not be read */
	enum writer_kind kind;
	bool locked;
	bool in_message;        /* between writer_begin and writer_end */
	bool chunked;           /* the current message goes in chunks with '+' */
	bool torn;              /* an error or writer_abort left part of a message in the channel, for good */
	bool append;            /* WRITER_FILE: opened with O_APPEND */
	bool unnamed;           /* WRITER_PIPE: an ordinary pipe, which may have other writers (mend_mark) */
	bool ask;               /* set by the caller: EAGAIN in place of a wait, and what is gathered stays */
	bool turn;              /* set by the caller: on a FIFO no other writer's turn comes before writer_rest */
	uint64_t left;          /* payload bytes still to come; MESSAGE_LEN_UNKNOWN: until writer_end */
	uint64_t deadline_ns;   /* no write waits longer (CLOCK_MONOTONIC; CLOCK_NEVER) */
	uint64_t file_start;    /* WRITER_FILE: where the batch began that is written under this lock */
	uint64_t written;       /* bytes written under this lock */
	uint64_t marked;        /* what mend_mark has said under it */
	uint64_t fill;          /* bytes FRAME_CUT that are to go before all else */
	int lent;               /* WRITER_FIFO: a reading end where there was none, for the time of this lock; -1 */
	uint64_t begun;         /* WRITER_FIFO: bytes written of the last message that went in pieces, if none followed */
	size_t used;            /* bytes gathered in buf */
	size_t head_len;        /* bytes of head; 0 once the current message's first header is written */
	char buf[WRITER_BUF];
	char head[FRAME_HEADER_MAX];    /* the current message's header line, its LENGTH being 0 */
};

enum {
	TRANSMIT_GATHER = 4096,         /* payload bytes that are copied rather than written from where they are */
	TRANSMIT_PIECE = PIPE_BUF < TRANSMIT_GATHER ? PIPE_BUF : TRANSMIT_GATHER,       /* of a write: whole or not at all */
};

/* transmit_bounded -- whether each write must be whole frames of at most TRANSMIT_PIECE bytes. */
bool transmit_bounded(const struct writer *w);

/*
 * transmit_lock -- take the channel's lock, and end what a writer that was killed has left; a new batch begins.
 * Returns 0, or -1; with w->ask, EAGAIN.  transmit_unlock -- let it go.
 */
int transmit_lock(struct writer *w);
void transmit_unlock(struct writer *w);

/* transmit_mark -- under the lock, before a frame of so many bytes that does not go in one write. */
void transmit_mark(struct writer *w, uint64_t bytes);

/*
 * transmit_bytes -- write all n bytes, under the lock.
 * transmit_gathered -- write what is in buf; takes the lock where it is not taken yet.
 * transmit_with_gathered -- write that and n bytes more, together.
 * Return 0, or -1 as writer_put; with w->ask, EAGAIN.
 */
int transmit_bytes(struct writer *w, const char *p, size_t n);
int transmit_gathered(struct writer *w);
int transmit_with_gathered(struct writer *w, const char *p, size_t n);

/*
 * transmit_give_up -- after an error, or for a message that ended too early: what the batch left in a file is taken back
 * (where nobody without a lock has written behind it), nothing is gathered, the lock is free.  Leaves errno.
 * transmit_fail -- the same after a failed call, but where we were only asked.  Returns -1.
 */
void transmit_give_up(struct writer *w);
int transmit_fail(struct writer *w);

#endif
