/* SPDX-License-Identifier: ISC */
/* framer: messages in hand on their way to one consumer, as frames, waiting for nothing. */
#ifndef DELIVER_FRAMER_H
#define DELIVER_FRAMER_H

#include "channel/select.h"
#include "deliver/window.h"

enum { FRAMER_TEXT = 128 * 1024 };      /* bytes of frames in memory */

struct framer {
	struct select *sources;
	struct window *window;          /* its last messages are those in hand */
	int fd;
	bool waits;                     /* a write may wait: it may be of PIPE_BUF bytes once poll(2) says that there is room */
	bool socket;
	uint32_t next, n;               /* of the messages in hand: which one comes next, and how many there are */
	int file_fd;                    /* the payload that is being copied; -1 none */
	uint64_t file_left;             /* bytes of it */
	uint64_t written;               /* bytes of the output */
	size_t start, end;              /* text[start] is the first byte that is not written */
	char text[FRAMER_TEXT];
};

/* framer_init -- write to fd what comes from s, and is in w.  f: zeros. */
void framer_init(struct framer *f, struct select *s, struct window *w, int fd);

/* framer_take -- have what select_next gave, which was added to the window, written.  Nothing is in hand. */
void framer_take(struct framer *f);

/* framer_busy -- whether there is anything to write. */
bool framer_busy(const struct framer *f);

/* framer_place -- the place in the window of the message that comes next.  framer_skip -- leave it out. */
uint32_t framer_place(const struct framer *f);
void framer_skip(struct framer *f);

/*
 * framer_move -- write some of it, as much as goes without a wait.
 * Returns 1 it goes on; 0 nothing goes at present: poll(2) tells when; -1 with errno of a write: EPIPE nobody reads it
 * any more; or -2 with errno of a read: EMSGSIZE the header line of the message that comes next would be too long,
 * EBADMSG a payload is not all there.
 */
int framer_move(struct framer *f);

/* framer_cut -- write only what has begun, to the end of its frame.  The window keeps the others. */
void framer_cut(struct framer *f);

/* framer_close -- write nothing more, and let go of the payload; fd stays open. */
void framer_close(struct framer *f);

#endif
