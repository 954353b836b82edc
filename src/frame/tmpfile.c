/* SPDX-License-Identifier: ISC */
/* tmpfile: O_TMPFILE, and where a file system has none, a name that is removed at once. */
#include "frame/tmpfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"

enum { PIECE = 64 * 1024 };             /* bytes copied at a time */

/* open_named -- the portable way: a kill between the two calls leaves an empty file. */
static int
open_named(const char *dir)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/letterbox.XXXXXX", dir), fd;

	if (n < 0 || (size_t)n >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_APPEND | O_CLOEXEC);
	if (fd != -1)
		unlink(path);
	return fd;
}

int
tmpfile_open(void)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (dir == NULL || dir[0] == '\0')
		dir = "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	/* EISDIR: a kernel that does not know the flag */
	if (fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		return open_named(dir);
	return fd;
}

int
tmpfile_input(const char *data, size_t n)
{
	int ends[2], fd;
	ssize_t put;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	put = n > 0 ? write(ends[1], data, n) : 0;
	close(ends[1]);
	if (put == (ssize_t)n && fcntl(ends[0], F_SETFL, 0) == 0)
		return ends[0];
	close(ends[0]);
	/* too much for a pipe */
	fd = tmpfile_open();
	if (fd != -1 && (io_write(fd, data, n) == -1 || lseek(fd, 0, SEEK_SET) == -1)) {
		io_close(fd);
		return -1;
	}
	return fd;
}

/* copy -- copy the bytes from `at` up to `end`. */
static int
copy(int from, uint64_t at, uint64_t end, int to)
{
	char piece[PIECE];
	ssize_t got;

	for (; at < end; at += (uint64_t)got) {
		got = io_pread(from, piece, end - at < sizeof piece ? (size_t)(end - at) : sizeof piece, at);
		if (got == 0)
			errno = EIO;
		if (got <= 0 || io_write(to, piece, (size_t)got) == -1)
			return -1;
	}
	return 0;
}

int
tmpfile_part(int fd, uint64_t from, uint64_t to)
{
	int part = tmpfile_open();

	if (part != -1 && (copy(fd, from, to, part) == -1 || lseek(part, 0, SEEK_SET) == -1)) {
		io_close(part);
		return -1;
	}
	return part;
}

int
tmpfile_keep(struct message *m)
{
	char piece[PIECE];
	int fd = tmpfile_open(), kept = -1;
	uint64_t len = 0;
	ssize_t n = -1;

	while (fd != -1 && (n = message_read(m, piece, sizeof piece)) > 0 && io_write(fd, piece, (size_t)n) == 0)
		len += (uint64_t)n;
	if (n == 0 && lseek(fd, 0, SEEK_SET) == 0)
		kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (kept == -1) {
		io_close(fd);
		return -1;
	}
	m->reader = NULL;
	m->data = NULL;
	m->fd = fd;
	m->fd_offset = 0;
	m->len = len;
	return kept;
}
