/* SPDX-License-Identifier: ISC */
/*
 * io: see io.h.
 *
 * EINTR is dealt with here: the call is made again, unless io_stop is set and the call may wait for another process.
 * pread(2) and pwrite(2) wait for the disk only, so they always complete: no signal leaves a file half written that
 * a process writes under a lock.
 */
#include "base/io.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alarm.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/signals.h"

enum {
	LOOK_MS = 1000,                 /* a signal that came just before poll(2) is seen after this time */
	ROOM_MS = 50,                   /* from one try to the next of what is ready, and takes nothing, at most */
};

volatile sig_atomic_t io_stop;
volatile sig_atomic_t io_stops;

/*
 * A signal that comes between a look at io_stop and the next system call would not interrupt that call, which might
 * wait for ever.  So it starts a timer, whose signal interrupts whatever call the process is in by then.
 */
static void
on_stop(int signal)
{
	int err = errno;

	io_stop = signal;
	io_stops = io_stops + 1;
	alarm_nudge();
	errno = err;
}

void
io_catch_stop(void)
{
	static const int signals[] = { SIGALRM, SIGHUP, SIGINT, SIGTERM };
	static volatile sig_atomic_t done;

	if (done)
		return;
	done = 1;
	alarm_can_nudge();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signals_ask(signals[i], on_stop);
}

int
io_open_to(int fd, int how)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1)
		return -1;
	flags &= O_PATH | O_ACCMODE;
	return flags == O_RDWR || flags == how ? 0 : fail_with(EBADF);
}

int
io_wait(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd p = { .fd = fd, .events = events };
	int ms, n;

	for (;;) {
		ms = clock_left_ms(deadline_ns, LOOK_MS);
		n = poll(&p, 1, ms);
		if (n > 0)
			return p.revents;
		if (n == -1 && errno != EINTR)
			return -1;
		if (io_stop)
			return fail_with(EINTR);
		if (n == 0 && ms == 0)
			return fail_with(ETIMEDOUT);
	}
}

int
io_nap(uint64_t deadline_ns, int *ms, int max_ms)
{
	int left = clock_left_ms(deadline_ns, *ms);

	if (left == 0)
		return fail_with(ETIMEDOUT);
	if (poll(NULL, 0, left) == -1 && errno != EINTR)
		return -1;
	if (io_stop)
		return fail_with(EINTR);
	*ms = *ms < max_ms / 2 ? *ms * 2 : max_ms;
	return 0;
}

int
io_room(int fd, uint64_t deadline_ns, int *ms)
{
	/* a terminal with room for one byte of the two that it makes of a newline is ready, and takes nothing */
	if (*ms > 0 && io_nap(deadline_ns, ms, ROOM_MS) == -1)
		return -1;
	*ms = *ms > 0 ? *ms : 1;
	return io_wait(fd, POLLOUT, deadline_ns) == -1 ? -1 : 0;
}

ssize_t
io_read(int fd, void *buf, size_t n)
{
	ssize_t got;

	do
		got = read(fd, buf, n);
	while (got == -1 && errno == EINTR && !io_stop);
	return got;
}

size_t
io_read_proc(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : io_read(fd, text, size - 1);

	io_close(fd);
	n = n == -1 ? 0 : n;
	text[n] = '\0';
	return (size_t)n;
}

int
io_write_counted(int fd, const void *buf, size_t n, size_t *done)
{
	ssize_t put;
	int ms = 0;

	*done = 0;
	while (*done < n) {
		put = write(fd, (const char *)buf + *done, n - *done);
		if (put >= 0) {
			*done += (size_t)put;
			ms = 0;
		} else if ((errno != EINTR || io_stop) && (errno != EAGAIN || io_room(fd, CLOCK_NEVER, &ms) == -1)) {
			return fail_with(errno == ECONNRESET ? EPIPE : errno);
		}
	}
	return 0;
}

int
io_write(int fd, const void *buf, size_t n)
{
	size_t done;

	return io_write_counted(fd, buf, n, &done);
}

int
io_taken(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };
	int protocol, unacknowledged, ms = 1;
	socklen_t len = sizeof protocol;

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == -1)
		return 0;
	for (;;) {
		/* first: a connection that is reset has nothing on its way any more */
		if (protocol != IPPROTO_TCP || ioctl(fd, TIOCOUTQ, &unacknowledged) == -1)
			unacknowledged = 0;
		if (poll(&p, 1, 0) == -1 && errno != EINTR)
			return -1;
		if (p.revents & (POLLERR | POLLHUP))
			return fail_with(EPIPE);
		/*
		 * A peer that sends nothing more may read on (ncat </dev/null, and the journal of systemd), or have left.
		 * TCP tells which by what it answers: an acknowledgement, or a reset.
		 */
		if (!(p.revents & POLLRDHUP) || unacknowledged == 0)
			return 0;
		if (io_nap(CLOCK_NEVER, &ms, ROOM_MS) == -1)
			return -1;
	}
}

/* no_file -- pread(2) or pwrite(2) failed: a FIFO, a socket or a terminal in the place of a file is damage. */
static int
no_file(void)
{
	return fail_with(errno == ESPIPE ? EBADMSG : errno);
}

ssize_t
io_pread(int fd, void *buf, size_t n, uint64_t offset)
{
	size_t have = 0;
	ssize_t got;

	while (have < n) {
		got = pread(fd, (char *)buf + have, n - have, (off_t)(offset + have));
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return no_file();
		if (got == 0)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

int
io_pwrite(int fd, const void *buf, size_t n, uint64_t offset)
{
	size_t done = 0;
	ssize_t put;

	while (done < n) {
		put = pwrite(fd, (const char *)buf + done, n - done, (off_t)(offset + done));
		if (put == -1 && errno == EINTR)
			continue;
		if (put == -1)
			return no_file();
		done += (size_t)put;
	}
	return 0;
}

void
io_close(int fd)
{
	int err = errno;

	if (fd != -1)
		close(fd);
	errno = err;
}

int
io_sync_data(int fd)
{
	int r;

	do
		r = fdatasync(fd);
	while (r == -1 && errno == EINTR);
	return r;
}

int
io_sync(int fd)
{
	int r;

	do
		r = fsync(fd);
	while (r == -1 && errno == EINTR);
	return r;
}
