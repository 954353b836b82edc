/* SPDX-License-Identifier: ISC */
/* rounds: see rounds.h.  consumer.c tells what a crash leaves. */
#include "deliver/rounds.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/tally.h"
#include "deliver/command.h"
#include "deliver/verdict.h"

#define LOOK_NS UINT64_C(1000000000)

enum {
	LOOK_MS = 1000,                 /* what came just before poll(2), or without a word, is seen after this time */
	MOVES = 4,                      /* writes before the other side gets its turn */
	STATUS_SILENT = 124,            /* of the attempt that was not acknowledged in time */
};

/* ---- waiting ---- */

/* due_ns -- when its silence is too long, or it is to be killed; CLOCK_NEVER. */
static uint64_t
due_ns(const struct consumer *c)
{
	if (c->kill_ns != CLOCK_NEVER)
		return c->kill_ns;
	return c->patience_ns == 0 || c->window.open == 0 || c->why >= CONSUMER_SILENT ? CLOCK_NEVER
	    : c->sign_ns + c->patience_ns;
}

/* watch -- what to poll. */
static void
watch(struct consumer *c)
{
	const bool busy = framer_busy(&c->framer);

	c->polled[0] = (struct pollfd){ .fd = c->event_fd, .events = POLLIN };
	c->polled[1] = (struct pollfd){ .fd = c->ack_fd, .events = POLLIN };
	/* that nobody reads it any more comes unasked */
	c->polled[2] = (struct pollfd){ .fd = c->out_open ? c->framer.fd : -1, .events = busy ? POLLOUT : 0 };
}

/* tend -- after poll(2), asleep for messages: whether there is something else to see to. */
static bool
tend(struct also *also)
{
	const struct consumer *c = also->of;

	for (int i = 0; i < CONSUMER_POLLED; i++)
		if (c->polled[i].revents != 0)
			return true;
	return io_stops > c->passed || clock_left_ms(due_ns(c), LOOK_MS) == 0
	    || (c->pid > 0 && clock_mono_ns() >= c->look_ns);
}

/* ---- the end ---- */

/* wind_down -- see to it that nothing more is claimed, and that its input ends. */
static void
wind_down(struct consumer *c)
{
	const bool gets_rest = c->why >= CONSUMER_NOTHING && c->why <= CONSUMER_TIMEOUT;

	if (!c->parked)
		(void)select_park(c->deliver->sources);
	c->parked = true;
	if (!c->cut && !gets_rest) {
		c->cut = true;
		c->left = c->window.open;
		framer_cut(&c->framer);
		consumer_put_back(c, c->framer.written);
		/* it left them, unless it is we that end */
		c->left = c->why <= CONSUMER_SHUT ? c->left - c->window.open : 0;
	}
	if (c->out_open && (c->at_once || !framer_busy(&c->framer)))
		consumer_close(c);
}

/* heed -- after the first signal to stop it gets no more, and may end; pass on the second, kill it at the third. */
static void
heed(struct consumer *c)
{
	if (io_stops <= c->passed)
		return;
	c->passed = io_stops;
	consumer_stop(c, CONSUMER_STOPPED);
	c->at_once = c->at_once || c->passed > 1;
	if (c->pid > 0 && c->passed > 1)
		kill(c->pid, c->passed == 2 ? (int)io_stop : SIGKILL);
}

/* is_over -- whether there is nothing to wait for any more. */
static bool
is_over(const struct consumer *c)
{
	if (c->why == CONSUMER_GOES_ON || c->command != NULL)
		return c->why != CONSUMER_GOES_ON && c->pid == 0;
	return (c->window.open == 0 && !framer_busy(&c->framer)) || c->ack_fd == -1 || c->why == CONSUMER_SHUT
	    || c->why > CONSUMER_FAILED || c->hopeless || c->passed > 1;
}

/* ---- rounds ---- */

/* reap -- where the command has ended, note how, and what it has acknowledged to its end. */
static void
reap(struct consumer *c)
{
	char drain[16];
	int waited;

	c->look_ns = clock_after(LOOK_NS);
	while (read(c->event_fd, drain, sizeof drain) > 0)
		;
	if (c->pid == 0 || waitpid(c->pid, &waited, WNOHANG) != c->pid)
		return;
	c->pid = 0;
	c->ran = true;
	(void)command_ended(waited, &c->status);
	while (c->ack_fd != -1 && verdict_read(c))
		;
	/* a process that it has left behind may hold its output */
	if (c->ack_fd != -1)
		consumer_end_acks(c);
	c->at_once = true;
	consumer_stop(c, CONSUMER_ENDED);
}

/* shut -- nobody reads what it is to get. */
static void
shut(struct consumer *c)
{
	consumer_stop(c, CONSUMER_SHUT);
	c->at_once = true;
}

/* move -- write what goes without a wait; others get their turn. */
static void
move(struct consumer *c)
{
	struct framer *f = &c->framer;
	const uint64_t before = f->written;
	int r = 1;

	for (int i = 0; i < MOVES && r == 1 && framer_busy(f); i++)
		r = framer_move(f);
	if (f->written != before && c->patience_ns != 0)
		c->sign_ns = clock_mono_ns();
	if (r >= 0)
		return;
	if (r == -2 && errno == EMSGSIZE) {
		verdict_refuse(c, framer_place(f), DELIVER_REFUSED);
		framer_skip(f);
		return;
	}
	if (r == -1 && errno == EPIPE) {
		shut(c);
		return;
	}
	c->at_once = true;
	if (r == -1)
		consumer_fail(c, "write to", c->command != NULL ? c->command[0] : "standard output");
	else
		consumer_fail(c, "read", consumer_from(c));
}

/* keep_time -- see whether it has been silent for too long, or does not end. */
static void
keep_time(struct consumer *c)
{
	uint32_t i;

	if (clock_left_ms(due_ns(c), 1) > 0)
		return;
	if (c->kill_ns != CLOCK_NEVER) {
		c->kill_ns = CLOCK_NEVER;
		kill(c->pid, SIGKILL);
		return;
	}
	if (window_oldest(&c->window, &i) && c->window.list[i].at < c->framer.written)
		verdict_refuse(c, i, STATUS_SILENT);
	consumer_give_up(c, CONSUMER_SILENT);
}

/* look -- see to all that is ready; wait: until something is. */
static void
look(struct consumer *c, bool wait)
{
	struct pollfd *p = c->polled;

	watch(c);
	if (poll(p, CONSUMER_POLLED, wait ? clock_left_ms(due_ns(c), LOOK_MS) : 0) > 0) {
		if (p[1].revents != 0 && c->ack_fd != -1)
			verdict_read(c);
		if (p[2].revents & POLLOUT)
			move(c);
		else if (p[2].revents != 0)
			shut(c);
	}
	if (c->pid > 0 && (p[0].revents != 0 || clock_mono_ns() >= c->look_ns))
		reap(c);
	if (c->patience_ns != 0 || c->kill_ns != CLOCK_NEVER)
		keep_time(c);
}

/* has_room -- whether something more is to be claimed for it. */
static bool
has_room(const struct consumer *c)
{
	const struct window *w = &c->window;

	return c->why == CONSUMER_GOES_ON && !framer_busy(&c->framer) && w->open < c->limit
	    && (w->open == 0 || w->bytes < c->limit_bytes);
}

/* within -- how many of the messages in hand the window has room for, by their bytes; at least one. */
static uint32_t
within(const struct consumer *c, const struct run *run)
{
	uint64_t bytes = c->window.bytes;
	struct slice payload;
	uint32_t n = 0;

	do {
		run_payload(run, n++, &payload);
		bytes += payload.len;
	} while (n < run->n && bytes < c->limit_bytes);
	return n;
}

/* add -- what is in hand is for it; asked: so many were asked for. */
static void
add(struct consumer *c, uint32_t asked)
{
	struct select *s = c->deliver->sources;
	uint32_t n = within(c, &s->run);

	if (n < s->run.n)
		c->most = n;
	else if (n == asked && c->most < RUN_MESSAGES)
		c->most *= 2;
	if (select_settle(s, n, RECEIVER_BACK, 0) == -1) {
		consumer_lose(c, "put back to");
		return;
	}
	if (c->window.open == 0)
		c->sign_ns = clock_mono_ns();
	if (window_add(&c->window, consumer_mailbox(c), &s->run) == -1) {
		consumer_fail(c, "receive from", consumer_from(c));
		(void)select_settle(s, 0, RECEIVER_BACK, 0);
		return;
	}
	c->got += n;
	tally_add(TALLY_RECEIVED, n);
	if (c->got >= c->count)
		consumer_stop(c, CONSUMER_ENOUGH);
	framer_take(&c->framer);
	move(c);
}

/* take -- claim what comes next, or wait until there is something, or anything else to see to. */
static void
take(struct consumer *c)
{
	struct select *s = c->deliver->sources;
	uint32_t most = c->limit - c->window.open;
	int r;

	most = most < c->most ? most : c->most;
	if (c->count - c->got < most)
		most = (uint32_t)(c->count - c->got);
	watch(c);
	c->also.tend = tend;
	s->also = &c->also;
	r = select_next(s, most, RUN_BYTES);
	s->from = &s->list[0];
	if (r == 0) {
		consumer_stop(c, CONSUMER_NOTHING);
	} else if (r == -1 && errno == ETIMEDOUT) {
		consumer_stop(c, CONSUMER_TIMEOUT);
	} else if (r == -1 && !(errno == EINTR && io_stop)) {
		consumer_lose(c, "receive from");
	} else if (r == 1 && s->streamed) {
		/* its capacity has become 0 */
		(void)select_settle(s, 0, RECEIVER_BACK, 0);
		errno = ESTALE;
		consumer_lose(c, "receive from");
	} else if (r == 1 && s->run.expired) {
		if (deliver_bury(c->deliver, DELIVER_EXPIRED) == -1)
			consumer_fail(c, c->deliver->failed_at, c->deliver->failed_on);
	} else if (r == 1) {
		add(c, most);
	}
}

bool
rounds_next(struct consumer *c)
{
	heed(c);
	if (c->why != CONSUMER_GOES_ON)
		wind_down(c);
	if (is_over(c))
		return false;
	/* what is there is given to a command however soon that ends */
	if (c->asked)
		look(c, !has_room(c));
	c->asked = true;
	if (has_room(c))
		take(c);
	return true;
}

void
rounds_end(struct consumer *c)
{
	/* what it had acknowledged when it left */
	while (c->ack_fd != -1 && io_ready(c->ack_fd, POLLIN) > 0 && verdict_read(c))
		;
	c->left += c->window.open;
	consumer_put_back(c, 0);
	framer_close(&c->framer);
	consumer_end_acks(c);
	window_free(&c->window);
	run_free(&c->spare);
}
