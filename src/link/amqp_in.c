/* SPDX-License-Identifier: ISC */
/*
 * amqp_in: see amqp_in.h.
 *
 * Nothing here waits for the command, so that heartbeats go on while its mailbox is full: what it does not take yet
 * stands in a backlog, which is bounded by the number of messages that the broker gives away unacknowledged (prefetch).
 * The number of a frame on the way to the command is the broker's delivery tag: 1, 2, 3 and so on a connection.
 *
 * When it is asked to stop, it cancels nothing, and drops what else comes: the end of the channel gives it back, in one
 * step with all else that is not acknowledged.  After a basic.cancel the next consumer would get at once what stands
 * behind that, and a quorum queue may deliver more behind its basic.cancel-ok.
 */
#include "link/amqp_in.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"
#include "link/amqp_link.h"
#include "link/carry.h"
#include "link/child.h"

enum {
	PREFETCH = 500,                 /* messages */
	STOP_S = 5,                     /* after a signal: how long the command may finish what it has */
	CHILD_MS = 2000,                /* how long it may take to end */
};

struct in {
	struct amqp_link link;
	struct child child;
	char incarnation[CARRY_INCARNATION];
	uint64_t delivered;             /* number of the last message that came whole */
	uint64_t acknowledged;          /* all up to this one are */
	const amqp_basic_deliver_t *deliver;    /* of a message that is on its way; NULL: there is none */
	bool headed;                    /* its header line has gone to the command */
	uint64_t left;                  /* bytes of its payload that are still to come */
	bool stopping;                  /* what is not on its way yet is left to the broker */
	bool deaf;                      /* the command reads no more: it is about to end */
	uint64_t stop_ns;               /* deadline for the command */
};

static struct slice
slice_of_bytes(amqp_bytes_t b)
{
	return (struct slice){ b.bytes, b.len };
}

/* field -- the header line that a letterbox has sent beside the payload; len 0: it has none. */
static struct slice
field(const amqp_basic_properties_t *p)
{
	if (p->_flags & AMQP_BASIC_HEADERS_FLAG)
		for (int i = 0; i < p->headers.num_entries; i++) {
			const amqp_table_entry_t *e = &p->headers.entries[i];

			if (slice_is(slice_of_bytes(e->key), CARRY_FIELD)
			    && (e->value.kind == AMQP_FIELD_KIND_UTF8 || e->value.kind == AMQP_FIELD_KIND_BYTES))
				return slice_of_bytes(e->value.value.bytes);
		}
	return (struct slice){ NULL, 0 };
}

/* cannot_give -- errno says why nothing can be given to the command.  Returns the exit status. */
static int
cannot_give(void)
{
	adapter_say("cannot keep messages for the command: %s", strerror(errno));
	return ADAPTER_LATER;
}

/* whole -- the message has come, and gone to the backlog.  Returns 0, or the exit status. */
static int
whole(struct in *in)
{
	in->delivered = in->deliver->delivery_tag;
	in->deliver = NULL;
	amqp_maybe_release_buffers(in->link.state);
	return backlog_put(&in->child.backlog, "\n", 1) == 0 ? 0 : cannot_give();
}

/* head -- a message's properties: its header line goes to the command.  Returns 0, or the exit status. */
static int
head(struct in *in, const amqp_frame_t *f)
{
	const amqp_basic_properties_t *p = f->payload.properties.decoded;
	char out[FRAME_HEADER_MAX], once[CARRY_INCARNATION + 1 + NUM_DECIMAL_MAX];
	struct carry c = {
		.line = field(p),
		.id = in->deliver->delivery_tag,
		.len = f->payload.properties.body_size,
		.tag = slice_of_bytes(in->deliver->routing_key),
		.once = { once, sizeof in->incarnation + 1 },
	};

	if (p->_flags & AMQP_BASIC_APP_ID_FLAG)
		c.source = slice_of_bytes(p->app_id);
	else if (p->_flags & AMQP_BASIC_USER_ID_FLAG)
		c.source = slice_of_bytes(p->user_id);
	memcpy(once, in->incarnation, sizeof in->incarnation);
	once[sizeof in->incarnation] = '/';
	c.once.len += num_decimal(once + c.once.len, c.id);
	if (backlog_put(&in->child.backlog, out, carry_head(out, &c)) == -1)
		return cannot_give();
	in->headed = true;
	in->left = c.len;
	return c.len == 0 ? whole(in) : 0;
}

/* body -- a part of a message's payload.  Returns 0, or the exit status. */
static int
body(struct in *in, amqp_bytes_t part)
{
	if (backlog_put(&in->child.backlog, part.bytes, part.len) == -1)
		return cannot_give();
	in->left -= part.len < in->left ? part.len : in->left;
	return in->left == 0 ? whole(in) : 0;
}

/* gone -- the broker gives nothing more from the queue: why?  Returns the exit status. */
static int
gone(struct in *in)
{
	int status = amqp_link_queue(&in->link);

	if (status != 0)
		return status;
	adapter_say("the broker gives no more from queue %s", in->link.queue);
	return ADAPTER_LATER;
}

/* hear -- what the broker says.  Returns 0, or the exit status. */
static int
hear(struct in *in, const amqp_frame_t *f)
{
	if (f->frame_type == AMQP_FRAME_HEADER && in->deliver != NULL && !in->headed)
		return head(in, f);
	if (f->frame_type == AMQP_FRAME_BODY && in->deliver != NULL && in->headed)
		return body(in, f->payload.body_fragment);
	if (f->frame_type != AMQP_FRAME_METHOD)
		return 0;
	switch (f->payload.method.id) {
	case AMQP_BASIC_DELIVER_METHOD:
		if (!in->stopping)
			in->deliver = f->payload.method.decoded;
		in->headed = false;
		return 0;
	case AMQP_BASIC_CANCEL_METHOD:
		return gone(in);
	case AMQP_CHANNEL_CLOSE_METHOD:
		return amqp_link_closed(f->payload.method.decoded);
	default:
		return 0;
	}
}

/* hear_all -- all that the broker has said by now.  Returns 0, or the exit status. */
static int
hear_all(struct in *in)
{
	amqp_frame_t frame;
	int status = 0;

	while (status == 0 && amqp_link_next(&in->link, &frame, &status) == 1)
		status = hear(in, &frame);
	if (in->deliver == NULL)
		amqp_maybe_release_buffers(in->link.state);
	return status;
}

/* acknowledge -- tell the broker what the command has.  Returns 0, or the exit status. */
static int
acknowledge(struct in *in)
{
	struct settled s;
	uint64_t upto = in->acknowledged;
	int r, sent = AMQP_STATUS_OK;

	while ((r = settled_next(&in->child.lines, &s)) == 1) {
		if (s.refused || s.id == 0 || s.id > in->delivered) {
			r = -1;
			break;
		}
		if (s.before && s.id > upto)
			upto = s.id;
		else if (!s.before && s.id > upto && sent == AMQP_STATUS_OK)
			sent = amqp_basic_ack(in->link.state, AMQP_LINK_CHANNEL, s.id, 0);
	}
	if (upto > in->acknowledged && sent == AMQP_STATUS_OK)
		sent = amqp_basic_ack(in->link.state, AMQP_LINK_CHANNEL, upto, 1);
	in->acknowledged = upto;
	if (sent != AMQP_STATUS_OK)
		return amqp_link_lost(sent);
	if (r == 0)
		return 0;
	adapter_say("the command printed what acknowledges no message that it was given");
	return ADAPTER_REFUSED;
}

/* stop -- take nothing more: the command finishes what it has. */
static void
stop(struct in *in)
{
	in->stopping = true;
	in->stop_ns = clock_after((uint64_t)STOP_S * 1000000000);
}

/* deaf -- the command reads no more.  What it has printed so far still counts, and its end says more. */
static int
deaf(struct in *in)
{
	if (errno != EPIPE)
		return cannot_give();
	backlog_close(&in->child.backlog);
	in->deaf = true;
	stop(in);
	return 0;
}

/* turn -- wait for the broker and the command, then do what there is to do.  Returns 0, or the exit status. */
static int
turn(struct in *in)
{
	struct pollfd p[] = {
		{ .fd = in->link.fd, .events = POLLIN },
		{ .fd = in->child.from, .events = POLLIN },
		{ .fd = backlog_waits(&in->child.backlog) ? in->child.backlog.to : -1, .events = POLLOUT },
	};
	int ms = amqp_link_wait_ms(&in->link), status;

	if (in->stopping)
		ms = clock_left_ms(in->stop_ns, ms >= 0 ? ms : STOP_S * 1000);
	(void)poll(p, 3, ms);
	status = hear_all(in);
	if (status == 0 && child_turn(&in->child, p[1].revents != 0) == -1)
		status = deaf(in);
	return status;
}

/*
 * carry -- from the broker to the command, to the end.  Returns the exit status; with *ended: the command has ended,
 * or was let go, and its status says more.
 */
static int
carry(struct in *in, bool *ended)
{
	/* what came with the broker's last answer is in the library by now: no poll(2) tells of it */
	int status = hear_all(in), told;

	while (status == 0) {
		status = turn(in);
		told = acknowledge(in);
		if (told != 0)
			return told;
		if (in->child.lines.ended) {
			*ended = true;
			return status;
		}
		if (io_stop && !in->stopping)
			stop(in);
		if (in->stopping && (io_stops > 1 || clock_left_ms(in->stop_ns, 1) == 0))
			return in->deaf ? ADAPTER_LATER : ADAPTER_OK;
		if (in->stopping && in->deliver == NULL && !backlog_waits(&in->child.backlog))
			backlog_close(&in->child.backlog);      /* and its acknowledgements come, and their end */
	}
	return status;
}

/* consume -- have the broker give us messages, and the command started for them.  Returns 0, or the exit status. */
static int
consume(struct in *in, uint64_t prefetch, char *const *command)
{
	/* as any consumer has it; but a stream refuses it, and would give only what comes from now on */
	amqp_table_entry_t priority = { amqp_cstring_bytes("x-priority"), { .kind = AMQP_FIELD_KIND_I32, .value.i32 = 0 } };
	int status;

	if (carry_incarnation(in->incarnation) == -1 || child_start(&in->child, command) == -1) {
		adapter_say("cannot start %s: %s", command[0], strerror(errno));
		return ADAPTER_SETUP;
	}
	io_catch_stop();
	amqp_basic_qos(in->link.state, AMQP_LINK_CHANNEL, 0, (uint16_t)prefetch, 0);
	status = amqp_link_answer(&in->link);
	if (status != 0)
		return status;
	amqp_basic_consume(in->link.state, AMQP_LINK_CHANNEL, amqp_cstring_bytes(in->link.queue),
	    amqp_cstring_bytes("letterbox"), 0, 0, 0, (amqp_table_t){ 1, &priority });
	return amqp_link_answer(&in->link);
}

/* finish -- end the command.  Returns the exit status of all. */
static int
finish(struct in *in, int status, bool ended)
{
	int its = in->child.pid > 0 ? child_end(&in->child, !ended, CHILD_MS) : 0;

	if (!ended || status != 0)
		return status;
	return its < 128 ? its : ADAPTER_LATER;
}

int
amqp_in(const struct url *u, char *const *command)
{
	static struct in in;
	bool ended = false;
	uint64_t prefetch;
	int status;

	if (url_number(u, "prefetch", PREFETCH, 1, UINT16_MAX, &prefetch) == -1) {
		adapter_say("%s: prefetch must be a number of messages from 1 to %d", u->shown, UINT16_MAX);
		return ADAPTER_URL;
	}
	in.child.pid = -1;
	status = amqp_link_open(&in.link, u);
	if (status == 0)
		status = consume(&in, prefetch, command);
	if (status == 0) {
		adapter_linked();
		status = carry(&in, &ended);
	}
	/* first: what is not acknowledged is the broker's again, and nobody waits for the command's end */
	amqp_link_close(&in.link, status == 0);
	return finish(&in, status, ended);
}
