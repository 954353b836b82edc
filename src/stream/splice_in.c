/* SPDX-License-Identifier: ISC */
/* feed: see splice_in.h.  A crash leaves a message without its last chunk. */
#include "stream/splice_in.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/splice.h"
#include "base/tally.h"

enum {
	CHUNK = 1 << 20,                /* payload bytes of a chunk, at most */
	SMALL = 4096,                   /* fewer are copied: a reference takes a whole page of the pipe */
};

/* feed_chunk -- the n bytes that the pipe has become one chunk.  Returns 0, or -1. */
static int
feed_chunk(struct writer *w, int in, size_t n)
{
	char head[FRAME_HEADER_MAX];
	bool newline;
	size_t head_len = writer_piece(w, head, n, &newline);
	ssize_t got;

	if (io_write(w->fd, head, head_len) == -1)
		return -1;
	w->written += head_len + n + newline;
	for (; n > 0; n -= (size_t)got) {
		got = splice_move(in, NULL, w->fd, n);
		if (got == 0)
			errno = EIO;            /* somebody else was faster */
		if (got <= 0)
			return -1;
	}
	return newline ? io_write(w->fd, "\n", 1) : 0;
}

/* feed -- feed_stream between two pipes. */
static int
feed(struct writer *w, int in, uint64_t *moved)
{
	char piece[SMALL];
	int n, events, r;

	for (;;) {
		events = io_go_on() ? io_wait(in, POLLIN, CLOCK_NEVER) : -1;
		if (events == -1 || ioctl(in, FIONREAD, &n) == -1)
			return -1;
		if (n == 0 && (events & (POLLHUP | POLLERR)))
			return 1;
		if (n < SMALL) {
			n = n > 0 ? (int)io_read(in, piece, (size_t)n) : 0;
			r = n > 0 ? writer_data(w, piece, (size_t)n) : n == 0 || errno == EAGAIN ? 0 : -1;
		} else {
			n = n < CHUNK ? n : CHUNK;
			r = feed_chunk(w, in, (size_t)n);
		}
		if (r == -1)
			return -1;
		if (n > 0) {
			*moved += (uint64_t)n;
			tally_add(TALLY_READ, (uint64_t)n);
		}
	}
}

int
feed_stream(struct writer *w, int in, uint64_t *moved)
{
	struct stat from, to;
	int r;

	if (w->kind != WRITER_PIPE || !writer_takes_pieces(w) || fstat(in, &from) == -1 || fstat(w->fd, &to) == -1
	    || !S_ISFIFO(from.st_mode) || !S_ISFIFO(to.st_mode) || from.st_ino == to.st_ino)
		return 0;
	r = feed(w, in, moved);
	if (r == -1)
		writer_abort(w);
	return r;
}
