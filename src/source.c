/* SPDX-License-Identifier: ISC */
/* source: one face for mailboxes and streams at the receiving end. */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "door.h"
#include "io.h"
#include "wake.h"

enum { POLLED = 64 };           /* descriptors watched while asleep; sources beyond are looked at once a second */

/* ---- opening ---- */

static int
add_mailbox(struct sources *s, struct source *new)
{
	if ((s->peek ? mbox_open_any(&new->m, new->path) : mbox_open(&new->m, new->path)) == -1)
		return -1;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->list[i].kind == CHANNEL_MAILBOX && s->list[i].m.dev == new->m.dev
		    && s->list[i].m.ino == new->m.ino) {
			/* the same by another name: closing it drops no lock, for there is none yet */
			mbox_close(&new->m);
			return 1;
		}
	new->m.name = new->name;
	new->m.held = s->held;
	new->claim.take_expired = s->expired;
	if (s->id != 0)
		new->below = s->id + 1;
	if (new->m.drops && (new->intake = intake_new(&new->m)) == NULL)
		return -1;
	return claim_init(&new->claim, &new->m, &s->filter, s->peek, s->patience_ns);
}

static int
add_stream(struct sources *s, struct source *new)
{
	struct stat st;
	enum reader_mode mode = s->single ? READER_ONE : READER_SHARED;

	new->fd = channel_open_read(new->path);
	if (new->fd == -1)
		return -1;
	if (fstat(new->fd, &st) == 0 && S_ISREG(st.st_mode))
		mode = READER_ALL;
	if ((s->peek && mode != READER_ALL) || s->id != 0) {
		close(new->fd);
		errno = EINVAL;
		return -1;
	}
	new->reader = malloc(sizeof *new->reader);
	if (new->reader == NULL)
		return -1;
	reader_init(new->reader, new->fd, mode);
	new->reader->follow = s->follow && new->kind == CHANNEL_FILE;
	return 0;
}

int
sources_add(struct sources *s, const char *name, const char *path)
{
	struct source *new = &s->list[s->n];
	int r;

	/* the rest is zero: to set all of it would touch every page */
	new->name = name;
	new->path = path;
	new->below = UINT64_MAX;
	new->m = (struct mbox)MBOX_CLOSED;
	new->fd = -1;
	new->named = strcmp(path, "-") != 0;
	if (channel_kind_of(path, &new->kind) == -1)
		return -1;
	r = new->kind == CHANNEL_MAILBOX ? add_mailbox(s, new) : add_stream(s, new);
	if (r == 0)
		s->n++;
	return r == -1 ? -1 : 0;
}

/* ---- one source ---- */

enum { NOT_AT_ALL = 0 };        /* a deadline: look, and do not wait */

/* lock_deadline -- how long to wait for a mailbox's lock. */
static uint64_t
lock_deadline(const struct sources *s, uint64_t deadline_ns)
{
	return s->patience_ns == 0 || deadline_ns == NOT_AT_ALL ? clock_after(WAKE_LOOK_NS) : deadline_ns;
}

/* close_offer -- the offer whose payload came last has been settled: its sender may know that nobody reads it any more. */
static void
close_offer(struct source *one)
{
	int err = errno;

	if (one->kind == CHANNEL_MAILBOX && one->fd != -1) {
		close(one->fd);
		one->fd = -1;
	}
	errno = err;
}

/*
 * begin_offer -- the message in hand is an offer: get its header from its sender.
 * Returns 1, 0 where the sender died before he had sent anything, or -1 (EBADMSG: in the middle).
 */
static int
begin_offer(struct sources *s, struct source *one)
{
	const struct item *item = &s->run.items[0];
	int r, err;

	one->fd = s->run.meet_fd;
	if (one->reader == NULL && (one->reader = malloc(sizeof *one->reader)) == NULL)
		return -1;
	reader_init(one->reader, one->fd, READER_ONE);
	one->reader->deadline_ns = CLOCK_NEVER;
	/* it has one reader in its life, us; and a blocking end lets splice(2) wait for whichever side it must */
	one->reader->own = fcntl(one->fd, F_SETFL, 0) == 0;
	r = reader_next(one->reader, &s->message);
	if (r == 1) {
		s->message.id = item->id;
		s->message.time_us = item->slot.time_us;
		s->message.attempt = item->tries + 1;
		s->message.uid = -1;
		s->streamed = true;
		return 1;
	}
	err = errno;
	if (claim_settle(&one->claim, &s->run, 0, r == 0 || err == EBADMSG ? CLAIM_DROPPED : CLAIM_BACK, 0) == -1)
		return -1;
	close_offer(one);
	errno = err;
	return r;
}

static int
next_in_mailbox(struct sources *s, struct source *one, uint32_t messages, size_t bytes, uint64_t deadline_ns)
{
	struct claim_limits limits = {
		.messages = messages < RUN_MESSAGES ? messages : RUN_MESSAGES,
		.bytes = bytes < RUN_BYTES ? (uint32_t)bytes : RUN_BYTES,
		.from = s->id,
		.below = one->below,
		.deadline_ns = lock_deadline(s, deadline_ns),
		.wait = s->patience_ns != 0 && !s->all && deadline_ns != NOT_AT_ALL,
	};
	int r;

	s->streamed = false;
	do {
		r = one->intake == NULL ? claim_turn(&one->claim, &s->run, &limits)
		    : intake_turn(one->intake, &one->claim, &s->run, &limits, s->all && one->below == UINT64_MAX);
		if (r != -1)
			close_offer(one);
	} while (r == 1 && s->run.meet_fd != -1 && (r = begin_offer(s, one)) == 0);
	/* a message that is gone, or never was, is not waited for */
	if (r == 0 && s->id != 0)
		one->ended = !claim_waits(&one->claim, s->id);
	/* all: only what was there at the first look */
	if (s->all && one->below == UINT64_MAX)
		one->below = one->m.ctl.next;
	if (s->all && r == 0)
		one->ended = true;
	return r;
}

/* reopen -- a FIFO whose writers have gone: opened anew, it waits for the next. */
static int
reopen(struct source *one)
{
	int fd = channel_open_read(one->path);

	if (fd == -1)
		return -1;
	/* the new end is open before the old one closes: what a writer put in between is not lost */
	close(one->fd);
	one->fd = one->reader->fd = fd;
	return 0;
}

static int
next_in_stream(struct sources *s, struct source *one, uint64_t deadline_ns)
{
	int r;

	/* where others may have something too, or are to be waited for together, do not wait here */
	one->reader->deadline_ns = s->n > 1 || s->event_fd != -1 || s->patience_ns == 0 || deadline_ns == NOT_AT_ALL
	    ? clock_mono_ns() : deadline_ns;
	do
		r = reader_next(one->reader, &s->message);
	while (r == 1 && (!filter_match(&s->filter, s->message.tag, s->message.source)
	    || message_expired(&s->message)));
	s->streamed = true;
	if (r == 1)
		return 1;
	if (r == -1)
		return errno == ETIMEDOUT ? 0 : -1;
	if (one->kind == CHANNEL_FIFO && !s->all)
		return reopen(one);
	one->ended = !one->reader->follow;
	return 0;
}

/* ---- all of them ---- */

/* wants_awake -- our wants in other mailboxes than `but` are not to be woken. */
static int
wants_awake(struct sources *s, const struct source *but)
{
	struct source *one;
	int r;

	for (uint32_t i = 0; i < s->n; i++) {
		one = &s->list[i];
		if (one == but || !one->m.posted || one->m.want.mark == WAKE_AWAKE)
			continue;
		if (mbox_lock(&one->m, claim_deadline(&one->claim)) == -1)
			return -1;
		r = wake_awake(&one->m);
		if (r == 0 && one->m.changing)
			r = mbox_commit(&one->m);
		mbox_unlock(&one->m);
		if (r == -1)
			return -1;
	}
	return 0;
}

/* try_all -- ask each source once, beginning with the one whose turn it is.  Returns 1, 0 or -1. */
static int
try_all(struct sources *s, uint32_t messages, size_t bytes, uint64_t deadline_ns)
{
	struct source *one;
	int r;

	for (uint32_t i = 0; i < s->n; i++) {
		one = &s->list[(s->turn + i) % s->n];
		if (one->ended)
			continue;
		s->from = one;
		r = one->kind == CHANNEL_MAILBOX ? next_in_mailbox(s, one, messages, bytes, deadline_ns)
		    : next_in_stream(s, one, deadline_ns);
		if (r == -1)
			return -1;
		if (r == 1) {
			s->turn = (s->turn + i + 1) % s->n;
			return wants_awake(s, one) == -1 ? -1 : 1;
		}
	}
	s->from = NULL;
	return 0;
}

/* over -- whether nothing can come any more: standard input has ended, or everything has. */
static bool
over(const struct sources *s)
{
	bool all = true;

	for (uint32_t i = 0; i < s->n; i++) {
		if (s->list[i].ended && !s->list[i].named)
			return true;
		all = all && s->list[i].ended;
	}
	return all;
}

/* look_again -- after a second without an event: whether any mailbox may have something.  Returns 1, 0 or -1. */
static int
look_again(struct sources *s)
{
	struct source *one;
	int r;

	for (uint32_t i = 0; i < s->n; i++) {
		one = &s->list[i];
		if (one->ended)
			continue;
		if (one->kind != CHANNEL_MAILBOX)
			return 1;
		r = mbox_moved(&one->m, one->m.ctl.generation);
		if (r == 0 && one->intake != NULL)
			r = intake_look(one->intake);
		if (r != 0) {
			s->from = one;
			return r;
		}
	}
	return 0;
}

/* sleep_ms -- until the next look, the deadline, or the moment when a delayed message falls due. */
static int
sleep_ms(const struct sources *s, uint64_t deadline_ns)
{
	int ms = clock_left_ms(deadline_ns, (int)(WAKE_LOOK_NS / 1000000));
	uint64_t now, due;

	for (uint32_t i = 0; i < s->n; i++) {
		due = s->list[i].claim.due_us;
		if (s->list[i].kind != CHANNEL_MAILBOX || due == 0)
			continue;
		now = clock_wall_us();
		if (due <= now)
			return 0;
		if ((due - now + 999) / 1000 < (uint64_t)ms)
			ms = (int)((due - now + 999) / 1000);
	}
	return ms;
}

/* watch -- what to sleep on: the watched output, the event, then bells and streams.  Returns how many. */
static nfds_t
watch(const struct sources *s, struct pollfd *polled)
{
	nfds_t n = 0;
	int fd;

	polled[n++] = (struct pollfd){ .fd = s->watched_fd };
	polled[n++] = (struct pollfd){ .fd = s->event_fd, .events = POLLIN };
	for (uint32_t i = 0; i < s->n && n < POLLED; i++) {
		fd = s->list[i].kind == CHANNEL_MAILBOX ? s->list[i].m.bell_fd : s->list[i].fd;
		if (!s->list[i].ended && s->list[i].intake != NULL && n < POLLED && door_fd(&s->list[i].m) != -1)
			polled[n++] = (struct pollfd){ .fd = door_fd(&s->list[i].m), .events = POLLIN };
		if (n == POLLED)
			break;
		/* a plain file is always readable */
		if (!s->list[i].ended && fd != -1 && !(s->list[i].reader != NULL && s->list[i].reader->follow))
			polled[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	return n;
}

/*
 * sleep_all -- sleep until a bell rings, a stream has something, or it is time to look.
 * Returns 1 look, 2 the event came, or -1: ETIMEDOUT, EINTR, EPIPE, EIDRM.
 */
static int
sleep_all(struct sources *s, uint64_t deadline_ns)
{
	struct pollfd polled[POLLED];
	nfds_t n;
	int r;

	for (;;) {
		n = watch(s, polled);
		if (clock_left_ms(deadline_ns, 1000) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		r = io_stop ? -1 : poll(polled, n, sleep_ms(s, deadline_ns));
		if (io_stop)
			errno = EINTR;
		if (r == -1 && (errno != EINTR || io_stop))
			return -1;
		if (r > 0 && (polled[0].revents & (POLLERR | POLLHUP))) {
			errno = EPIPE;
			return -1;
		}
		if (r > 0 && polled[1].revents != 0)
			return 2;
		if (r > 0 || sleep_ms(s, CLOCK_NEVER) == 0)
			return 1;
		if (r == 0 && (r = look_again(s)) != 0)
			return r;
	}
}

int
sources_next(struct sources *s, uint32_t messages, size_t bytes)
{
	uint64_t deadline_ns = s->deadline_ns != 0 ? s->deadline_ns : clock_after(s->patience_ns);
	int r;

	s->deadline_ns = 0;
	/* a single mailbox marks them done in the section in which it claims the next */
	if (s->n > 1 && sources_settle(s, 0, CLAIM_DONE, 0) == -1)
		return -1;
	/* a single message is put back as well by the death of who has it: seven calls less for a one-shot */
	if (s->patience_ns != 0 && !s->all && !s->single)
		io_catch_stop();
	for (;;) {
		r = try_all(s, messages, bytes, deadline_ns);
		if (r != 0)
			return r;
		if (over(s) || s->patience_ns == 0)
			return 0;
		if (s->n == 1 && s->list[0].kind != CHANNEL_MAILBOX && clock_left_ms(deadline_ns, 1) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		io_catch_stop();
		r = sleep_all(s, deadline_ns);
		if (r == 2)
			s->deadline_ns = deadline_ns;
		if (r != 1)
			return r;
	}
}

int
sources_more(struct sources *s, uint32_t messages, size_t bytes)
{
	struct source *one = s->from;

	if (one->ended)
		return 0;
	return one->kind == CHANNEL_MAILBOX ? next_in_mailbox(s, one, messages, bytes, NOT_AT_ALL)
	    : next_in_stream(s, one, NOT_AT_ALL);
}

int
sources_awake(struct sources *s)
{
	return wants_awake(s, NULL);
}

int
sources_settle(struct sources *s, uint32_t from, enum claim_end end, uint64_t delay_us)
{
	int r;

	if (s->from == NULL || s->from->kind != CHANNEL_MAILBOX)
		return 0;
	r = claim_settle(&s->from->claim, &s->run, from, end, delay_us);
	if (s->run.n == 0)
		close_offer(s->from);
	return r;
}

int
sources_take_offer(struct sources *s)
{
	int fd = s->from->kind == CHANNEL_MAILBOX && s->streamed ? s->from->fd : -1;

	if (fd != -1)
		s->from->fd = -1;
	return fd;
}

void
sources_close(struct sources *s)
{
	sources_settle(s, 0, CLAIM_BACK, 0);
	for (uint32_t i = 0; i < s->n; i++) {
		struct source *one = &s->list[i];

		if (one->kind == CHANNEL_MAILBOX) {
			wake_leave(&one->m);
			mbox_close(&one->m);
			claim_free(&one->claim);
			intake_free(one->intake);
		}
		if (one->fd != -1)
			close(one->fd);
		free(one->reader);
	}
	s->n = 0;
}
