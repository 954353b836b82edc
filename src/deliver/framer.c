/* SPDX-License-Identifier: ISC */
/* framer: see framer.h.  A crash leaves the consumer with a frame that is cut short. */
#include "deliver/framer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/io.h"
#include "base/tally.h"

void
framer_init(struct framer *f, struct select *s, struct window *w, int fd)
{
	struct stat st;

	f->sources = s;
	f->window = w;
	f->fd = fd;
	f->file_fd = -1;
	f->socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

void
framer_take(struct framer *f)
{
	f->next = 0;
	f->n = f->sources->run.n;
	f->sources->run.n = 0;          /* they are in flight, and stay readable until the next select_next */
}

bool
framer_busy(const struct framer *f)
{
	return f->start < f->end || f->next < f->n || f->file_fd != -1;
}

uint32_t
framer_place(const struct framer *f)
{
	return f->window->n - (f->n - f->next);
}

void
framer_skip(struct framer *f)
{
	f->next++;
}

/* ---- frames ---- */

/* fill_file -- have more of the payload that stands in a file.  Returns 0, or -1. */
static int
fill_file(struct framer *f)
{
	size_t room = FRAMER_TEXT - f->end;
	ssize_t n = 1;

	while (n > 0 && f->file_left > 0 && room > 0) {
		n = io_read(f->file_fd, f->text + f->end, f->file_left < room ? (size_t)f->file_left : room);
		if (n == -1)
			return errno == EINTR ? 0 : -1;
		f->end += (size_t)n;
		f->file_left -= (uint64_t)n;
		room -= (size_t)n;
	}
	if (n == 0 && f->file_left > 0)
		return fail_with(EBADMSG);
	if (f->file_left == 0 && room > 0) {
		f->text[f->end++] = '\n';
		io_close(f->file_fd);
		f->file_fd = -1;
	}
	return 0;
}

/* add_frame -- add the next message, as far as its payload is in memory.  Returns 1, 0 no room for it, or -1. */
static int
add_frame(struct framer *f)
{
	struct message m;
	char scratch[FRAME_HEADER_MAX];
	size_t room = FRAMER_TEXT - f->end, head;

	/* of a payload that stands in a file the header line at least */
	if (room < FRAME_HEADER_MAX + MAILBOX_INLINE + 1)
		return 0;
	if (select_message(f->sources, f->next, &m, scratch) == -1)
		return -1;
	head = message_head(f->text + f->end, &m, m.len, false);
	if (head == 0) {
		io_close(m.fd);
		return -1;
	}
	window_begin(f->window, framer_place(f), f->written + (f->end - f->start));
	f->next++;
	f->end += head;
	if (m.fd != -1) {
		f->file_fd = m.fd;
		f->file_left = m.len;
		return 1;
	}
	if (m.len > 0)
		memcpy(f->text + f->end, m.data, (size_t)m.len);
	f->end += (size_t)m.len;
	f->text[f->end++] = '\n';
	return 1;
}

/* fill -- have what comes next in memory.  Returns 0, or -1; what came before a failure is there. */
static int
fill(struct framer *f)
{
	int r = 1;

	f->start = f->end = 0;
	while (r == 1 && (f->file_fd != -1 || f->next < f->n)) {
		if (f->file_fd != -1)
			r = fill_file(f) == -1 ? -1 : f->file_fd == -1;
		else
			r = add_frame(f);
	}
	return r == -1 && f->end == 0 ? -1 : 0;
}

/* ---- to the consumer ---- */

/* put -- one write that does not wait.  Returns as write(2). */
static ssize_t
put(const struct framer *f)
{
	const char *p = f->text + f->start;
	size_t n = f->end - f->start;

	if (f->socket)
		return send(f->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (f->waits) {
		if (io_ready(f->fd, POLLOUT) == 0)
			return fail_with(EAGAIN);
		n = n < PIPE_BUF ? n : PIPE_BUF;
	}
	return write(f->fd, p, n);
}

int
framer_move(struct framer *f)
{
	ssize_t n;

	if (f->start == f->end && fill(f) == -1)
		return -2;
	if (f->start == f->end)
		return framer_busy(f);
	n = put(f);
	if (n >= 0) {
		f->start += (size_t)n;
		f->written += (uint64_t)n;
		tally_add(TALLY_WRITTEN, (uint64_t)n);
		return 1;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return 0;
	return errno == ECONNRESET ? fail_with(EPIPE) : -1;
}

void
framer_cut(struct framer *f)
{
	const struct window *w = f->window;
	uint64_t end = f->written + (f->end - f->start);

	/* of what has not begun nothing can be acknowledged: all of it is still open */
	for (uint32_t i = w->first; i < w->n; i++)
		if (w->list[i].id != 0 && w->list[i].at >= f->written && w->list[i].at < end)
			end = w->list[i].at;
	if (end < f->written + (f->end - f->start) && f->file_fd != -1) {
		/* its frame is one of those that have not begun */
		io_close(f->file_fd);
		f->file_fd = -1;
	}
	f->end = f->start + (size_t)(end - f->written);
	f->n = f->next = 0;
}

void
framer_close(struct framer *f)
{
	io_close(f->file_fd);
	f->file_fd = -1;
	f->start = f->end = 0;
	f->n = f->next = 0;
}
