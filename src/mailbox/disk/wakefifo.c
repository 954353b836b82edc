/* SPDX-License-Identifier: ISC */
/*
 * bell: a FIFO's hang-up as a wake-up.
 *
 * Source: fs/pipe.c of Linux: a reader that has opened a FIFO with no writer is told POLLHUP only once a writer has
 * come and gone since.
 */
#include "mailbox/disk/wakefifo.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/num.h"
#include "base/safefile.h"

void
wakefifo_name(char *name, uint64_t number)
{
	size_t n = num_decimal(name, number);

	memcpy(name + n, ".wake", sizeof ".wake");
}

void
wakefifo_spool_name(char *name, uint64_t number)
{
	size_t n = num_decimal(name, number);

	memcpy(name + n, ".spool", sizeof ".spool");
}

static int
open_end(int dir_fd, uint64_t number, int access)
{
	char name[WAKEFIFO_NAME_MAX];

	wakefifo_name(name, number);
	return safefile_open_fifo(dir_fd, name, access);
}

int
wakefifo_make(int dir_fd, uint64_t number, unsigned mode)
{
	char name[WAKEFIFO_NAME_MAX];

	wakefifo_name(name, number);
	return safefile_make_fifo(dir_fd, name, mode);
}

int
wakefifo_rearm(int dir_fd, uint64_t number, unsigned mode, int fd)
{
	char byte;
	bool held;

	close(fd);
	fd = open_end(dir_fd, number, O_RDONLY);
	if (fd == -1)
		return -1;
	held = read(fd, &byte, 1) == -1 && errno == EAGAIN;
	if (!held)
		return fd;
	close(fd);
	wakefifo_remove(dir_fd, number);
	return wakefifo_make(dir_fd, number, mode);
}

int
wakefifo_ring_open(int dir_fd, uint64_t number)
{
	return open_end(dir_fd, number, O_WRONLY);
}

int
wakefifo_remove(int dir_fd, uint64_t number)
{
	char name[WAKEFIFO_NAME_MAX];

	wakefifo_name(name, number);
	return safefile_remove(dir_fd, name);
}
