/* SPDX-License-Identifier: ISC */
/* fifo: see fifo.h.  A crash leaves nothing but what stands in the FIFO. */
#include "stream/fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/waiting.h"

enum {
	NAP_MS = 50,                    /* from one look for a reader to the next, at most */
	LOOK_NS = 50 * 1000,            /* the first look whether all has been read, */
	LOOK_MAX_NS = 1000 * 1000 * 1000,       /* and the longest time to the next */
};

/* unread_in -- how many bytes stand in the FIFO.  Returns 0, or -1. */
static int
unread_in(int fd, uint64_t *unread)
{
	int n = 0;

	if (ioctl(fd, FIONREAD, &n) == -1)
		return -1;
	*unread = (uint64_t)n;
	return 0;
}

/* is_unheard -- whether nobody reads the FIFO.  Source: Linux's pipe_poll() says so by POLLERR at a writing end. */
static bool
is_unheard(int fd)
{
	return io_ready(fd, 0) > 0;
}

/*
 * is_left -- whether the last reader has left inside our message.  What stands at the FIFO's end is ours; so it holds
 * less than we have written of the message, and nobody is about to read the rest.
 */
static bool
is_left(int fd, uint64_t begun)
{
	uint64_t unread, still;

	return unread_in(fd, &unread) == 0 && unread < begun && is_unheard(fd) && unread_in(fd, &still) == 0
	    && still == unread;
}

/* next_reader -- where nobody reads the FIFO: whether its next reader is to be waited for.  Returns 0, or -1. */
static int
next_reader(int fd, uint64_t begun)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (is_left(fd, begun))
		return fail_with(EPIPE);
	return st.st_nlink == 0 && is_unheard(fd) ? fail_with(ENOENT) : 0;
}

/* read_end -- a reading end of our own.  Returns it, or -1. */
static int
read_end(int fd)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

uint64_t
fifo_drop(int fd)
{
	char piece[4096];
	uint64_t unread = 0, dropped = 0;
	ssize_t got = 1;

	(void)unread_in(fd, &unread);
	for (; unread > dropped && got > 0; dropped += got > 0 ? (uint64_t)got : 0)
		got = io_read(fd, piece, unread - dropped < sizeof piece ? (size_t)(unread - dropped) : sizeof piece);
	return dropped;
}

void
fifo_void(int fd, uint64_t begun)
{
	int end = is_left(fd, begun) ? read_end(fd) : -1;

	/* a reader that has come meanwhile has the lock, or waits for it */
	if (end != -1 && flock(end, LOCK_EX | LOCK_NB) == 0)
		fifo_drop(end);
	io_close(end);
}

int
fifo_room(int fd, uint64_t begun, uint64_t deadline_ns, int *lent)
{
	int events, ms = 1;

	for (;;) {
		events = io_wait(fd, POLLOUT, deadline_ns);
		if (events == -1)
			return -1;
		if ((events & POLLERR) == 0)
			return 0;
		if (next_reader(fd, begun) == -1)
			return -1;
		if ((events & POLLOUT) && lent != NULL && (*lent = read_end(fd)) != -1)
			return 0;
		if (io_nap(deadline_ns, &ms, NAP_MS) == -1)
			return -1;
	}
}

int
fifo_read_out(int fd, uint64_t begun, uint64_t deadline_ns, uint64_t *unread)
{
	struct pollfd p = { .fd = fd };
	long nap_ns = LOOK_NS, left_ms;
	struct timespec t;
	bool unheard = false;           /* nobody reads it */
	int n;

	for (;;) {
		if (unread_in(fd, unread) == -1)
			return -1;
		if (*unread == 0)
			return 0;
		if (unheard && next_reader(fd, begun) == -1)
			return unread_in(fd, unread) == 0 && *unread == 0 ? 0 : -1;
		left_ms = clock_left_ms(deadline_ns, LOOK_MAX_NS / 1000000);
		if (left_ms == 0 || io_stop)
			return fail_with(left_ms == 0 ? ETIMEDOUT : EINTR);
		if (nap_ns > left_ms * 1000000)
			nap_ns = left_ms * 1000000;
		t = (struct timespec){ nap_ns / LOOK_MAX_NS, nap_ns % LOOK_MAX_NS };
		n = ppoll(&p, unheard ? 0 : 1, &t, NULL);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n == 0)
			waiting_slept((int)(nap_ns / 1000000));
		/* its next reader is no event: from now on we only sleep, and look */
		unheard = n > 0 || (unheard && is_unheard(fd));
		nap_ns = nap_ns * 2 < LOOK_MAX_NS ? nap_ns * 2 : LOOK_MAX_NS;
	}
}
