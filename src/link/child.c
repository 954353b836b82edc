/* SPDX-License-Identifier: ISC */
/* child: see child.h. */
#include "link/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "deliver/command.h"

enum { LOOK_MS = 50 };          /* from one look at whether it has ended to the next, at most */

int
child_start(struct child *c, char *const *argv)
{
	int in[2], out[2], r;

	c->pid = -1;
	c->lines = (struct settled_lines){ .start = 0 };
	if (pipe2(in, O_CLOEXEC) == -1)
		return -1;
	if (pipe2(out, O_CLOEXEC) == -1) {
		io_close(in[0]);
		io_close(in[1]);
		return -1;
	}
	r = command_start(&(struct command){ .argv = argv, .channel = "", .in_fd = in[0], .out_fd = out[1] }, &c->pid);
	io_close(in[0]);
	io_close(out[1]);
	c->from = out[0];
	if (backlog_init(&c->backlog, in[1]) == -1)
		r = -1;
	return r;
}

int
child_turn(struct child *c, bool readable)
{
	if (readable && settled_read(&c->lines, c->from) == -1)
		return -1;
	return backlog_write(&c->backlog);
}

/* ended -- wait for its end, ms milliseconds at most.  Returns whether it has ended, with its wait status. */
static bool
ended(pid_t pid, int ms, int *waited)
{
	uint64_t deadline_ns = clock_after((uint64_t)ms * 1000000);
	int nap = 1;

	for (;;) {
		pid_t got = waitpid(pid, waited, WNOHANG);

		if (got == pid)
			return true;
		if (got == -1 && errno != EINTR) {
			*waited = 0;
			return true;
		}
		if (io_nap(deadline_ns, &nap, LOOK_MS) == -1 && errno == ETIMEDOUT)
			return false;
	}
}

int
child_wait(pid_t pid, int ms)
{
	static const int signals[] = { SIGTERM, SIGKILL };
	int waited = SIGKILL, status;

	for (unsigned i = 0; !ended(pid, ms, &waited) && i < 2; i++)
		kill(pid, signals[i]);
	(void)command_ended(waited, &status);
	return status;
}

int
child_end(struct child *c, bool now, int ms)
{
	int status;

	if (now)
		kill(c->pid, SIGTERM);
	backlog_close(&c->backlog);
	status = child_wait(c->pid, ms);
	io_close(c->from);
	c->from = -1;
	return status;
}
