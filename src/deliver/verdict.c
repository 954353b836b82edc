/* SPDX-License-Identifier: ISC */
/* verdict: see verdict.h.  A crash between two messages leaves the other claimed by a dead process. */
#include "deliver/verdict.h"

#include <errno.h>

#include "base/clock.h"
#include "base/io.h"

/* bury -- message i of the window becomes a dead letter.  Returns as deliver_bury. */
static int
bury(struct consumer *c, uint32_t i, int status)
{
	struct select *s = c->deliver->sources;
	struct run hand = s->run;
	int r;

	if (run_make(&c->spare) == -1 || inflight_recall(&c->window.inflight, consumer_mailbox(c), i, &c->spare) == -1)
		return deliver_failed(c->deliver, "receive from", consumer_from(c));
	s->run = c->spare;
	r = deliver_bury(c->deliver, status);
	s->run = hand;
	return r;
}

/* back_off -- put message i of the window back for a while.  Returns 0, or -1. */
static int
back_off(struct consumer *c, uint32_t i, int status)
{
	struct deliver *d = c->deliver;
	struct inflight *h = &c->window.inflight;
	struct inflight_look look = inflight_look(h, i);
	struct told t = { .id = look.id, .n = 1, .refused = status == DELIVER_REFUSED, .status = status,
		.tries = look.tries + 1 };

	t.again_us = clock_backoff(d->backoff_us, d->backoff_most_us, t.tries);
	h->which = NULL;
	if (inflight_settle(h, consumer_mailbox(c), i, 1, RECEIVER_FAILED, t.again_us) == -1)
		return deliver_failed(d, "put back to", consumer_from(c));
	if (d->tell != NULL)
		d->tell(d, consumer_from(c), TOLD_AGAIN, &t);
	return 0;
}

void
verdict_refuse(struct consumer *c, uint32_t i, int status)
{
	const struct deliver *d = c->deliver;
	unsigned tries = inflight_look(&c->window.inflight, i).tries + 1;
	int r = d->max_tries > 0 && tries >= d->max_tries ? bury(c, i, status) : back_off(c, i, status);

	window_gone(&c->window, i);
	if (r == -1)
		consumer_fail(c, d->failed_at, d->failed_on);
}

/* acknowledge -- do as the consumer says.  Returns 0, or -1: it cannot be so. */
static int
acknowledge(struct consumer *c, const struct ack *ack)
{
	struct window *w = &c->window;
	uint32_t i;

	switch (window_find(w, ack->id, c->framer.written, &i)) {
	case WINDOW_NEVER:
		c->never = true;
		return -1;
	case WINDOW_PAST:
		if (!c->late)
			c->tell_late(consumer_from(c), ack->id);
		c->late = true;
		return 0;
	case WINDOW_OPEN:
		break;
	}
	if (ack->kind == ACK_ONE)
		window_mark(w, i);
	else if (ack->kind == ACK_ALL)
		window_mark_to(w, i);
	else
		verdict_refuse(c, i, DELIVER_REFUSED);
	return 0;
}

/* take_lines -- see to all that it has acknowledged; that is settled together. */
static void
take_lines(struct consumer *c)
{
	struct ack ack;
	int r;

	while ((r = ack_next(&c->lines, &ack)) == 1)
		if (acknowledge(c, &ack) == -1) {
			r = -1;
			break;
		}
	if (window_settle(&c->window, consumer_mailbox(c), RECEIVER_DONE) == -1)
		consumer_lose(c, "receive from");
	if (r == -1)
		consumer_give_up(c, CONSUMER_WRONG);
}

bool
verdict_read(struct consumer *c)
{
	ssize_t n = ack_read(&c->lines, c->ack_fd);

	if (n > 0) {
		c->sign_ns = clock_mono_ns();
		take_lines(c);
		return c->ack_fd != -1;
	}
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return false;
	consumer_end_acks(c);
	consumer_stop(c, CONSUMER_ENDED);
	return false;
}
