/* SPDX-License-Identifier: ISC */
/*
 * select: which of several inlets is asked, and how all of them are waited for.  A crash leaves claims and wants of a
 * dead process in the mailboxes.
 */
#include "channel/select.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/waiting.h"

enum {
	FEW = 64,                       /* descriptors watched while asleep without an allocation */
	LOOK_MS = 1000,                 /* from one look to the next, asleep */
	SHUT_OUT_MS = 50,               /* from one look at a stream that another reader has locked to the next */
	PASSED_MAX = 64,                /* how often a mailbox that has something may be passed over */
};

#define HELD_NS UINT64_C(2000000000)    /* a lock that is not free for so long is not just in demand */

#define EACH(s, one) (struct inlet *(one) = (s)->list; (one) < (s)->list + (s)->n; (one)++)

int
select_add(struct select *s, const char *name, const char *path)
{
	struct inlet *new = &s->list[s->n];
	int r;

	if (s->n == 0)
		s->ahead[0] = s->ahead[1] = -1;
	/* the rest is zero: setting it would touch every page */
	new->name = name;
	new->path = path;
	r = inlet_open(s, new);
	if (r == 0) {
		s->n++;
		s->mailboxes += new->kind == CHANNEL_MAILBOX;
	}
	return r == -1 ? -1 : 0;
}

/* ---- which one ---- */

/* park -- have no want of ours woken, but in `but`.  Returns 0, or -1. */
static int
park(struct select *s, const struct inlet *but)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (&s->list[i] != but && s->list[i].kind == CHANNEL_MAILBOX
		    && receiver_park(&s->list[i].receiver) == -1)
			return -1;
	return 0;
}

/* What a mailbox has for us next. */
struct offer_of {
	struct inlet *one;              /* NULL: nothing */
	uint32_t rank;                  /* how soon its tag and source are wanted */
	uint64_t time_us;
};

/* comes_first -- whether a is to be received before b: as wanted, then as sent. */
static bool
comes_first(const struct offer_of *a, const struct offer_of *b)
{
	if (a->one == NULL || b->one == NULL)
		return a->one != NULL;
	return a->rank != b->rank ? a->rank < b->rank : a->time_us < b->time_us;
}

/*
 * probe_all -- see which mailbox has what comes first, and which what comes next.
 * A mailbox that was passed over often comes first: a sender's time, or a clock, may be wrong.
 * Returns 0, or -1.
 */
static int
probe_all(struct select *s, struct offer_of *first, struct offer_of *second, uint64_t deadline_ns)
{
	const struct receiver_ask ask = { .messages = 1, .bytes = RUN_BYTES, .probe = true };
	struct offer_of this;
	uint64_t now = clock_wall_us();

	*first = *second = (struct offer_of){ .one = NULL };
	for (uint32_t i = 0; i < s->n; i++) {
		struct inlet *one = &s->list[(s->turn + i) % s->n];
		int r;

		if (one->kind != CHANNEL_MAILBOX || one->ended)
			continue;
		s->from = one;
		r = inlet_mailbox(s, one, ask, deadline_ns);
		if (r == -1)
			return -1;
		if (r == 0)
			continue;
		this = (struct offer_of){ one, s->run.rank, run_time_us(&s->run, 0) };
		s->run.n = 0;           /* it is not claimed */
		this.time_us = one->passed >= PASSED_MAX ? 0 : this.time_us < now ? this.time_us : now;
		one->passed++;
		if (comes_first(&this, first)) {
			*second = *first;
			*first = this;
		} else if (comes_first(&this, second)) {
			*second = this;
		}
	}
	return 0;
}

/* next_of_mailboxes -- take what comes first in any of them.  Returns 1, 0 or -1. */
static int
next_of_mailboxes(struct select *s, struct receiver_ask ask, uint64_t deadline_ns)
{
	struct offer_of first, second;
	int r;

	do {
		if (probe_all(s, &first, &second, deadline_ns) == -1)
			return -1;
		if (first.one == NULL)
			return 0;
		s->from = first.one;
		ask.until_us = second.one != NULL && second.rank == first.rank ? second.time_us : 0;
		r = inlet_mailbox(s, first.one, ask, deadline_ns);
		/* another receiver was faster, or a sender that is stopped */
	} while (r == 0 && (s->timeout_ns == 0 || clock_left_ms(deadline_ns, 1) > 0));
	first.one->passed = 0;
	return r;
}

/* try_all -- ask each inlet once, beginning with the one whose turn it is; several mailboxes together.  1, 0 or -1. */
static int
try_all(struct select *s, struct receiver_ask ask, uint64_t deadline_ns)
{
	bool together = s->mailboxes > 1, asked = false;
	struct inlet *one;
	int r;

	for (uint32_t i = 0; i < s->n; i++) {
		one = &s->list[(s->turn + i) % s->n];
		if (one->ended || one->busy || (one->kind == CHANNEL_MAILBOX && asked))
			continue;
		s->from = one;
		if (one->kind != CHANNEL_MAILBOX)
			r = inlet_stream(s, one, deadline_ns);
		else if ((asked = together))
			r = next_of_mailboxes(s, ask, deadline_ns);
		else
			r = inlet_mailbox(s, one, ask, deadline_ns);
		if (r == 1) {
			s->turn = (s->turn + i + 1) % s->n;
			/* a failure shows at our next look, and a waiter that was not woken looks once a second */
			(void)park(s, s->from);
		}
		if (r != 0)
			return r;
	}
	s->from = NULL;
	return 0;
}

/* ---- waiting ---- */

/* over -- whether nothing can come any more: standard input has ended, or every inlet has. */
static bool
over(const struct select *s)
{
	bool all = true;

	for EACH(s, one) {
		if (one->ended && !one->named)
			return true;
		all = all && one->ended;
	}
	return all;
}

/* begun -- whether a message has begun to come from a stream: it would be lost if we ended now. */
static bool
begun(const struct select *s)
{
	for EACH(s, one)
		if (!one->ended && !one->busy && one->kind != CHANNEL_MAILBOX && reader_begun(one->reader))
			return true;
	return false;
}

/* look_again -- after a second without an event: whether any mailbox may have something.  Returns 1, 0 or -1. */
static int
look_again(struct select *s)
{
	int r;

	for EACH(s, one) {
		if (one->ended || one->busy)
			continue;
		if (one->kind != CHANNEL_MAILBOX)
			return 1;
		r = receiver_changed(&one->receiver);
		if (r != 0) {
			s->from = one;
			return r;
		}
	}
	return 0;
}

/* sleep_ms -- milliseconds to the next look, the deadline, or the moment when a delayed message falls due. */
static int
sleep_ms(const struct select *s, uint64_t deadline_ns)
{
	int ms = clock_left_ms(deadline_ns, LOOK_MS);
	uint64_t now = clock_wall_us(), due;

	for EACH(s, one) {
		due = one->kind == CHANNEL_MAILBOX ? receiver_due_us(&one->receiver) : 0;
		if (!one->ended && one->kind != CHANNEL_MAILBOX && one->reader->shut_out && ms > SHUT_OUT_MS)
			ms = SHUT_OUT_MS;
		if (due != 0 && due <= now)
			return 0;
		if (due != 0 && (due - now + 999) / 1000 < (uint64_t)ms)
			ms = (int)((due - now + 999) / 1000);
	}
	return ms;
}

/* watch -- what to sleep on: the watched output, then mailboxes and streams.  Returns how many. */
static nfds_t
watch(const struct select *s, struct pollfd *polled)
{
	nfds_t n = 0;
	int fds[2];

	polled[n++] = (struct pollfd){ .fd = s->watched_fd };
	for EACH(s, one) {
		fds[0] = one->fd;
		fds[1] = -1;
		if (one->kind == CHANNEL_MAILBOX)
			receiver_watch(&one->receiver, fds);
		else if (one->reader->follow || one->reader->shut_out || one->busy)
			continue;       /* it can always be read, or not by us */
		for (int j = 0; j < 2; j++)
			if (!one->ended && fds[j] != -1)
				polled[n++] = (struct pollfd){ .fd = fds[j], .events = POLLIN };
	}
	return n;
}

/* polled_of -- room for all that we may watch: behind what `also' does, or few, or many.  Returns NULL with ENOMEM. */
static struct pollfd *
polled_of(struct select *s, struct pollfd *few)
{
	const size_t most = SELECT_POLLED(s->n);

	if (s->also != NULL)
		return s->also->polled + s->also->n;
	if (most > FEW && s->polled == NULL)
		s->polled = memory_new(most * sizeof *s->polled);
	return most > FEW ? s->polled : few;
}

/* awaits -- say what this wait is for: nothing where `also' has something to do. */
static void
awaits(const struct select *s)
{
	const struct inlet *one = s->list;

	waiting_for(s->also != NULL ? WAITING_NOTHING : s->answers != NULL ? WAITING_ANSWER : WAITING_MESSAGE,
	    s->answers != NULL ? s->answers : one->name);
	waiting_facts(s->answers == NULL && one->kind == CHANNEL_MAILBOX && one->receiver.paused, s->n - 1, 0);
}

/*
 * sleep_all -- sleep until a mailbox wakes us, a stream has something, or it is time to look.
 * Returns 1 look, 2 `also' ends the wait, or -1: ETIMEDOUT, EINTR, EPIPE, EIDRM.
 */
static int
sleep_all(struct select *s, uint64_t deadline_ns)
{
	struct also none = { .n = 0 }, *also = s->also != NULL ? s->also : &none;
	struct pollfd few[FEW], *polled;
	bool ready = false;
	nfds_t n;
	int r, ms;

	awaits(s);
	while ((polled = polled_of(s, few)) != NULL) {
		n = watch(s, polled);
		if (clock_left_ms(deadline_ns, 1000) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		ms = sleep_ms(s, deadline_ns);
		r = io_stop ? -1 : poll(polled - also->n, also->n + n, ms);
		if (r == 0)
			waiting_slept(ms);
		if (io_stop)
			errno = EINTR;
		if (r == -1 && (errno != EINTR || io_stop))
			return -1;
		if (r > 0 && (polled[0].revents & (POLLERR | POLLHUP))) {
			errno = EPIPE;
			return -1;
		}
		for (nfds_t i = 0; r > 0 && i < n; i++)
			ready = ready || polled[i].revents != 0;
		if (r != -1 && s->also != NULL && also->tend(also))
			return 2;
		if (ready || sleep_ms(s, CLOCK_NEVER) == 0)
			return 1;
		/* after a signal that is none to stop, too: many of them keep nobody from it */
		if (r <= 0 && (r = look_again(s)) != 0)
			return r;
	}
	return -1;
}

/*
 * in_demand -- whether the lock that was waited for since began_ns was missed because the time ran out, not because a
 * process keeps it: it was free before in this wait.
 */
static bool
in_demand(const struct select *s, uint64_t began_ns)
{
	return errno == EBUSY && s->from != NULL && s->from->looked && clock_mono_ns() < began_ns + HELD_NS;
}

/* see_to_signals -- messages are in hand: a signal to stop waits for what is done with them. */
static void
see_to_signals(const struct select *s)
{
	struct slice payload;

	/* one that is all in memory is done with at once */
	if (s->ends == RUN_PROMPT && !s->streamed && s->run.n == 1 && run_payload(&s->run, 0, &payload))
		io_hold_stop();
	else
		io_catch_stop();
}

/* began -- when a wait for a lock begins that may end without it; 0: none may. */
static uint64_t
began(const struct select *s)
{
	return s->timeout_ns != MAILBOX_FOREVER || s->glance ? clock_mono_ns() : 0;
}

static struct receiver_ask
ask_for(const struct select *s, uint32_t messages, size_t bytes)
{
	return (struct receiver_ask){ .messages = messages, .bytes = bytes < RUN_BYTES ? (uint32_t)bytes : RUN_BYTES,
		.ends = s->ends, .had = s->had, .most = s->most, .before = s->before, .before_n = s->before_n };
}

int
select_next(struct select *s, uint32_t messages, size_t bytes)
{
	const struct receiver_ask ask = ask_for(s, messages, bytes);
	uint64_t deadline_ns = s->deadline_ns != 0 ? s->deadline_ns : clock_after(s->timeout_ns), began_ns, until_ns;
	int r;

	if (s->deadline_ns == 0)
		for EACH(s, one)
			one->looked = false;
	s->deadline_ns = 0;
	/* a single mailbox marks them done in the locked section in which it claims the next */
	if (s->n > 1 && select_settle(s, 0, RECEIVER_DONE, 0) == -1)
		return -1;
	/* a single stream may be waited for where it is asked */
	if (s->list[0].kind != CHANNEL_MAILBOX)
		awaits(s);
	for (;;) {
		began_ns = began(s);
		r = try_all(s, ask, begun(s) ? INLET_LOOK : deadline_ns);
		/* a lock that another process holds does not end a message that has begun to come */
		if (r == -1 && errno == EBUSY && !s->glance && begun(s))
			r = 0;
		else if (r == -1 && in_demand(s, began_ns))
			errno = ETIMEDOUT;
		/* what is written when a signal comes is not to be delivered again */
		if (r == 1 && !s->peek)
			see_to_signals(s);
		if (r == 1)
			waiting_over();
		if (r != 0)
			return r;
		if (over(s))
			return 0;
		/* what has begun is waited for; another reader may take it, and the time counts again */
		until_ns = !s->glance && begun(s) ? CLOCK_NEVER : deadline_ns;
		if (until_ns != CLOCK_NEVER && s->timeout_ns == 0)
			return 0;
		if (s->n == 1 && s->list[0].kind != CHANNEL_MAILBOX && clock_left_ms(until_ns, 1) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		io_catch_stop();
		r = sleep_all(s, until_ns);
		if (r == 2)
			s->deadline_ns = deadline_ns;
		if (r != 1)
			return r;
	}
}

int
select_more(struct select *s, uint32_t messages, size_t bytes)
{
	const struct receiver_ask ask = ask_for(s, messages, bytes);
	struct inlet *one = s->from;
	int r;

	if (one->ended)
		return 0;
	if (one->kind == CHANNEL_MAILBOX)
		return inlet_mailbox(s, one, ask, INLET_LOOK);
	r = inlet_stream(s, one, INLET_LOOK);
	return r == 0 && !one->ended && reader_begun(one->reader) ? inlet_stream(s, one, CLOCK_NEVER) : r;
}

int
select_message(struct select *s, uint32_t i, struct message *m, char *scratch)
{
	if (receiver_message(&s->from->receiver, &s->run, i, m, scratch) == -1)
		return -1;
	inlet_place(s->from, m, s->place);
	return 0;
}

int
select_park(struct select *s)
{
	return park(s, NULL);
}

int
select_settle(struct select *s, uint32_t from, enum receiver_end end, uint64_t delay_us)
{
	if (s->from == NULL || s->from->kind != CHANNEL_MAILBOX)
		return 0;
	return receiver_settle(&s->from->receiver, &s->run, from, end, delay_us);
}

/* let_go -- settle what is in hand. */
static void
let_go(struct select *s)
{
	/* what was delivered is done, signal to stop or not */
	if (select_settle(s, s->run.delivered, RECEIVER_BACK, 0) == 0)
		(void)select_settle(s, 0, RECEIVER_DONE, 0);
}

void
select_finish(struct select *s)
{
	let_go(s);
	for EACH(s, one) {
		if (one->kind != CHANNEL_MAILBOX)
			continue;
		one->receiver.ends = true;
		receiver_close(&one->receiver);
	}
}

void
select_close(struct select *s)
{
	let_go(s);
	for EACH(s, one) {
		if (one->kind == CHANNEL_MAILBOX)
			receiver_close(&one->receiver);
		else
			memory_free(one->reader);
		io_close(one->fd);
	}
	if (s->n > 0) {
		io_close(s->ahead[0]);
		io_close(s->ahead[1]);
	}
	run_free(&s->run);
	memory_free(s->polled);
	s->polled = NULL;
	s->from = NULL;
	s->n = 0;
}
