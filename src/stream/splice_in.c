/* SPDX-License-Identifier: ISC */
/* feed: see splice_in.h.  A crash leaves a message without its last chunk, or a spool. */
#include "stream/splice_in.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/splice.h"

enum {
	CHUNK = 1 << 20,                /* payload bytes of a chunk, at most */
	SMALL = 4096,                   /* fewer are copied: a reference takes a whole page of the pipe */
	STEP = 1 << 20,                 /* bytes that one call may move into a file: they are summed while they are at hand */
	PIECE = 64 * 1024,
};

/* copy -- n bytes, which are there, the plain way: they are few, or do not splice.  Returns 0, or -1. */
static int
copy(struct writer *w, int in, size_t n)
{
	char piece[SMALL];
	ssize_t got;

	for (; n > 0; n -= (size_t)got) {
		got = io_read(in, piece, n < sizeof piece ? n : sizeof piece);
		if (got == 0)
			errno = EIO;
		if (got <= 0 || io_write(w->fd, piece, (size_t)got) == -1)
			return -1;
	}
	return 0;
}

/*
 * splice_chunk -- the n bytes that in has become one chunk.
 * Returns 1, 0 where they had to be copied, or -1.
 */
static int
splice_chunk(struct writer *w, int in, size_t n)
{
	size_t left = n;
	ssize_t got;
	int r = 1;

	if (writer_chunk(w, n) == -1)
		return -1;
	while (r == 1 && left > 0) {
		got = n < SMALL ? 0 : splice_move(in, w->fd, left);
		if (got > 0) {
			left -= (size_t)got;
		} else if (got == 0 || errno == EINVAL) {
			if (copy(w, in, left) == -1)
				return -1;
			r = n < SMALL;
			break;
		} else if (errno != EAGAIN || io_wait(w->fd, POLLOUT, CLOCK_NEVER) == -1) {
			return -1;
		}
	}
	return writer_chunk_end(w, n) == -1 ? -1 : r;
}

/* feed_pipe -- feed_stream from a pipe: what it has at once is a chunk. */
static int
feed_pipe(struct writer *w, int in, uint64_t *moved)
{
	int n, events, r;

	splice_widen(in);
	for (;;) {
		events = io_wait(in, POLLIN, CLOCK_NEVER);
		if (events == -1 || ioctl(in, FIONREAD, &n) == -1)
			return -1;
		if (n == 0) {
			if (events & (POLLHUP | POLLERR))
				return 1;
			continue;       /* somebody else was faster */
		}
		r = splice_chunk(w, in, n < CHUNK ? (size_t)n : CHUNK);
		if (r == -1)
			return -1;
		*moved += (uint64_t)(n < CHUNK ? n : CHUNK);
		if (r == 0)
			return 0;
	}
}

/* feed_plain -- feed_stream from a plain file. */
static int
feed_plain(struct writer *w, int in, uint64_t *moved)
{
	off_t at = lseek(in, 0, SEEK_CUR);
	struct stat st;
	size_t n;

	while (at != -1 && fstat(in, &st) == 0 && st.st_size > at) {
		n = st.st_size - at < CHUNK ? (size_t)(st.st_size - at) : CHUNK;
		if (writer_chunk(w, n) == -1)
			return -1;
		if (splice_mapped(in, (uint64_t)at, w->fd, n) == -1 && (errno != EINVAL || copy(w, in, n) == -1))
			return -1;
		if (writer_chunk_end(w, n) == -1)
			return -1;
		at += (off_t)n;
		*moved += n;
		/* as if it had been read */
		if (lseek(in, at, SEEK_SET) == -1)
			return -1;
	}
	return 0;               /* whoever reads on finds the end, or what has been appended meanwhile */
}

int
feed_stream(struct writer *w, int in, uint64_t *moved)
{
	struct stat st;
	int r = 0;

	if (!writer_direct(w) || fstat(in, &st) == -1)
		return 0;
	splice_widen(w->fd);
	if (S_ISFIFO(st.st_mode))
		r = feed_pipe(w, in, moved);
	else if (S_ISREG(st.st_mode))
		r = feed_plain(w, in, moved);
	if (r == -1)
		writer_abort(w);
	return r;
}

/* add_file -- add n bytes of a file, from at on, to a checksum.  Returns 0, or -1. */
static int
add_file(struct hash *sum, int fd, uint64_t at, size_t n)
{
	char piece[PIECE];
	ssize_t got;

	for (; n > 0; at += (size_t)got, n -= (size_t)got) {
		got = io_pread(fd, piece, n < PIECE ? n : PIECE, at);
		if (got == 0)
			errno = EIO;
		if (got <= 0)
			return -1;
		hash_add(sum, piece, (size_t)got);
	}
	return 0;
}

int
feed_file(int out, int in, uint64_t *len, struct hash *sum)
{
	ssize_t n;

	for (;;) {
		n = splice_into_file(in, out, *len, STEP);
		if (n > 0 && add_file(sum, out, *len, (size_t)n) == -1)
			return -1;
		if (n > 0)
			*len += (uint64_t)n;
		else if (n == 0 || errno == EINVAL)
			return 0;       /* read(2) tells whether it is the end: copy_file_range(2), BUGS, Linux 5.3 to 5.18 */
		else if (errno == EAGAIN ? io_wait(in, POLLIN, CLOCK_NEVER) == -1 : errno != EINTR || io_stop)
			return -1;
	}
}
