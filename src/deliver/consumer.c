/* SPDX-License-Identifier: ISC */
/*
 * consumer: see consumer.h.  A crash leaves messages claimed by a dead process, and a command that gets SIGTERM and the
 * end of its input, perhaps in a frame; what it acknowledges then, nobody reads.
 */
#include "deliver/consumer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "deliver/command.h"

#define GRACE_NS UINT64_C(5000000000)           /* from SIGTERM to SIGKILL, for a command that we gave up */

/* ---- begin ---- */

/*
 * own_output -- standard output as a file of our own, which does not wait and leaves that of others as it was; where
 * there can be none, standard output itself (waits).
 */
static int
own_output(bool *waits)
{
	int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	*waits = fd == -1;
	return fd;
}

/* begin_streams -- standard output and standard input, in place of a command's. */
static void
begin_streams(struct consumer *c)
{
	struct framer *f = &c->framer;
	struct stat st;
	int fd;

	framer_init(f, c->deliver->sources, &c->window, STDOUT_FILENO);
	c->ack_fd = STDIN_FILENO;
	if (f->socket || fstat(STDOUT_FILENO, &st) == -1)
		return;
	f->waits = true;
	if (S_ISFIFO(st.st_mode) && (fd = own_output(&f->waits)) != -1)
		f->fd = fd;
}

/* begin_command -- start it, with a pipe to its input and one from its output.  Returns 0, or -1. */
static int
begin_command(struct consumer *c)
{
	struct command h = { .argv = c->command, .channel = c->deliver->sources->list[0].name,
		.max_tries = c->deliver->max_tries };
	int in[2] = { -1, -1 }, acks[2] = { -1, -1 }, r = -1;

	c->event_fd = command_events();
	if (c->event_fd != -1 && pipe2(in, O_CLOEXEC) == 0 && pipe2(acks, O_CLOEXEC) == 0
	    && fcntl(in[1], F_SETFL, O_NONBLOCK) == 0 && fcntl(acks[0], F_SETFL, O_NONBLOCK) == 0) {
		h.in_fd = in[0];
		h.out_fd = acks[1];
		r = command_start(&h, &c->pid);
	}
	if (r == -1) {
		c->cannot = command_cannot(errno);
		c->pid = 0;
	}
	io_close(in[0]);
	io_close(acks[1]);
	c->ack_fd = acks[0];
	framer_init(&c->framer, c->deliver->sources, &c->window, in[1]);
	return r == 0 ? 0 : deliver_failed(c->deliver, "run", c->command[0]);
}

int
consumer_begin(struct consumer *c)
{
	c->pid = 0;
	c->event_fd = -1;
	c->kill_ns = CLOCK_NEVER;
	c->most = RUN_MESSAGES;
	c->out_open = true;
	c->window.inflight.more = true;
	c->also = (struct also){ .polled = c->polled, .n = CONSUMER_POLLED, .of = c };
	c->deliver->sources->from = &c->deliver->sources->list[0];
	if (c->command != NULL)
		return begin_command(c);
	begin_streams(c);
	return 0;
}

/* ---- no more ---- */

void
consumer_stop(struct consumer *c, enum consumer_why why)
{
	c->why = why > c->why ? why : c->why;
}

void
consumer_fail(struct consumer *c, const char *at, const char *on)
{
	if (c->why < CONSUMER_FAILED) {
		c->error = errno;
		c->failed_at = at;
		c->failed_on = on;
	}
	consumer_stop(c, CONSUMER_FAILED);
}

void
consumer_lose(struct consumer *c, const char *at)
{
	consumer_fail(c, at, consumer_from(c));
	c->hopeless = true;
}

void
consumer_put_back(struct consumer *c, uint64_t from)
{
	if (window_back(&c->window, consumer_mailbox(c), from) == -1)
		consumer_lose(c, "put back to");
}

void
consumer_end_acks(struct consumer *c)
{
	if (c->command != NULL)
		io_close(c->ack_fd);
	c->ack_fd = -1;
}

void
consumer_give_up(struct consumer *c, enum consumer_why why)
{
	consumer_stop(c, why);
	c->at_once = true;
	framer_cut(&c->framer);
	consumer_put_back(c, 0);
	consumer_end_acks(c);
	if (c->pid == 0 || c->kill_ns != CLOCK_NEVER)
		return;
	kill(c->pid, SIGTERM);
	c->kill_ns = clock_after(GRACE_NS);
}

void
consumer_close(struct consumer *c)
{
	struct framer *f = &c->framer;
	int none;

	c->out_open = false;
	framer_close(f);
	if (f->socket)
		(void)shutdown(f->fd, SHUT_WR);
	if (f->fd != STDOUT_FILENO)
		io_close(f->fd);
	if (c->command != NULL)
		return;
	/* the number stays taken: nothing that is opened later is standard output */
	none = open("/", O_PATH | O_CLOEXEC);
	if (none != -1)
		(void)dup2(none, STDOUT_FILENO);
	io_close(none);
}
