/* SPDX-License-Identifier: ISC */
/*
 * amqp_out: see amqp_out.h.
 *
 * A message's tag, while it is pending, is the broker's number for it on this channel; of one that is settled, that of
 * the one before it, so that tags never fall along the ring.  Each is published with `mandatory': a broker confirms as well what no queue
 * takes, after it has returned it.
 *
 * A message that is larger than the broker allows makes it close the channel, and it does not say which one it was, nor
 * what became of those before it.  So those that are not confirmed are published anew, one at a time, until the channel
 * is closed for one alone: that one is refused.  From then on one of such a size goes alone at once.
 */
#include "link/amqp_out.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/signals.h"
#include "link/amqp_link.h"
#include "link/carry.h"
#include "link/intake.h"
#include "link/pending.h"

enum { END_S = 10 };                    /* at the end: how long the next confirmation is waited for */

#define MAX_BYTES (UINT64_C(128) << 20) /* of one payload: as RabbitMQ has it by default */

struct out {
	struct amqp_link link;
	struct intake in;
	struct pending pending;
	unsigned sent;                  /* of them, the first have been published, or need not be */
	unsigned unconfirmed;
	uint64_t tag;                   /* of the message published last */
	uint64_t too_big;               /* bytes: of the smallest that was refused */
	bool careful;                   /* one at a time: one of them is refused */
	bool alone;                     /* the one on its way is alone */
	bool blocked;                   /* the broker takes nothing at present */
	bool full;                      /* the queue has refused one: it may have room later */
	bool last;                      /* all that is still to come stands in the pipe */
	uint64_t end_ns;                /* deadline for what is not confirmed by then; 0: more may come */
};

/* acknowledge -- print what is settled with all before it, and forget it.  Returns 0, or the exit status. */
static int
acknowledge(struct out *o)
{
	int settled = pending_settle(&o->pending);

	if (settled == -1)
		return ADAPTER_LATER;
	o->sent -= (unsigned)settled < o->sent ? (unsigned)settled : o->sent;
	if (settled > 0)
		o->end_ns = 0;
	return 0;
}

/* publish -- give a message to the broker.  Returns 0, or the exit status. */
static int
publish(struct out *o, struct entry *e)
{
	amqp_table_entry_t mbox = { amqp_cstring_bytes(CARRY_FIELD),
		{ .kind = AMQP_FIELD_KIND_UTF8, .value.bytes = { e->line_len, e->text } } };
	amqp_basic_properties_t p = {
		._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG,
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
		.headers = { 1, &mbox },
	};
	int r = amqp_basic_publish(o->link.state, AMQP_LINK_CHANNEL, amqp_empty_bytes,
	    amqp_cstring_bytes(o->link.queue), 1, 0, &p, (amqp_bytes_t){ e->len, e->text + e->line_len });

	if (r != AMQP_STATUS_OK)
		return amqp_link_lost(r);
	o->tag++;
	e->state = ENTRY_SENT;
	o->unconfirmed++;
	return 0;
}

/* advance -- publish what may go now.  Returns 0, or the exit status. */
static int
advance(struct out *o)
{
	while (!o->blocked && !o->full && o->sent < o->pending.count) {
		struct entry *e = pending_entry(&o->pending, o->sent);
		bool alone = o->careful || e->len >= o->too_big;
		int status;

		if (e->state == ENTRY_WAITS) {
			if (o->unconfirmed > 0 && (alone || o->alone))
				return 0;
			status = publish(o, e);
			if (status != 0)
				return status;
			o->alone = alone;
		}
		e->tag = o->tag;
		o->sent++;
	}
	if (o->sent == o->pending.count && o->unconfirmed == 0)
		o->careful = false;
	return 0;
}

/* answered -- what became of one message, or of all up to it. */
static void
answered(struct out *o, uint64_t tag, bool multiple, enum entry_state state)
{
	unsigned low = 0, high = o->sent;

	/* along the ring they never fall: advance */
	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (pending_entry(&o->pending, middle)->tag < tag)
			low = middle + 1;
		else
			high = middle;
	}
	for (unsigned i = multiple ? 0 : low; i <= low && i < o->sent; i++) {
		struct entry *e = pending_entry(&o->pending, i);

		if (e->state == ENTRY_SENT && e->tag <= tag) {
			e->state = state;
			o->unconfirmed--;
		}
	}
}

/* confirms -- have the broker confirm what is published on the channel.  Returns 0, or the exit status. */
static int
confirms(struct out *o)
{
	amqp_confirm_select(o->link.state, AMQP_LINK_CHANNEL);
	o->tag = 0;
	return amqp_link_answer(&o->link);
}

/*
 * again -- the channel was closed for one of the messages that are not confirmed: go on without it where it is known.
 * Returns 0, or the exit status.
 */
static int
again(struct out *o)
{
	amqp_channel_close_ok_t ok = { 0 };
	bool known = o->unconfirmed == 1;
	int r = amqp_send_method(o->link.state, AMQP_LINK_CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok), status;

	if (r != AMQP_STATUS_OK)
		return amqp_link_lost(r);
	for (unsigned i = 0; i < o->sent; i++) {
		struct entry *e = pending_entry(&o->pending, i);

		e->tag = 0;
		if (e->state != ENTRY_SENT)
			continue;
		e->state = known ? ENTRY_REFUSED : ENTRY_WAITS;
		if (known && e->len < o->too_big)
			o->too_big = e->len;
	}
	o->careful = !known;
	o->alone = false;
	o->unconfirmed = 0;
	o->sent = 0;
	status = amqp_link_channel(&o->link);
	return status != 0 ? status : confirms(o);
}

/* blocked -- the broker takes no messages, or takes them again. */
static void
blocked(struct out *o, const amqp_connection_blocked_t *m)
{
	bool before = o->blocked;

	o->blocked = m != NULL;
	o->end_ns = 0;
	if (m != NULL && !before)
		adapter_say("the broker takes no messages: %.*s", (int)m->reason.len, (const char *)m->reason.bytes);
	else if (m == NULL && before)
		adapter_linked();
}

/* returned -- no queue took a message: why?  Returns the exit status. */
static int
returned(struct out *o)
{
	int status = amqp_link_queue(&o->link);

	if (status != 0)
		return status;
	adapter_say("the broker found no queue %s, and now there is one", o->link.queue);
	return ADAPTER_LATER;
}

/* hear -- what the broker says.  Returns 0, or the exit status. */
static int
hear(struct out *o, const amqp_frame_t *f)
{
	const amqp_channel_close_t *m;
	const amqp_basic_ack_t *ack;
	const amqp_basic_nack_t *nack;

	if (f->frame_type != AMQP_FRAME_METHOD)
		return 0;
	switch (f->payload.method.id) {
	case AMQP_BASIC_ACK_METHOD:
		ack = f->payload.method.decoded;
		answered(o, ack->delivery_tag, ack->multiple != 0, ENTRY_STORED);
		return 0;
	case AMQP_BASIC_NACK_METHOD:
		nack = f->payload.method.decoded;
		answered(o, nack->delivery_tag, nack->multiple != 0, ENTRY_WAITS);
		o->full = true;
		return 0;
	case AMQP_BASIC_RETURN_METHOD:
		return returned(o);
	case AMQP_CONNECTION_BLOCKED_METHOD:
		blocked(o, f->payload.method.decoded);
		return 0;
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		blocked(o, NULL);
		return 0;
	case AMQP_CHANNEL_CLOSE_METHOD:
		m = f->payload.method.decoded;
		if (m->reply_code != AMQP_PRECONDITION_FAILED || o->unconfirmed == 0)
			return amqp_link_closed(m);
		if (o->unconfirmed == 1)
			(void)amqp_link_closed(m);
		return again(o);
	default:
		return 0;
	}
}

/* hear_all -- all that the broker has said by now.  Returns 0, or the exit status. */
static int
hear_all(struct out *o)
{
	amqp_frame_t frame;
	int status = 0;

	while (status == 0 && amqp_link_next(&o->link, &frame, &status) == 1)
		status = hear(o, &frame);
	amqp_maybe_release_buffers(o->link.state);
	return status;
}

/* takes -- whether further messages are wanted. */
static bool
takes(const struct out *o)
{
	return !o->in.ended && !o->blocked && !o->full && !pending_full(&o->pending);
}

/* rest -- until there is something to do.  Returns 0, or the exit status. */
static int
rest(struct out *o, bool more)
{
	/* where nothing is taken its hang-up is heard all the same */
	struct pollfd p[] = {
		{ .fd = o->link.fd, .events = POLLIN },
		{ .fd = more || (!takes(o) && o->last) ? -1 : STDIN_FILENO, .events = takes(o) ? POLLIN : 0 },
		{ .fd = STDOUT_FILENO },        /* gone: POLLERR */
	};
	int ms = amqp_link_wait_ms(&o->link);

	o->last |= o->in.ended || o->full;
	if (o->last) {
		if (o->end_ns == 0)
			o->end_ns = clock_after((uint64_t)END_S * 1000000000);
		ms = clock_left_ms(o->end_ns, ms >= 0 ? ms : END_S * 1000);
		if (ms == 0) {
			adapter_say("%u messages are not confirmed, none of them in %d seconds", o->pending.count, END_S);
			return ADAPTER_LATER;
		}
	}
	(void)poll(p, 3, more && takes(o) ? 0 : ms);
	o->last |= (p[1].revents & POLLHUP) != 0;
	if ((p[2].revents & (POLLERR | POLLHUP)) == 0)
		return 0;
	adapter_say("standard output: nobody reads it");
	return ADAPTER_LATER;
}

/* carry -- from standard input to the broker, to the end.  Returns the exit status. */
static int
carry(struct out *o)
{
	bool more = false;
	int status = 0;

	while (status == 0) {
		status = takes(o) ? pending_take(&o->pending, &o->in, &more) : 0;
		if (status == 0)
			status = advance(o);
		if (status == 0)
			status = hear_all(o);
		if (status == 0)
			status = advance(o);
		if (acknowledge(o) != 0)
			return ADAPTER_LATER;
		if (status == 0 && o->in.ended && o->pending.count == 0)
			return 0;
		/* it may refuse one before it confirms those that it has */
		if (status == 0 && o->full && o->unconfirmed == 0) {
			adapter_say("queue %s takes no more", o->link.queue);
			return ADAPTER_LATER;
		}
		if (status == 0)
			status = rest(o, more);
	}
	return status;
}

int
amqp_out(const struct url *u)
{
	static struct out o;
	uint64_t max;
	int status;

	if (url_number(u, "max", MAX_BYTES, 1, UINT32_MAX, &max) == -1) {
		adapter_say("%s: max must be a number of bytes", u->shown);
		return ADAPTER_URL;
	}
	signals_ignore(SIGINT);         /* the end of standard input is the end: whoever writes it gets the signal too */
	o.too_big = UINT64_MAX;
	intake_init(&o.in, STDIN_FILENO, max);
	pending_init(&o.pending, STDOUT_FILENO);
	status = amqp_link_open(&o.link, u);
	if (status == 0)
		status = confirms(&o);
	if (status == 0) {
		adapter_linked();
		status = carry(&o);
	}
	amqp_link_close(&o.link, status == 0);
	return status;
}
