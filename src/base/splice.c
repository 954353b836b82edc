/* SPDX-License-Identifier: ISC */
/* move: splice(2) and tee(2).  Nothing that outlives the calls. */
#include "base/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"

#ifdef __linux__

size_t
splice_size(int fd)
{
	int size = fcntl(fd, F_GETPIPE_SZ);

	return size == -1 ? 0 : (size_t)size;
}

size_t
splice_widen(int fd)
{
	size_t size = splice_size(fd);

	return size > 0 && size < SPLICE_PIPE && fcntl(fd, F_SETPIPE_SZ, SPLICE_PIPE) != -1 ? SPLICE_PIPE : size;
}

/* impossible -- have errno be EINVAL where it says that two descriptors do not go together.  Returns -1. */
static ssize_t
impossible(void)
{
	if (errno == ENOSYS || errno == EOPNOTSUPP || errno == EBADF || errno == EXDEV || errno == ENODEV)
		errno = EINVAL;
	return fail_with(errno == ECONNRESET ? EPIPE : errno);
}

int
splice_pipe(int ends[2], size_t n)
{
	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	return n > 0 && fcntl(ends[1], F_SETPIPE_SZ, (int)n) == -1 ? -1 : 0;
}

ssize_t
splice_tee(int in, int out, size_t n)
{
	ssize_t moved;

	do
		moved = tee(in, out, n, 0);
	while (moved == -1 && errno == EINTR && !io_stop);
	return moved == -1 ? impossible() : moved;
}

ssize_t
splice_peek(int fd, int ends[2], void *buf, size_t n)
{
	ssize_t have;

	if (ends[0] == -1 && pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	have = tee(fd, ends[1], n, SPLICE_F_NONBLOCK);
	return have > 0 ? io_read(ends[0], buf, (size_t)have) : have;
}

/* move -- splice_move, with what else splice(2) is to heed. */
static ssize_t
move(int in, off_t *at, int out, size_t n, unsigned flags)
{
	ssize_t moved;
	int ms = 0;

	while ((moved = splice(in, at, out, NULL, n, SPLICE_F_MOVE | flags)) == -1) {
		if (errno == EINTR && !io_stop)
			continue;
		/* either end may be non-blocking */
		if (errno != EAGAIN || flags != 0 || (at == NULL && io_wait(in, POLLIN, CLOCK_NEVER) == -1)
		    || io_room(out, CLOCK_NEVER, &ms) == -1)
			return impossible();
	}
	return moved;
}

ssize_t
splice_move(int in, off_t *at, int out, size_t n)
{
	return move(in, at, out, n, 0);
}

ssize_t
splice_move_now(int in, int out, size_t n)
{
	return move(in, NULL, out, n, SPLICE_F_NONBLOCK);
}

#else

size_t
splice_size(int fd)
{
	(void)fd;
	return 0;
}

size_t
splice_widen(int fd)
{
	(void)fd;
	return 0;
}

int
splice_pipe(int ends[2], size_t n)
{
	(void)ends, (void)n;
	errno = EINVAL;
	return -1;
}

ssize_t
splice_tee(int in, int out, size_t n)
{
	(void)in, (void)out, (void)n;
	errno = EINVAL;
	return -1;
}

ssize_t
splice_peek(int fd, int ends[2], void *buf, size_t n)
{
	(void)fd, (void)ends, (void)buf, (void)n;
	errno = EINVAL;
	return -1;
}

ssize_t
splice_move(int in, off_t *at, int out, size_t n)
{
	(void)in, (void)at, (void)out, (void)n;
	errno = EINVAL;
	return -1;
}

ssize_t
splice_move_now(int in, int out, size_t n)
{
	return splice_move(in, NULL, out, n);
}

#endif
