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
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alarm.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/signals.h"
#include "base/waiting.h"

enum {
	SLEEP_MS = 60000,               /* a signal that came just before poll(2) interrupts it (on_stop), but for want of a timer */
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

static const int stop_signals[] = { SIGALRM, SIGHUP, SIGINT, SIGTERM };
static volatile sig_atomic_t catches;
static bool holds;              /* they are held back */
static int held_for_fd = -1;    /* io_hold_for */
static bool had_room;           /* io_had_room */

#define EACH_STOP(i) (size_t (i) = 0; (i) < sizeof(stop_signals) / sizeof(stop_signals[0]); (i)++)

void
io_catch_stop(void)
{
	if (!catches) {
		catches = 1;
		alarm_can_nudge();
		for EACH_STOP(i)
			signals_ask(stop_signals[i], on_stop, 0);
	}
	io_let_stop();
	signals_hear();
}

void
io_hold_too(sigset_t *blocks)
{
	for EACH_STOP(i)
		sigaddset(blocks, stop_signals[i]);
	holds = true;
}

void
io_hold_for(int plain_fd)
{
	held_for_fd = plain_fd;
}

void
io_hold_stop(void)
{
	sigset_t set;

	if (catches || holds)
		return;
	sigemptyset(&set);
	io_hold_too(&set);
	signals_block(&set);
}

void
io_let_stop(void)
{
	sigset_t set;

	if (!holds)
		return;
	holds = false;
	sigemptyset(&set);
	for EACH_STOP(i)
		if (!signals_blocked(stop_signals[i]))
			sigaddset(&set, stop_signals[i]);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* about_to_wait -- what is held back is caught from now on, and who asks is answered. */
static inline void
about_to_wait(void)
{
	if (holds)
		io_catch_stop();
	else
		signals_hear();
}

int
io_fill_streams(void)
{
	struct pollfd streams[] = { { .fd = STDIN_FILENO }, { .fd = STDOUT_FILENO, .events = POLLOUT },
		{ .fd = STDERR_FILENO } };
	const bool unknown = poll(streams, 3, 0) == -1;

	had_room = !unknown && streams[1].revents == POLLOUT;
	/* a descriptor that is open and can be neither read nor written is none to poll(2), too */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if ((unknown || streams[fd].revents & POLLNVAL) && fcntl(fd, F_GETFD) == -1
		    && open("/", O_PATH | O_CLOEXEC) == -1)
			return -1;
	return 0;
}

bool
io_had_room(void)
{
	return had_room;
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

	about_to_wait();
	for (;;) {
		ms = clock_left_ms(deadline_ns, waiting_cap_ms(SLEEP_MS));
		n = poll(&p, 1, ms);
		if (n > 0)
			return p.revents;
		if (n == -1 && errno != EINTR)
			return -1;
		if (io_stop)
			return fail_with(EINTR);
		if (n == 0 && ms == 0)
			return fail_with(ETIMEDOUT);
		if (n == 0)
			waiting_slept(ms);
	}
}

int
io_ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&p, 1, 0);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : p.revents;
}

int
io_nap(uint64_t deadline_ns, int *ms, int max_ms)
{
	int left = clock_left_ms(deadline_ns, *ms), n;

	if (left == 0)
		return fail_with(ETIMEDOUT);
	about_to_wait();
	n = poll(NULL, 0, left);
	if (n == -1 && errno != EINTR)
		return -1;
	if (io_stop)
		return fail_with(EINTR);
	if (n == 0)
		waiting_slept(left);
	*ms = *ms < max_ms / 2 ? *ms * 2 : max_ms;
	return 0;
}

int
io_block(int (*call)(void *of), void *of, uint64_t deadline_ns)
{
	uint64_t until_ns;
	bool over;
	int r;

	about_to_wait();
	do {
		until_ns = waiting_until(deadline_ns);
		if (alarm_at(until_ns) == -1)
			return -1;
		do {
			r = call(of);
			over = r == -1 && errno == EINTR && clock_mono_ns() >= until_ns;
		} while (r == -1 && errno == EINTR && !over && !io_stop);
		if (until_ns != CLOCK_NEVER)
			alarm_off();
		if (over && until_ns == deadline_ns)
			return fail_with(ETIMEDOUT);
		if (over)
			waiting_slept(WAITING_LONG_MS);
	} while (over && !io_stop);
	return r;
}

/* await_flock -- flock(2) (io_block).  fd: of an int. */
static int
await_flock(void *fd)
{
	return flock(*(const int *)fd, LOCK_EX);
}

int
io_flock(int fd, uint64_t deadline_ns)
{
	int r, ms = 1;

	while ((r = flock(fd, LOCK_EX | LOCK_NB)) == -1 && (errno == EWOULDBLOCK || (errno == EINTR && !io_stop))) {
		if (deadline_ns == CLOCK_NEVER)
			return io_block(await_flock, &fd, CLOCK_NEVER);
		if (io_nap(deadline_ns, &ms, ROOM_MS) == -1)
			return -1;
	}
	return r;
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

int
io_await_input(void)
{
	static bool done;
	int r;

	if (done)
		return 0;
	done = true;
	waiting_for(WAITING_INPUT, NULL);
	r = io_wait(STDIN_FILENO, POLLIN, CLOCK_NEVER);
	waiting_over();
	return r == -1 ? -1 : 0;
}

ssize_t
io_read(int fd, void *buf, size_t n)
{
	ssize_t got;

	about_to_wait();
	do
		got = read(fd, buf, n);
	while (got == -1 && errno == EINTR && !io_stop);
	return got;
}

size_t
io_read_proc(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	/* not io_read: a signal's handler comes here, and what it unblocks is blocked again when it returns */
	while (fd != -1 && (n = read(fd, text, size - 1)) == -1 && errno == EINTR)
		;
	io_close(fd);
	n = n == -1 ? 0 : n;
	text[n] = '\0';
	return (size_t)n;
}

/*
 * write_held -- write(2), while signals are held back: what would wait for a reader is left to be caught before.
 * Source: pwritev2(2), RWF_NOWAIT, which pipes take since Linux 6.4.
 */
static ssize_t
write_held(int fd, const void *buf, size_t n)
{
#if defined SYS_pwritev2 && defined __LP64__
	enum { NOWAIT = 8 };    /* RWF_NOWAIT of linux/fs.h */
	const struct { const void *base; size_t len; } v = { buf, n };  /* a struct iovec */
	ssize_t put = fd == held_for_fd ? write(fd, buf, n) : syscall(SYS_pwritev2, fd, &v, 1, -1L, -1L, NOWAIT);

	if (put >= 0 || (errno != EAGAIN && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
		return put;
#endif
	io_catch_stop();
	return write(fd, buf, n);
}

int
io_write_counted(int fd, const void *buf, size_t n, size_t *done)
{
	ssize_t put;
	int ms = 0;

	*done = 0;
	while (*done < n) {
		put = (holds ? write_held : write)(fd, (const char *)buf + *done, n - *done);
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
	int protocol, unacknowledged, ms = 1, events;
	socklen_t len = sizeof protocol;

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == -1)
		return 0;
	for (;;) {
		/* first: a connection that is reset has nothing on its way any more */
		if (protocol != IPPROTO_TCP || ioctl(fd, TIOCOUTQ, &unacknowledged) == -1)
			unacknowledged = 0;
		events = io_ready(fd, POLLRDHUP);
		if (events == -1)
			return -1;
		if (events & (POLLERR | POLLHUP))
			return fail_with(EPIPE);
		/*
		 * A peer that sends nothing more may read on (ncat </dev/null, and the journal of systemd), or have left.
		 * TCP tells which by what it answers: an acknowledgement, or a reset.
		 */
		if (!(events & POLLRDHUP) || unacknowledged == 0)
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
