/* SPDX-License-Identifier: ISC */
/* move: splice(2), mmap(2) with write(2), copy_file_range(2).  Nothing that outlives the calls. */
#include "base/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/sendfile.h>
#endif

#include "base/io.h"

#ifdef __linux__

size_t
splice_widen(int fd)
{
	int size = fcntl(fd, F_GETPIPE_SZ);

	if (size == -1)
		return 0;
	if (size < SPLICE_PIPE && fcntl(fd, F_SETPIPE_SZ, SPLICE_PIPE) != -1)
		return SPLICE_PIPE;
	return (size_t)size;
}

/* impossible -- have errno be EINVAL where it says that two descriptors do not go together.  Returns -1. */
static ssize_t
impossible(void)
{
	if (errno == ENOSYS || errno == EOPNOTSUPP || errno == EBADF || errno == EXDEV || errno == ENODEV)
		errno = EINVAL;
	return -1;
}

int
splice_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC);
}

int
splice_set_size(int fd, size_t n)
{
	return fcntl(fd, F_SETPIPE_SZ, (int)n) == -1 ? -1 : 0;
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
splice_move(int in, int out, size_t n)
{
	ssize_t moved;

	do
		moved = splice(in, NULL, out, NULL, n, SPLICE_F_MOVE);
	while (moved == -1 && errno == EINTR && !io_stop);
	return moved == -1 ? impossible() : moved;
}

/* write_mapped -- write n mapped bytes.  The kernel touches them, not we: a file cut short is EFAULT, no signal. */
static int
write_mapped(int out, const char *p, size_t n)
{
	ssize_t put;

	while (n > 0) {
		put = write(out, p, n);
		if (put > 0) {
			p += put;
			n -= (size_t)put;
		} else if (errno == EFAULT) {
			errno = EIO;
			return -1;
		} else if (errno != EINTR || io_stop) {
			return -1;
		}
	}
	return 0;
}

int
splice_mapped(int file, uint64_t at, int out, size_t n)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	bool moved = false;
	size_t skip, len;
	char *map;
	int r = 0, err;

	for (; n > 0 && r == 0; at += len - skip, n -= len - skip) {
		skip = (size_t)(at % page);
		len = n + skip < SPLICE_WINDOW ? n + skip : SPLICE_WINDOW;
		map = mmap(NULL, len, PROT_READ, MAP_SHARED, file, (off_t)(at - skip));
		if (map == MAP_FAILED) {
			if (moved)
				errno = EIO;
			else
				impossible();
			return -1;
		}
		r = write_mapped(out, map + skip, len - skip);
		moved = true;
		err = errno;
		munmap(map, len);
		errno = err;
	}
	return r;
}

ssize_t
splice_into_file(int in, int out, uint64_t at, size_t n)
{
	off_t to = (off_t)at;
	ssize_t moved;

	moved = copy_file_range(in, NULL, out, &to, n, 0);
	if (moved == -1 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)) {
		moved = splice(in, NULL, out, &to, n, SPLICE_F_MOVE);
		/* from one file system to another */
		if (moved == -1 && errno == EINVAL && lseek(out, (off_t)at, SEEK_SET) != -1)
			moved = sendfile(out, in, NULL, n);
	}
	return moved == -1 ? impossible() : moved;
}

#else

size_t
splice_widen(int fd)
{
	(void)fd;
	return 0;
}

int
splice_pipe(int ends[2])
{
	(void)ends;
	errno = EINVAL;
	return -1;
}

int
splice_set_size(int fd, size_t n)
{
	(void)fd, (void)n;
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
splice_move(int in, int out, size_t n)
{
	(void)in, (void)out, (void)n;
	errno = EINVAL;
	return -1;
}

int
splice_mapped(int file, uint64_t at, int out, size_t n)
{
	(void)file, (void)at, (void)out, (void)n;
	errno = EINVAL;
	return -1;
}

ssize_t
splice_into_file(int in, int out, uint64_t at, size_t n)
{
	(void)in, (void)out, (void)at, (void)n;
	errno = EINVAL;
	return -1;
}

#endif
