/* SPDX-License-Identifier: ISC */
/* linkchild: see linkchild.h. */
#include "tool/linkchild.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/nofile.h"
#include "base/signals.h"

enum {
	STATUS_CANNOT = 126,
	QUIET_MS = 1000,                /* after a line, before it is taken for all */
	OVER_MS = 5000,                 /* between two looks whether it is over */
	SLEEP_MS = 60000,               /* a signal interrupts it (io_catch_stop); this is for where no timer can be had */
};

#define APART_NS UINT64_C(50000000)     /* between two signals to the child, or it may get them as one */
#define GRACE_NS UINT64_C(3000000000)   /* for what is left of it to end by itself, and again after SIGTERM */

static int event_fd = -1;                               /* can be read when a child has ended, or we were stopped */
static volatile sig_atomic_t event_write_fd = -1;
static volatile sig_atomic_t suspend;                   /* the terminal asks us to stop for a while */

struct lines {
	const struct linkchild *c;
	int fd;                         /* -1 at its end */
	bool some;                      /* a line has come, and c->quiet was not called since */
	size_t used;
	char buf[4096];
};

static void
on_event(int signal)
{
	int err = errno;

	if (signal == SIGTSTP)
		suspend = 1;
	/* where the pipe is full, it can be read already */
	if (write((int)event_write_fd, "", 1) == -1)
		errno = err;
}

int
linkchild_init(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	event_fd = ends[0];
	event_write_fd = ends[1];
	signals_ask(SIGTSTP, on_event, 0);
	return signals_catch(SIGCHLD, on_event, SA_NOCLDSTOP | SA_RESTART);
}

/* become -- in the child of vfork(2): become the program (deliver/command.c tells of the parent-death signal). */
static _Noreturn void
become(const struct linkchild *c, int err_fd, pid_t parent, volatile int *err)
{
	pid_t now;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, c->death);
	now = getppid();
	if (now != parent && now != 0)
		_exit(STATUS_CANNOT);
	nofile_give_back();
	if (null != -1 && dup2(null, STDIN_FILENO) != -1 && dup2(err_fd, STDERR_FILENO) != -1) {
		signals_give_back();
		execvp(c->argv[0], c->argv);
	}
	*err = errno;
	_exit(STATUS_CANNOT);
}

/* start -- start the child.  fd: gets the end of the pipe that is its standard error.  Returns its pid, or -1. */
static pid_t
start(const struct linkchild *c, int *fd)
{
	volatile int err = 0;
	pid_t self = getpid(), child;
	sigset_t signals;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	signals_hold(&signals);
	child = vfork();        /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
	if (child == 0)
		become(c, ends[1], self, &err);         /* NOLINT(clang-analyzer-unix.Vfork) */
	if (child == -1)
		err = errno;
	else if (err != 0)
		(void)waitpid(child, NULL, 0);
	signals_go_on(&signals);
	close(ends[1]);
	*fd = ends[0];
	if (err == 0)
		return child;
	close(ends[0]);
	errno = err;
	return -1;
}

/* take_lines -- give on what of lines there is; one that is too long in pieces. */
static void
take_lines(struct lines *l)
{
	ssize_t n = read(l->fd, l->buf + l->used, sizeof l->buf - l->used);
	const char *p = l->buf, *end, *newline;

	if (n == -1 && errno == EINTR)
		return;
	if (n > 0)
		l->used += (size_t)n;
	for (end = p + l->used; (newline = find_byte(p, end, '\n')) != NULL; p = newline + 1)
		l->c->line(l->c->arg, p, (size_t)(newline - p));
	if (p < end && (n <= 0 || (p == l->buf && l->used == sizeof l->buf))) {
		l->c->line(l->c->arg, p, (size_t)(end - p));
		p = end;
	}
	l->some |= p > l->buf;
	l->used = (size_t)(end - p);
	memmove(l->buf, p, l->used);
	if (n <= 0) {
		close(l->fd);
		l->fd = -1;
	}
}

/* look -- sleep until something comes, or the deadline; take what has come. */
static void
look(struct lines *l, uint64_t deadline_ns)
{
	struct pollfd polled[2] = { { .fd = event_fd, .events = POLLIN }, { .fd = l->fd, .events = POLLIN } };
	char drained[64];
	int n = poll(polled, 2, clock_left_ms(deadline_ns, l->some ? QUIET_MS : l->c->over != NULL ? OVER_MS : SLEEP_MS));

	/* nothing lasts where there is a deadline: it ends, or is about to */
	if (n == 0 && l->some && deadline_ns == CLOCK_NEVER) {
		l->c->quiet(l->c->arg);
		l->some = false;
	}
	if (n <= 0)
		return;
	if (polled[0].revents != 0)
		while (read(event_fd, drained, sizeof drained) > 0)
			;
	if (polled[1].revents != 0)
		take_lines(l);
}

/* has_ended -- whether the child has, which stays to be waited for: its group keeps its number. */
static bool
has_ended(pid_t child)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == -1 ? errno != EINTR : info.si_pid != 0;
}

/* be_suspended -- stop with the child, as the terminal asks, and go on with it.  child: 0 there is none. */
static void
be_suspended(pid_t child)
{
	suspend = 0;
	if (child > 0)
		kill(-child, SIGSTOP);
	(void)raise(SIGSTOP);
	if (child > 0)
		kill(-child, SIGCONT);
}

void
linkchild_pause(uint64_t ns)
{
	uint64_t deadline_ns = clock_after(ns);
	int ms = 1000;

	while (io_nap(deadline_ns, &ms, 1000) == 0)
		if (suspend)
			be_suspended(0);
}

/* end_rest -- have what the child has started end, which it has not seen to. */
static void
end_rest(struct lines *l, pid_t child)
{
	static const int by[] = { 0, SIGTERM, SIGKILL };

	for (size_t i = 0; i < sizeof by / sizeof by[0] && l->fd != -1; i++) {
		uint64_t deadline_ns = clock_after(GRACE_NS);

		if (by[i] != 0)
			kill(-child, by[i]);
		while (l->fd != -1 && clock_left_ms(deadline_ns, 1) > 0)
			look(l, deadline_ns);
	}
	/* what has closed its standard error */
	kill(-child, SIGKILL);
	if (l->fd != -1)
		close(l->fd);
}

int
linkchild_run(const struct linkchild *c, int *status)
{
	static struct lines l;
	sig_atomic_t stops = 0;
	uint64_t next_ns = 0;
	bool over = false;
	pid_t child;

	l.c = c;
	l.used = 0;
	l.some = true;          /* a second without a word is the first thing that it says */
	child = start(c, &l.fd);
	if (child == -1)
		return -1;
	while (!has_ended(child)) {
		if (stops != io_stops && clock_left_ms(next_ns, 1) == 0) {
			stops++;
			kill(child, SIGTERM);
			next_ns = clock_after(APART_NS);
		}
		if (suspend)
			be_suspended(child);
		look(&l, stops == io_stops ? CLOCK_NEVER : next_ns);
		if (!over && c->over != NULL && c->over(c->arg)) {
			over = true;
			kill(child, SIGTERM);
		}
	}
	end_rest(&l, child);
	while (waitpid(child, status, 0) == -1 && errno == EINTR)
		;
	return 0;
}
