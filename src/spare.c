/* SPDX-License-Identifier: ISC */
/* spare: O_TMPFILE, and where a file system has none, a name that is removed at once. */
#include "spare.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io.h"

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
spare_open(void)
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
spare_input(const char *data, size_t n)
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
	/* it does not fit in a pipe */
	fd = spare_open();
	if (fd != -1 && (io_write(fd, data, n) == -1 || lseek(fd, 0, SEEK_SET) == -1)) {
		close(fd);
		fd = -1;
	}
	return fd;
}
