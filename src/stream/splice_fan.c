/* SPDX-License-Identifier: ISC */
/* spread: see splice_fan.h.  A crash leaves a message cut short between two chunks. */
#include "stream/splice_fan.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/splice.h"
#include "stream/splice_out.h"

enum {
	PAGE = 4096,                    /* what one slot of a pipe holds, at most */
	SLOTS_MIN = 8,                  /* smaller pipes are not worth it */
	NAP_NS = 50 * 1000,             /* the first look whether a pipe is empty, */
	NAP_MAX_NS = 1000 * 1000 * 1000,        /* and the longest time to the next */
};

static void
close_pipes(struct spread *to, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (to[i].in != -1)
			close(to[i].in);
		if (to[i].out != -1)
			close(to[i].out);
		to[i].in = to[i].out = -1;
	}
}

/*
 * open_pipes -- a pipe for each channel.  Returns the bytes that every pipe on the way holds; 0 where there are none.
 */
static size_t
open_pipes(struct spread *to, unsigned n)
{
	size_t least = SPLICE_PIPE, size;
	int ends[2];

	for (unsigned i = 0; i < n; i++)
		to[i].in = to[i].out = -1;
	for (unsigned i = 0; i < n; i++) {
		if (to[i].writer == NULL)
			continue;
		if (!writer_takes_pieces(to[i].writer) || splice_pipe(ends, 0) == -1)
			return 0;
		to[i].out = ends[0];
		to[i].in = ends[1];
		size = splice_widen(to[i].writer->fd);
		least = size < least ? size : least;
		size = splice_widen(to[i].in);
		least = size < least ? size : least;
	}
	return least >= (size_t)SLOTS_MIN * PAGE ? least : 0;
}

/*
 * await_empty -- sleep until all of a FIFO has been read; nobody else writes to it, for its writers' lock is ours.
 * There is no event for that, so it is looked for, sooner at first.  Returns 0, or -1: EPIPE, EINTR.
 */
static int
await_empty(int fd)
{
	struct pollfd p = { .fd = fd };
	long nap_ns = NAP_NS;
	struct timespec t;
	int unread;

	while (ioctl(fd, FIONREAD, &unread) == 0 && unread > 0) {
		t = (struct timespec){ nap_ns / NAP_MAX_NS, nap_ns % NAP_MAX_NS };
		if (ppoll(&p, 1, &t, NULL) == 1) {
			errno = EPIPE;
			return -1;
		}
		if (io_stop) {
			errno = EINTR;
			return -1;
		}
		nap_ns = nap_ns * 2 < NAP_MAX_NS ? nap_ns * 2 : NAP_MAX_NS;
	}
	return 0;
}

/* give -- the n bytes that stand in the pipe `from` to one channel.  last: they are not needed any more. */
static int
give(struct spread *s, int from, size_t n, bool last)
{
	struct writer *w = s->writer;
	char head[FRAME_HEADER_MAX];
	bool newline;
	size_t head_len = writer_piece(w, head, n, &newline), all = head_len + n + newline;
	ssize_t moved;

	if (head_len > 0 && io_write(s->in, head, head_len) == -1)
		return -1;
	for (size_t done = 0; done < n; done += (size_t)moved) {
		moved = last ? splice_move(from, NULL, s->in, n - done) : splice_tee(from, s->in, n);
		if (moved <= 0 || (!last && (size_t)moved < n)) {
			errno = EIO;
			return -1;
		}
	}
	if (newline && io_write(s->in, "\n", 1) == -1)
		return -1;
	if (w->kind == WRITER_FIFO && await_empty(w->fd) == -1)
		return -1;
	for (; all > 0; all -= (size_t)moved) {
		moved = splice_move(s->out, NULL, w->fd, all);
		if (moved <= 0)
			return -1;
		w->written += (size_t)moved;
	}
	return 0;
}

/* give_all -- n bytes to every channel that has not failed.  Returns how many those are. */
static unsigned
give_all(struct spread *to, unsigned n, int from, size_t len)
{
	unsigned left = 0, last = 0;

	for (unsigned i = 0; i < n; i++)
		if (to[i].writer != NULL && to[i].failed == 0)
			last = i;
	for (unsigned i = 0; i < n; i++) {
		if (to[i].writer == NULL || to[i].failed != 0)
			continue;
		if (give(&to[i], from, len, i == last) == -1)
			to[i].failed = errno;
		else
			left++;
	}
	return left;
}

/* drop -- empty a pipe of what a channel that failed has left in it.  Returns 0, or -1. */
static int
drop(int from)
{
	char piece[PAGE];
	int left;

	while (ioctl(from, FIONREAD, &left) == 0 && left > 0)
		if (io_read(from, piece, sizeof piece) == -1)
			return -1;
	return 0;
}

int
spread_message(struct spread *to, unsigned n, struct message *m)
{
	size_t room = open_pipes(to, n);
	int ends[2] = { -1, -1 }, r = 0, err;
	ssize_t got;

	for (unsigned i = 0; i < n; i++)
		to[i].failed = 0;
	/* half of the others: with header and newline it fits into each of them, however its bytes lie in their pages */
	if (m->reader != NULL)
		splice_widen(m->reader->fd);
	if (room > 0 && splice_pipe(ends, room / 2) == 0) {
		while ((got = pump_some(m, ends[1], room / 2)) > 0)
			if (give_all(to, n, ends[0], (size_t)got) == 0 || drop(ends[0]) == -1)
				break;
		r = got == -1 ? -1 : 1;
	}
	err = errno;
	if (ends[0] != -1) {
		close(ends[0]);
		close(ends[1]);
	}
	close_pipes(to, n);
	errno = err;
	return r;
}
