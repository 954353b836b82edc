/* SPDX-License-Identifier: ISC */
/* channel: names to descriptors. */
#include "stream/open.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

int
open_kind(const char *path, enum channel_kind *kind)
{
	struct stat st;

	*kind = CHANNEL_PIPE;
	if (strcmp(path, "-") == 0)
		return 0;
	if (stat(path, &st) == -1)
		return -1;
	if (S_ISDIR(st.st_mode))
		*kind = CHANNEL_MAILBOX;
	else if (S_ISREG(st.st_mode))
		*kind = CHANNEL_FILE;
	else if (S_ISFIFO(st.st_mode) && strncmp(path, "/dev/", 5) != 0 && strncmp(path, "/proc/", 6) != 0)
		*kind = CHANNEL_FIFO;
	return 0;
}

/* open_end -- open a FIFO's writing end (io_block).  path: of a const char *. */
static int
open_end(void *path)
{
	return open(*(const char **)path, O_WRONLY | O_CLOEXEC);
}

/* open_fifo -- open a FIFO's writing end, once somebody has its reading end open. */
static int
open_fifo(const char *path, uint64_t deadline_ns)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd != -1 || errno != ENXIO)
		return fd;
	if (deadline_ns == 0) {
		errno = EAGAIN;
		return -1;
	}
	return io_block(open_end, &path, deadline_ns);
}

int
open_write(const char *path, enum channel_kind kind, bool truncate, uint64_t deadline_ns)
{
	if (strcmp(path, "-") == 0)
		return io_open_to(STDOUT_FILENO, O_WRONLY) == -1 ? -1 : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (kind == CHANNEL_FIFO)
		return open_fifo(path, deadline_ns);
	if (kind == CHANNEL_FILE)
		return open(path, O_RDWR | O_APPEND | O_CLOEXEC | (truncate ? O_TRUNC : 0));
	return open(path, O_WRONLY | O_CLOEXEC);
}

int
open_read(const char *path)
{
	struct stat st;
	int fd;

	if (strcmp(path, "-") != 0)
		return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (io_open_to(STDIN_FILENO, O_RDONLY) == -1 || fstat(STDIN_FILENO, &st) == -1)
		return -1;
	/* a description of its own; where /proc is missing the one we have must do */
	if (S_ISFIFO(st.st_mode) && (fd = open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC)) != -1)
		return fd;
	return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
}
