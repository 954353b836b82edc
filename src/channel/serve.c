/* SPDX-License-Identifier: ISC */
/* serve: see serve.h.  A crash leaves in each channel what its sink leaves. */
#include "channel/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/waiting.h"
#include "frame/tmpfile.h"
#include "stream/reader.h"

#define PATIENCE_NS UINT64_C(200000000) /* a channel that did not move for so long has the payload kept for it, ... */
#define PATIENCE_LESS_NS UINT64_C(10000000)     /* ... or so, where that was needed for the message before */

enum {
	LOOK_MS = 1000,                 /* we look by ourselves after so long, */
	NAP_MS = 50,                    /* or so, where nothing wakes us */
};

#define EACH(s, c) (struct served *(c) = (s)->list; (c) < (s)->list + (s)->n; (c)++)

int
serve_init(struct serve *s, unsigned n)
{
	s->kept_fd = -1;
	s->nap_ms = 1;
	s->list = calloc(n, sizeof *s->list);
	s->polled = calloc(2 * (size_t)n + 1, sizeof *s->polled);
	return s->list == NULL || s->polled == NULL ? -1 : 0;
}

void
serve_message(struct serve *s, const struct message *head, bool large, const char *data, size_t len)
{
	s->head = head;
	s->data = data;
	s->data_at = 0;
	s->total = len;
	s->ended = !large;
	s->large = large;
	s->unkept = false;
	s->again_len = 0;
	s->begun_ns = large ? clock_mono_ns() : 0;
	s->patience_ns = s->was_kept ? PATIENCE_LESS_NS : PATIENCE_NS;
	s->was_kept = s->was_kept && !large;
	for EACH(s, c)
		c->at = c->moved_ns = 0;
}

/* ---- the payload ---- */

/* lacks -- whether a channel is still to be given something of what has been read. */
static bool
lacks(const struct serve *s, const struct served *c)
{
	return c->stage == SERVE_BEGIN || (c->stage == SERVE_BODY && c->at < s->total);
}

static bool
any_lacks(const struct serve *s)
{
	for EACH(s, c)
		if (lacks(s, c))
			return true;
	return false;
}

/* keep -- before more is read: have what is in memory of the payload be in the file too, if it is needed still. */
static void
keep(struct serve *s)
{
	if (!any_lacks(s)) {
		if (s->kept_end > s->kept_at && ftruncate(s->kept_fd, 0) == 0)
			s->kept_at = s->kept_end = 0;
		return;
	}
	if (s->kept_end == s->kept_at)
		s->kept_at = s->kept_end = s->data_at;
	if (s->kept_end == s->total)
		return;
	if (s->kept_fd == -1)
		s->kept_fd = tmpfile_open();
	s->unkept = s->kept_fd == -1 || io_pwrite(s->kept_fd, s->data, (size_t)(s->total - s->data_at),
	    s->kept_end - s->kept_at) == -1;
	if (!s->unkept)
		s->kept_end = s->total;
	s->was_kept = true;
}

/* stretch -- the bytes of the payload from at on that are in memory, or come there.  Returns how many, or -1. */
static ssize_t
stretch(struct serve *s, uint64_t at, const char **data)
{
	ssize_t n;

	if (at >= s->data_at) {
		*data = s->data + (at - s->data_at);
		return (ssize_t)(s->total - at);
	}
	if (at < s->again_at || at >= s->again_at + s->again_len) {
		n = io_pread(s->kept_fd, s->again, sizeof s->again, at - s->kept_at);
		if (n <= 0)
			return fail_with(n == 0 ? EIO : errno);
		s->again_at = at;
		s->again_len = (size_t)n;
	}
	*data = s->again + (at - s->again_at);
	return (ssize_t)(s->again_at + s->again_len - at);
}

/* ---- a channel ---- */

/* give -- as much of what has been read as a channel takes.  Returns 0 it has all, or -1: EAGAIN, or errno. */
static int
give(struct serve *s, struct served *c)
{
	const char *data;
	ssize_t n;

	if (c->spread->left > 0) {
		if (spread_rest(c->spread, c->sink->timeout_ns == MAILBOX_ASK ? 0 : CLOCK_NEVER) == -1) {
			errno = errno == ETIMEDOUT ? EAGAIN : errno;
			return -1;
		}
		spread_close(c->spread);
	}
	while (c->at < s->total) {
		n = stretch(s, c->at, &data);
		if (n == -1 || (n = sink_give(c->sink, data, (size_t)n)) == -1)
			return -1;
		c->at += (uint64_t)n;
		c->moved_ns = clock_mono_ns();
	}
	/* what was gathered goes on, even if nothing follows for a long time */
	return sink_give(c->sink, "", 0) == -1 ? -1 : 0;
}

/*
 * in_turn -- whether a channel may begin.  Large messages begin in one order, the same in every process: so few wait
 * for each other, and have the payload kept.
 */
static bool
in_turn(const struct serve *s, const struct served *c)
{
	if (!s->large || clock_mono_ns() >= s->begun_ns + s->patience_ns)
		return true;
	for EACH(s, d)
		if (d->stage == SERVE_BEGIN && (d->dev < c->dev || (d->dev == c->dev && d->ino < c->ino)))
			return false;
	return true;
}

/* begin -- begin the message, unless it is to be offered again.  Returns 0, or -1. */
static int
begin(struct serve *s, struct served *c)
{
	if (!in_turn(s, c))
		return fail_with(EAGAIN);
	if (sink_begin(c->sink, s->head) == -1)
		return -1;
	c->stage = SERVE_BODY;
	s->begun_ns = c->moved_ns = clock_mono_ns();
	return 0;
}

/* advance -- do what is to be done in a channel, as far as that goes.  Returns 0, or -1: EAGAIN, or errno. */
static int
advance(struct serve *s, struct served *c)
{
	if (c->stage == SERVE_FLUSH) {
		if (sink_flush(c->sink) == -1)
			return -1;
		c->stage = SERVE_NOTHING;
	}
	if (c->stage == SERVE_BEGIN && begin(s, c) == -1)
		return -1;
	if (c->stage == SERVE_BODY) {
		if (give(s, c) == -1)
			return -1;
		if (s->ended)
			c->stage = SERVE_END;
	}
	if (c->stage == SERVE_END) {
		if (sink_end(c->sink) == -1)
			return -1;
		c->stage = SERVE_NOTHING;
	}
	return 0;
}

/*
 * again -- after EPIPE: a receiver failed, and we still have all of the message: offer it again.  Returns as advance.
 */
static int
again(struct serve *s, struct served *c)
{
	c->at = 0;
	c->stage = SERVE_BEGIN;
	if (sink_again(c->sink, s->head) == -1)
		return -1;
	c->stage = SERVE_BODY;
	return advance(s, c);
}

/* ---- all of them ---- */

static unsigned
pending(const struct serve *s)
{
	unsigned n = 0;

	for EACH(s, c)
		n += c->stage != SERVE_NOTHING;
	return n;
}

/* fail -- leave a channel. */
static void
fail(struct serve *s, struct served *c)
{
	c->stage = SERVE_NOTHING;
	c->waits = false;
	s->failed(s->user, (unsigned)(c - s->list));
}

/* go_round -- advance each channel; the last of all may make us wait.  Returns how many have still something to do. */
static unsigned
go_round(struct serve *s)
{
	int r;

	for EACH(s, c) {
		if (c->stage == SERVE_NOTHING)
			continue;
		c->sink->timeout_ns = pending(s) == 1 ? MAILBOX_FOREVER : MAILBOX_ASK;
		r = advance(s, c);
		while (r == -1 && errno == EPIPE && !s->large && sink_begins_again(c->sink))
			r = again(s, c);
		c->waits = r == -1 && errno == EAGAIN;
		if (r == -1 && !c->waits)
			fail(s, c);
	}
	return pending(s);
}

/* patient_until -- when a channel that waits has kept the others waiting long enough. */
static uint64_t
patient_until(const struct serve *s, const struct served *c)
{
	return (c->moved_ns > s->begun_ns ? c->moved_ns : s->begun_ns) + s->patience_ns;
}

/* look_at -- what poll(2) is to look for in a channel that waits.  Returns in how many milliseconds to look at most. */
static int
look_at(struct serve *s, struct served *c, struct pollfd p[2])
{
	bool woken = sink_asked(c->sink, p);
	int ms = LOOK_MS;

	if (s->large && (!s->ended || c->stage == SERVE_BEGIN))
		ms = clock_left_ms(patient_until(s, c), LOOK_MS);
	if (ms == 0)
		ms = LOOK_MS;
	if (c->spread->left > 0) {
		p[0] = (struct pollfd){ .fd = c->spread->writer->fd, .events = POLLOUT };
		woken = c->spread->writer->kind != WRITER_FIFO;
		if (!woken)
			p[0].fd = -1;
	}
	return woken || (c->stage == SERVE_BEGIN && !in_turn(s, c)) || ms < s->nap_ms ? ms : s->nap_ms;
}

/*
 * doze -- sleep until a channel may go on, or until there is something to read in `in`, -1 none.
 * Returns 1 there is, 0, or -1: EINTR (io_stop), or errno.
 */
static int
doze(struct serve *s, int in)
{
	unsigned n = 0;
	int ms = LOOK_MS, look_ms;

	io_catch_stop();
	for EACH(s, c) {
		if (!c->waits)
			continue;
		look_ms = look_at(s, c, &s->polled[n]);
		ms = look_ms < ms ? look_ms : ms;
		n += 2;
	}
	s->polled[n] = (struct pollfd){ .fd = in, .events = POLLIN };
	if (io_stop)
		return fail_with(EINTR);
	switch (poll(s->polled, n + 1, ms)) {
	case -1:
		return errno == EINTR && !io_stop ? 0 : -1;
	case 0:
		waiting_slept(ms);
		s->nap_ms = 2 * s->nap_ms < NAP_MS ? 2 * s->nap_ms : NAP_MS;
		return 0;
	}
	s->nap_ms = 1;
	return s->polled[n].revents != 0;
}

/* may_read -- whether the large message may go on: none makes us wait for it, or has not for too long. */
static bool
may_read(const struct serve *s)
{
	bool begun = false;

	for EACH(s, c) {
		if (c->waits && (clock_mono_ns() < patient_until(s, c) || (s->unkept && lacks(s, c))))
			return false;
		begun = begun || c->stage == SERVE_BODY;
	}
	return begun;
}

void
serve_begin(struct serve *s)
{
	while (go_round(s) > 0 && !may_read(s) && doze(s, -1) != -1);
}

int
serve_read(struct serve *s, struct message *m)
{
	const struct reader *r = m->reader;
	bool waits, come;
	ssize_t n;
	int in;

	while (go_round(s) > 0) {
		come = may_read(s);
		if (come)
			keep(s);
		come = come && !(s->unkept && any_lacks(s));
		waits = false;
		for EACH(s, c)
			waits = waits || c->waits;
		/* the input may keep us waiting as well */
		in = come && r != NULL && r->start == r->end ? r->fd : -1;
		if (!come || (waits && in != -1)) {
			n = doze(s, in);
			if (n == -1)
				return -1;
			if (n == 0)
				continue;
		}
		n = io_go_on() ? message_read(m, s->piece, sizeof s->piece) : -1;
		if (n <= 0)
			return (int)n;
		s->data = s->piece;
		s->data_at = s->total;
		s->total += (uint64_t)n;
	}
	return 0;
}

void
serve_all(struct serve *s)
{
	s->ended = true;
	while (go_round(s) > 0)
		if (doze(s, -1) == -1)
			for EACH(s, c)
				if (c->stage != SERVE_NOTHING)
					fail(s, c);
	keep(s);
}
