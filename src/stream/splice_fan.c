/* SPDX-License-Identifier: ISC */
/* spread: see splice_fan.h.  A crash leaves a message cut short between two chunks. */
#include "stream/splice_fan.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/splice.h"
#include "stream/fifo.h"
#include "stream/splice_out.h"

enum {
	PAGE = 4096,                    /* what one slot of a pipe holds, at most */
	SLOTS_MIN = 8,                  /* smaller pipes are not worth it */
};

void
spread_close(struct spread *s)
{
	if (s->in != -1)
		close(s->in);
	if (s->out != -1)
		close(s->out);
	s->in = s->out = -1;
	s->left = 0;
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
		to[i] = (struct spread){ .writer = to[i].writer, .in = -1, .out = -1 };
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

int
spread_rest(struct spread *s, uint64_t deadline_ns)
{
	struct writer *w = s->writer;
	uint64_t unread;
	ssize_t moved;

	/* nobody else writes to it, for its writers' lock is ours */
	if (s->left > 0 && w->kind == WRITER_FIFO && (fifo_read_out(w->fd, w->begun, deadline_ns, &unread) == -1
	    || fifo_room(w->fd, w->begun, deadline_ns, NULL) == -1))
		return -1;
	for (; s->left > 0; s->left -= (size_t)moved) {
		moved = splice_move_now(s->out, w->fd, s->left);
		if (moved == -1 && errno == EAGAIN && io_wait(w->fd, POLLOUT, deadline_ns) != -1)
			moved = 0;
		if (moved == -1)
			return -1;
		w->written += (size_t)moved;
		w->begun += (size_t)moved;
	}
	return 0;
}

/* give -- the n bytes that stand in the pipe `from` to one channel.  last: they are not needed any more. */
static int
give(struct spread *s, int from, size_t n, bool last, uint64_t patience_ns)
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
	s->left = all;
	return spread_rest(s, clock_after(patience_ns)) == 0 || errno == ETIMEDOUT ? 0 : -1;
}

/* give_all -- n bytes to every channel that has not failed.  Returns how many of those have taken them all. */
static unsigned
give_all(struct spread *to, unsigned n, int from, size_t len, uint64_t patience_ns)
{
	unsigned left = 0, last = 0;
	bool slow = false;

	for (unsigned i = 0; i < n; i++)
		if (to[i].writer != NULL && to[i].failed == 0)
			last = i;
	for (unsigned i = 0; i < n; i++) {
		if (to[i].writer == NULL || to[i].failed != 0)
			continue;
		if (give(&to[i], from, len, i == last, patience_ns) == -1)
			to[i].failed = errno;
		else if (to[i].left > 0)
			slow = true;
		else
			left++;
	}
	return slow ? 0 : left;
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
spread_message(struct spread *to, unsigned n, struct message *m, uint64_t patience_ns, uint64_t *sent)
{
	size_t room = open_pipes(to, n);
	int ends[2] = { -1, -1 }, r = 0, err;
	ssize_t got;

	/* half of the others: with header and newline it fits into each of them, however its bytes lie in their pages */
	if (m->reader != NULL)
		splice_widen(m->reader->fd);
	if (room > 0 && splice_pipe(ends, room / 2) == 0) {
		while ((got = io_go_on() ? pump_some(m, ends[1], room / 2) : -1) > 0) {
			*sent += (uint64_t)got;
			if (give_all(to, n, ends[0], (size_t)got, patience_ns) == 0 || drop(ends[0]) == -1)
				break;
		}
		r = got == -1 ? -1 : got == 0;
	}
	err = errno;
	if (ends[0] != -1) {
		close(ends[0]);
		close(ends[1]);
	}
	for (unsigned i = 0; i < n; i++)
		if (to[i].left == 0 || to[i].failed != 0)
			spread_close(&to[i]);
	errno = err;
	return r;
}
