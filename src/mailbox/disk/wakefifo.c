/* SPDX-License-Identifier: ISC */
/*
 * wakefifo: a FIFO's hang-up as a wake-up.  A crash leaves the FIFO (wakefifo.h).
 *
 * Source: fs/pipe.c of Linux: a reader that opened a FIFO with no writer gets POLLHUP only once a writer has come and
 * gone since.
 */
#include "mailbox/disk/wakefifo.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/num.h"
#include "base/safefile.h"

/* name_of -- the name of a process's file.  Returns name. */
static const char *
name_of(char *name, uint64_t number, const char *suffix)
{
	size_t n = num_decimal(name, number);

	memcpy(name + n, suffix, strlen(suffix) + 1);
	return name;
}

void
wakefifo_spool_name(char *name, uint64_t number)
{
	name_of(name, number, ".spool");
}

int
wakefifo_make(int dir_fd, uint64_t number, unsigned mode)
{
	char name[WAKEFIFO_NAME_MAX];

	return safefile_make_fifo(dir_fd, name_of(name, number, ".wake"), mode);
}

int
wakefifo_rearm(int dir_fd, uint64_t number, unsigned mode, int fd)
{
	char name[WAKEFIFO_NAME_MAX], byte;

	close(fd);
	fd = safefile_open_fifo(dir_fd, name_of(name, number, ".wake"), O_RDONLY);
	/* EAGAIN: there is a writer */
	if (fd == -1 || read(fd, &byte, 1) != -1 || errno != EAGAIN)
		return fd;
	close(fd);
	wakefifo_remove(dir_fd, number);
	return wakefifo_make(dir_fd, number, mode);
}

int
wakefifo_ring_open(int dir_fd, uint64_t number, bool shared)
{
	char name[WAKEFIFO_NAME_MAX];

	return (shared ? safefile_open_fifo : safefile_open)(dir_fd, name_of(name, number, ".wake"), O_WRONLY);
}

int
wakefifo_remove(int dir_fd, uint64_t number)
{
	char name[WAKEFIFO_NAME_MAX];

	return safefile_remove(dir_fd, name_of(name, number, ".wake"));
}
