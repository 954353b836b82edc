/* SPDX-License-Identifier: ISC */
/* pump: splice(2) and sendfile(2), of Linux.  Without them pump_message says 0, and the caller copies. */
#include "stream/splice_out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/splice.h"

enum { STEP = 1 << 24 };                /* bytes that one call may move */

/* not_possible -- whether an errno says that these descriptors cannot be joined this way. */
static bool
not_possible(int err)
{
	return err == EINVAL || err == ENOSYS || err == EOPNOTSUPP || err == EBADF;
}

static int
pump_file(struct message *m, int out)
{
	off_t at;
	ssize_t n;

	while (m->fd_offset < m->len) {
		at = (off_t)m->fd_offset;
		n = sendfile(out, m->fd, &at, m->len - m->fd_offset < STEP ? (size_t)(m->len - m->fd_offset) : STEP);
		if (n > 0) {
			m->fd_offset += (uint64_t)n;
			continue;
		}
		if (n == 0)
			errno = EBADMSG;        /* the file is shorter than its slot says */
		else if (not_possible(errno))
			return 0;
		else if ((errno == EINTR && !io_stop) || (errno == EAGAIN && io_wait(out, POLLOUT, CLOCK_NEVER) != -1))
			continue;
		return -1;
	}
	return 1;
}

/* copy_buffered -- write what the reader has read ahead of the current chunk. */
static int
copy_buffered(struct reader *r, int out)
{
	char piece[4096];
	ssize_t n;

	while (r->left > 0 && r->end > r->start) {
		n = r->end - r->start < sizeof piece ? (ssize_t)(r->end - r->start) : (ssize_t)sizeof piece;
		n = reader_payload(r, piece, (size_t)n);
		if (n == -1 || io_write(out, piece, (size_t)n) == -1)
			return -1;
	}
	return 0;
}

static int
pump_stream(struct reader *r, int out)
{
	ssize_t n;

	splice_widen(out);
	for (;;) {
		/* to the next chunk, where this one is at its end */
		if (reader_payload(r, NULL, 0) == -1 || copy_buffered(r, out) == -1)
			return -1;
		if (!r->in_message)
			return 1;
		if (r->left == 0)
			continue;
		n = splice(r->fd, NULL, out, NULL, r->left < STEP ? (size_t)r->left : STEP, SPLICE_F_MOVE);
		if (n > 0) {
			r->left -= (uint64_t)n;
			r->offset += (uint64_t)n;
			continue;
		}
		if (n == 0 || not_possible(errno))
			return 0;       /* an end too soon: message_read says so */
		if (errno == EAGAIN && io_wait(r->fd, POLLIN, r->deadline_ns) != -1)
			continue;
		if (errno != EINTR || io_stop)
			return -1;
	}
}

/* some_of_fd -- n bytes of the stream that have not been read ahead. */
static ssize_t
some_of_fd(struct reader *r, int pipe, size_t n)
{
	struct stat st;
	off_t at;
	ssize_t got;

	if (fstat(r->fd, &st) == -1)
		return -1;
	if (S_ISREG(st.st_mode) && (at = lseek(r->fd, 0, SEEK_CUR)) != -1 && st.st_size > at) {
		n = (uint64_t)(st.st_size - at) < n ? (size_t)(st.st_size - at) : n;
		if (splice_mapped(r->fd, (uint64_t)at, pipe, n) == -1 || lseek(r->fd, (off_t)n, SEEK_CUR) == -1)
			return -1;
		return (ssize_t)n;
	}
	if (!S_ISFIFO(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	do
		got = splice_move(r->fd, pipe, n);
	while (got == -1 && errno == EAGAIN && io_wait(r->fd, POLLIN, r->deadline_ns) != -1);
	if (got == 0)
		errno = EINVAL;         /* an end too soon: message_read says so */
	return got > 0 ? got : -1;
}

ssize_t
pump_some(struct message *m, int pipe, size_t n)
{
	struct reader *r = m->reader;
	size_t ahead;
	ssize_t got;

	if (r == NULL) {
		errno = EINVAL;
		return -1;
	}
	if (reader_payload(r, NULL, 0) == -1)
		return -1;
	if (!r->in_message)
		return 0;
	n = r->left < n ? (size_t)r->left : n;
	ahead = r->end - r->start;
	if (ahead > 0) {
		got = (ssize_t)(ahead < n ? ahead : n);
		if (io_write(pipe, r->buf + r->start, (size_t)got) == -1)
			return -1;
		r->start += (size_t)got;
	} else if ((got = some_of_fd(r, pipe, n)) == -1) {
		return -1;
	}
	r->left -= (uint64_t)got;
	r->offset += (uint64_t)got;
	return got;
}

int
pump_message(struct message *m, int out)
{
	if (m->fd != -1)
		return pump_file(m, out);
	return m->reader != NULL ? pump_stream(m->reader, out) : 0;
}
