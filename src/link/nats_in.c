/* SPDX-License-Identifier: ISC */
/*
 * nats_in: see nats_in.h.
 *
 * Messages are asked for a batch at a time (a pull consumer), so that no more than WINDOW of them are anywhere between
 * the stream and the mailbox.  While the mailbox is full the server is told that we are still at work on them.
 */
#include "link/nats_in.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"
#include "link/carry.h"
#include "link/child.h"
#include "link/nats_consumer.h"

enum {
	WINDOW = NATS_CONSUMER_WINDOW,  /* messages that the command has not acknowledged */
	ASK_S = 10,                     /* the server answers a request within this time, with messages or without */
	LATE_S = 2,                     /* and some more, before it is taken for lost */
	STOP_S = 5,                     /* after a signal: how long the command may finish what it has */
	CHILD_MS = 2000,                /* how long it may take to end */
	INCARNATION = 32,               /* hexadecimal digits */
};

#define NS UINT64_C(1000000000)
#define BYTES (65 << 20)                /* of the messages of a batch; more than a server's max_payload can be */

struct in {
	struct nats_link link;
	struct nats_consumer consumer;
	struct child child;
	char incarnation[INCARNATION];  /* of the stream */
	char *reply[WINDOW];            /* where the message's acknowledgement goes; NULL: it is done */
	uint64_t delivered;             /* number of the last message that went to the command */
	uint64_t acknowledged;          /* all up to this one are */
	unsigned asked, batch;          /* messages that the server owes us, of how many in this request */
	uint64_t asked_ns;              /* until when */
	uint64_t work_ns;               /* when to say that we are still at work */
	bool stopping;                  /* no more is asked for */
	bool deaf;                      /* the command reads no more: it is about to end */
	uint64_t stop_ns;               /* deadline for the command */
};

/* answer -- tell the server what became of a message. */
static void
answer(struct in *in, const char *reply, const char *text)
{
	(void)natsConnection_PublishString(in->link.connection, reply, text);
}

/* identity -- the stream's incarnation: another one when it is made anew. */
static void
identity(struct in *in)
{
	char *p = in->incarnation;

	for (uint64_t half = 1; half <= 2; half++) {
		uint64_t h = hash_fold(half, (uint64_t)in->link.created_ns);

		for (const char *s = in->link.stream; *s != '\0'; s++)
			h = hash_fold(h, (unsigned char)*s);
		p = num_hex(p, hash_fold(h, half), INCARNATION / 2);
	}
}

/* ---- messages */

/*
 * number -- a message's number: made of its sequence in the stream and the time at which it was stored, which are in
 * $JS.ACK.[DOMAIN.ACCOUNT.]STREAM.CONSUMER.TRY.SEQUENCE.SEQUENCE.TIME.PENDING[.TOKEN].  The sequence alone would not do:
 * a server that was restored from a backup, or has lost its last messages, gives it to others.
 */
static uint64_t
number(const char *reply)
{
	unsigned fields = 1;
	uint64_t sequence = 0, time_ns = 0, h;

	for (const char *p = reply; *p != '\0'; p++)
		fields += *p == '.';
	for (unsigned i = fields == 9 ? 5 : 7, n = 0; reply != NULL; n++) {
		if (n == i)
			sequence = strtoull(reply, NULL, 10);
		if (n == i + 2)
			time_ns = strtoull(reply, NULL, 10);
		reply = strchr(reply, '.');
		reply = reply == NULL ? NULL : reply + 1;
	}
	/* times that are near must be far apart before the sequence comes to them */
	h = hash_fold(hash_fold(hash_fold(hash_fold(1, time_ns), 0), sequence), 0) >> 1;
	return h != 0 ? h : 1;
}

static int
cannot_keep(void)
{
	adapter_say("cannot keep messages for the command: %s", strerror(errno));
	return ADAPTER_LATER;
}

/* keep -- where the answer to the next message goes.  Returns 0, or the exit status. */
static int
keep(struct in *in, const char *reply)
{
	char **at = &in->reply[(in->delivered + 1) % WINDOW];

	*at = strdup(reply);
	if (*at == NULL)
		return cannot_keep();
	in->delivered++;
	return 0;
}

/* give -- a message to the command.  Returns 0, or the exit status. */
static int
give(struct in *in, natsMsg *m)
{
	const char *reply = natsMsg_GetReply(m), *line = NULL;
	char out[FRAME_HEADER_MAX], once[INCARNATION + 1 + NUM_DECIMAL_MAX];
	struct carry c = {
		.id = in->delivered + 1,
		.len = (uint64_t)natsMsg_GetDataLength(m),
		.tag = { natsMsg_GetSubject(m), strlen(natsMsg_GetSubject(m)) },
		.source = { in->link.stream, strlen(in->link.stream) },
		.once = { once, INCARNATION + 1 },
	};

	memcpy(once, in->incarnation, INCARNATION);
	once[INCARNATION] = '/';
	c.once.len += num_decimal(once + c.once.len, number(reply));
	if (natsMsgHeader_Get(m, CARRY_FIELD, &line) == NATS_OK)
		c.line = (struct slice){ line, strlen(line) };
	if (backlog_put(&in->child.backlog, out, carry_head(out, &c)) == -1
	    || backlog_put(&in->child.backlog, natsMsg_GetData(m), c.len) == -1
	    || backlog_put(&in->child.backlog, "\n", 1) == -1)
		return cannot_keep();
	if (in->work_ns == 0)
		in->work_ns = clock_after(in->consumer.ack_wait_ns / 3);
	return keep(in, reply);
}

/*
 * is_over -- whether a request has come to its end as requests do, and another one may follow.  One that gets nothing
 * because the next message has more bytes than it may ask for would get nothing again.
 */
static bool
is_over(const struct in *in, unsigned status, const char *text)
{
	if (status == 408)
		return true;            /* no more has come in time */
	if (status != 409)
		return false;
	return strcmp(text, "Batch Completed") == 0 || strcmp(text, "Leadership Change") == 0
	    || (strcmp(text, "Message Size Exceeds MaxBytes") == 0 && in->asked < in->batch);
}

/* deleted -- the consumer was: it is made anew, unless the stream was deleted with it.  Returns the exit status. */
static int
deleted(struct in *in)
{
	jsStreamInfo *info = NULL;
	natsStatus s = js_GetStreamInfo(&info, in->link.js, in->link.stream, NULL, NULL);

	jsStreamInfo_Destroy(info);
	return s == NATS_NOT_FOUND ? ADAPTER_SETUP : ADAPTER_LATER;
}

/* told -- the server ends a request: there is no more now, or never.  Returns 0, or the exit status. */
static int
told(struct in *in, natsMsg *m)
{
	const unsigned status = nats_link_status(m);
	const char *text = "nobody answers";

	if (status < 400)
		return 0;
	(void)natsMsgHeader_Get(m, "Description", &text);
	if (is_over(in, status, text)) {
		in->asked = 0;
		return 0;
	}
	adapter_say("stream %s, consumer %s: %s", in->link.stream, in->consumer.durable, text);
	if (strcmp(text, "Consumer Deleted") == 0)
		return deleted(in);
	return status == 503 || strcmp(text, "Server Shutdown") == 0 ? ADAPTER_LATER : ADAPTER_SETUP;
}

/* hear_all -- all that the server has sent by now.  Returns 0, or the exit status. */
static int
hear_all(struct in *in)
{
	natsMsg *m;
	int status = 0, r = 0;

	while (status == 0 && (r = nats_link_next(&in->link, &m)) == 1) {
		const char *reply = natsMsg_GetReply(m);

		if (reply == NULL || strncmp(reply, "$JS.ACK.", 8) != 0) {
			status = told(in, m);
		} else {
			in->asked -= in->asked > 0;
			if (in->delivered - in->acknowledged < WINDOW)
				status = in->stopping ? keep(in, reply) : give(in, m);
		}
		natsMsg_Destroy(m);
	}
	return r == -1 ? nats_link_lost(&in->link) : status;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ask -- for more messages, when half of the window is free, as many as a request may be for.  Returns 0, or the exit status. */
static int
ask(struct in *in)
{
	const struct nats_consumer *c = &in->consumer;
	const unsigned held = (unsigned)(in->delivered - in->acknowledged);
	const uint64_t expires_ns = least(ASK_S * NS, c->max_expires_ns);
	char subject[2 * NATS_LINK_STREAM_MAX + 64], reply[NATS_LINK_REPLY_MAX], text[128];
	natsStatus s;

	if (in->asked > 0 && clock_left_ms(in->asked_ns, 1) == 0)
		in->asked = 0;
	if (in->stopping || in->asked > 0 || held > WINDOW / 2)
		return 0;
	in->batch = (unsigned)least(WINDOW - held, c->max_batch);
	snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", in->link.stream, c->durable);
	snprintf(reply, sizeof reply, "%snext", in->link.inbox);
	snprintf(text, sizeof text, "{\"batch\":%u,\"expires\":%llu,\"max_bytes\":%llu}", in->batch,
	    (unsigned long long)expires_ns, (unsigned long long)least(BYTES, c->max_bytes));
	s = natsConnection_PublishRequestString(in->link.connection, subject, reply, text);
	if (s != NATS_OK)
		return nats_link_failed(&in->link, "ask for messages", s, 0);
	in->asked = in->batch;
	in->asked_ns = clock_after(expires_ns + LATE_S * NS);
	return 0;
}

/* done -- acknowledge a message to the server. */
static void
done(struct in *in, uint64_t id, const char *text)
{
	char **reply = &in->reply[id % WINDOW];

	if (*reply == NULL)
		return;
	answer(in, *reply, text);
	free(*reply);
	*reply = NULL;
}

/* acknowledge -- tell the server what the command has.  Returns 0, or the exit status. */
static int
acknowledge(struct in *in)
{
	struct settled s;
	int r;

	while ((r = settled_next(&in->child.lines, &s)) == 1) {
		if (s.refused || s.id == 0 || s.id > in->delivered) {
			r = -1;
			break;
		}
		if (s.id <= in->acknowledged)
			continue;
		done(in, s.id, "+ACK");
		for (uint64_t id = in->acknowledged + 1; s.before && id < s.id; id++)
			done(in, id, "+ACK");
		while (in->acknowledged < in->delivered && in->reply[(in->acknowledged + 1) % WINDOW] == NULL)
			in->acknowledged++;
	}
	if (in->acknowledged == in->delivered)
		in->work_ns = 0;
	if (r == 0)
		return 0;
	adapter_say("the command printed what acknowledges no message that it was given");
	return ADAPTER_REFUSED;
}

/* still_at_work -- the server must not give to others what the command has not acknowledged yet. */
static void
still_at_work(struct in *in)
{
	if (in->work_ns == 0 || clock_left_ms(in->work_ns, 1) > 0)
		return;
	for (uint64_t id = in->acknowledged + 1; id <= in->delivered; id++)
		if (in->reply[id % WINDOW] != NULL)
			answer(in, in->reply[id % WINDOW], "+WPI");
	in->work_ns = clock_after(in->consumer.ack_wait_ns / 3);
}

/* ---- to the end */

/* stop -- ask for no more, and let the server know that nothing can be given to us any more. */
static void
stop(struct in *in)
{
	in->stopping = true;
	(void)natsSubscription_Unsubscribe(in->link.answers);
	in->stop_ns = clock_after(STOP_S * NS);
}

/* turn -- wait for the server and the command, then do what there is to do.  Returns 0, or the exit status. */
static int
turn(struct in *in)
{
	struct pollfd p[] = {
		{ .fd = in->link.events, .events = POLLIN },
		{ .fd = in->child.from, .events = POLLIN },
		{ .fd = backlog_waits(&in->child.backlog) ? in->child.backlog.to : -1, .events = POLLOUT },
	};
	int ms = (ASK_S + LATE_S) * 1000, status;

	if (in->work_ns != 0)
		ms = clock_left_ms(in->work_ns, ms);
	if (in->stopping)
		ms = clock_left_ms(in->stop_ns, ms);
	(void)poll(p, 3, ms);
	status = hear_all(in);
	if (status != 0 || child_turn(&in->child, p[1].revents != 0) == 0)
		return status;
	if (errno != EPIPE)
		return cannot_keep();
	/* what it has printed so far still counts, and its end says more */
	backlog_close(&in->child.backlog);
	in->deaf = true;
	stop(in);
	return 0;
}

/*
 * carry -- from the server to the command, to the end.  Returns the exit status; with *ended: the command has ended,
 * or was let go, and its status says more.
 */
static int
carry(struct in *in, bool *ended)
{
	int status = 0, wrong;

	while (status == 0) {
		status = ask(in);
		if (status == 0)
			status = turn(in);
		wrong = acknowledge(in);
		if (wrong != 0)
			return wrong;
		if (in->child.lines.ended) {
			*ended = true;
			return status;
		}
		still_at_work(in);
		if (io_stop && !in->stopping)
			stop(in);
		if (in->stopping && (io_stops > 1 || clock_left_ms(in->stop_ns, 1) == 0))
			return in->deaf ? ADAPTER_LATER : ADAPTER_OK;
		if (in->stopping && !backlog_waits(&in->child.backlog))
			backlog_close(&in->child.backlog);      /* and its acknowledgements come, and their end */
	}
	return status;
}

/* begin -- all up to the first message.  Returns 0, or the exit status. */
static int
begin(struct in *in, const struct url *u, const char *durable, char *const *command)
{
	sigset_t ours, before;
	int status;

	/* signals are for this thread: those that the library starts inherit the mask */
	sigemptyset(&ours);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &ours, &before);
	status = nats_link_open(&in->link, u);
	if (status == 0) {
		identity(in);
		status = nats_consumer_open(&in->consumer, &in->link, durable);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (status != 0)
		return status;
	if (child_start(&in->child, command) == -1) {
		adapter_say("cannot start %s: %s", command[0], strerror(errno));
		return ADAPTER_SETUP;
	}
	adapter_linked();
	return 0;
}

int
nats_in(const struct url *u, char *const *command)
{
	static struct in in;
	const char *durable = url_option(u, "durable");
	bool ended = false;
	int status, its = 0;

	in.child.pid = -1;
	if (durable == NULL)
		durable = "letterbox";
	if (durable[0] == '\0' || strlen(durable) >= NATS_LINK_STREAM_MAX || strpbrk(durable, " .*>/\\\t\r\n") != NULL) {
		adapter_say("%s: durable must be a consumer's name: no space, . * > / or \\", u->shown);
		return ADAPTER_URL;
	}
	io_catch_stop();
	status = begin(&in, u, durable, command);
	if (status == 0)
		status = carry(&in, &ended);
	if (in.child.pid > 0)
		its = child_end(&in.child, !ended, CHILD_MS);
	/* what the command has not acknowledged comes again at once, in its order: none of it to us, who are about to leave */
	if (in.link.answers != NULL && !in.stopping)
		stop(&in);
	for (uint64_t id = in.acknowledged + 1; id <= in.delivered; id++)
		done(&in, id, "-NAK");
	nats_link_close(&in.link);
	if (!ended || status != 0)
		return status;
	return its < 128 ? its : ADAPTER_LATER;
}
