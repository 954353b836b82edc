/* SPDX-License-Identifier: ISC */
/*
 * nats_out: see nats_out.h.
 *
 * A message is stored when the stream says so, by its name.  Programs that have subscribed to the subject get it, too,
 * and what they reply is ignored.
 *
 * Each message has its `once' as Nats-Msg-Id: the server stores it once, within the stream's duplicate_window.  It also
 * says which one must be the last in the stream (Nats-Expected-Last-Msg-Id): so none is stored when the one before it got
 * lost, as may happen while a cluster chooses a new leader, and all goes again in its order.  Others who publish to the
 * same stream come between: after some such breaks the link goes on without it.
 */
#include "link/nats_out.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/signals.h"
#include "link/carry.h"
#include "link/intake.h"
#include "link/nats_answer.h"
#include "link/nats_link.h"
#include "link/pending.h"

enum {
	ANSWER_S = 10,                  /* the server has this long to store the first of those that are on their way */
	BREAKS = 5,                     /* of the chain, by others who publish as well */
	ONCE_MAX = 64,                  /* bytes of a message's once, with a NUL; a longer one is none */
	LARGER = 512,                   /* a payload so much larger than a refused one is refused as well, whatever its headers */
};

struct out {
	struct nats_link link;
	const struct url *url;
	struct intake in;
	struct pending pending;
	unsigned sent;                  /* of the pending ones, the first are on their way, or settled */
	uint64_t turn;                  /* answers to what was sent in an earlier one say only what was stored */
	char before[ONCE_MAX];          /* the once of the message sent last in this turn, that is to be stored; "" none */
	uint64_t before_number;         /* and its number */
	size_t too_large;               /* bytes of a payload that the stream is expected to refuse */
	unsigned breaks;                /* messages of others that came between ours */
	uint64_t missed, missed_in;     /* the message behind which one was not stored, and the turn in which it was sent */
	uint64_t deadline_ns;           /* for the first of the pending ones; 0: there is none */
};

/* once_of -- the once of a message; "" where it has none. */
static void
once_of(char out[ONCE_MAX], const struct entry *e)
{
	struct frame f;
	struct slice once = { NULL, 0 };
	char line[FRAME_HEADER_MAX];

	memcpy(line, e->text, e->line_len);
	line[e->line_len] = '\n';
	if (frame_parse(&f, line, e->line_len + 1, NULL) == 0)
		(void)frame_header(f.extra, "once", &once);
	if (once.len >= ONCE_MAX)
		once.len = 0;
	if (once.len > 0)
		memcpy(out, once.p, once.len);
	out[once.len] = '\0';
}

/* headers -- give a message its headers. */
static natsStatus
headers(struct out *o, natsMsg *m, const struct entry *e, const char *once)
{
	char line[FRAME_HEADER_MAX];
	natsStatus s;

	memcpy(line, e->text, e->line_len);
	line[e->line_len] = '\0';
	s = natsMsgHeader_Set(m, CARRY_FIELD, line);
	if (s == NATS_OK && once[0] != '\0')
		s = natsMsgHeader_Set(m, "Nats-Msg-Id", once);
	if (s == NATS_OK && o->before[0] != '\0' && o->breaks < BREAKS)
		s = natsMsgHeader_Set(m, "Nats-Expected-Last-Msg-Id", o->before);
	return s;
}

/* publish -- give the i-th pending message to the server.  Returns 0, or the exit status. */
static int
publish(struct out *o, unsigned i)
{
	struct entry *e = pending_entry(&o->pending, i);
	char once[ONCE_MAX], reply[NATS_LINK_REPLY_MAX];
	uint64_t n = o->pending.first + i;
	natsMsg *m = NULL;
	natsStatus s;

	once_of(once, e);
	snprintf(reply, sizeof reply, "%s%llu.%llu", o->link.inbox, (unsigned long long)o->turn,
	    (unsigned long long)n);
	s = natsMsg_Create(&m, o->link.subject, reply, e->text + e->line_len, (int)e->len);
	if (s == NATS_OK)
		s = headers(o, m, e, once);
	if (s == NATS_OK)
		s = natsConnection_PublishMsg(o->link.connection, m);
	natsMsg_Destroy(m);
	if (s == NATS_MAX_PAYLOAD) {
		adapter_say("message %llu: larger than the server's max_payload, with its headers", (unsigned long long)e->id);
		e->state = ENTRY_REFUSED;
		return 0;
	}
	if (s != NATS_OK)
		return nats_link_failed(&o->link, "publish", s, 0);
	e->state = ENTRY_SENT;
	e->tag = o->before[0] != '\0' ? o->before_number + 1 : 0;
	if (e->len < o->too_large) {
		memcpy(o->before, once, sizeof once);
		o->before_number = n;
	}
	return 0;
}

/* advance -- send what waits.  Returns 0, or the exit status. */
static int
advance(struct out *o)
{
	int status = 0;

	for (; status == 0 && o->sent < o->pending.count; o->sent++)
		if (pending_entry(&o->pending, o->sent)->state == ENTRY_WAITS)
			status = publish(o, o->sent);
	return status;
}

/*
 * again -- the n-th pending message was not stored because the one before it is not the last of the stream: send all
 * anew.  Where that one is there somebody else has published in between, which its answer may only tell later; else it
 * got lost, or was refused.
 */
static void
again(struct out *o, unsigned n)
{
	const uint64_t tag = pending_entry(&o->pending, n)->tag, number = tag - 1;

	if (tag != 0 && (number < o->pending.first
	    || pending_entry(&o->pending, (unsigned)(number - o->pending.first))->state == ENTRY_STORED))
		o->breaks++;
	o->missed = tag != 0 ? number : UINT64_MAX;
	o->missed_in = o->turn;
	for (unsigned i = 0; i < o->sent; i++)
		if (pending_entry(&o->pending, i)->state == ENTRY_SENT)
			pending_entry(&o->pending, i)->state = ENTRY_WAITS;
	o->sent = 0;
	o->turn++;
	o->before[0] = '\0';
}

/* too_large -- the stream refuses the n-th pending message: the one sent behind it will find another one last. */
static void
too_large(struct out *o, unsigned n, const char *text)
{
	struct entry *e = pending_entry(&o->pending, n);
	const uint64_t number = o->pending.first + n;

	adapter_say("message %llu: %s", (unsigned long long)e->id, text);
	e->state = ENTRY_REFUSED;
	if (e->len + LARGER < o->too_large)
		o->too_large = e->len + LARGER;
	if (o->before_number == number)
		o->before[0] = '\0';
	for (unsigned i = n + 1; i < o->sent; i++)
		if (pending_entry(&o->pending, i)->tag == number + 1)
			pending_entry(&o->pending, i)->tag = 0;
}

/* silent -- the stream does not answer: it may be gone.  Returns the exit status. */
static int
silent(struct out *o, const char *how)
{
	char before[NATS_LINK_STREAM_MAX];
	int status;

	memcpy(before, o->link.stream, sizeof before);
	o->link.stream[0] = '\0';
	status = nats_link_stream(&o->link, o->url);
	if (status != 0)
		return status;
	if (strcmp(before, o->link.stream) == 0)
		adapter_say("stream %s: %s", before, how);
	else
		adapter_say("stream %s has no subject %s any more, stream %s has it", before, o->link.subject, o->link.stream);
	return ADAPTER_LATER;
}

/* refused -- the server did not store the n-th pending message, in this turn.  Returns 0, or the exit status. */
static int
refused(struct out *o, unsigned n, const struct nats_answer *a)
{
	switch (a->code) {
	case JSStreamWrongLastMsgIDErr:
		again(o, n);
		return 0;
	case JSStreamMessageExceedsMaximumErr:
		too_large(o, n, a->text);
		return 0;
	case JSStreamSealedErr:
		adapter_say("stream %s: %s", o->link.stream, a->text);
		return ADAPTER_SETUP;
	default:
		adapter_say("stream %s: %s", o->link.stream, a->text);
		return ADAPTER_LATER;
	}
}

/* hear -- the answer to a message.  Returns 0, or the exit status. */
static int
hear(struct out *o, natsMsg *m)
{
	char *rest;
	const uint64_t turn = strtoull(nats_link_suffix(&o->link, m), &rest, 10);
	const uint64_t number = *rest == '.' ? strtoull(rest + 1, NULL, 10) : 0;
	const unsigned n = (unsigned)(number - o->pending.first);
	struct nats_answer a;
	struct entry *e;
	bool waits;

	nats_answer(&a, (struct slice){ natsMsg_GetData(m), (size_t)natsMsg_GetDataLength(m) }, o->link.stream);
	o->breaks += a.says == NATS_SAYS_STORED && number == o->missed && turn == o->missed_in && turn != o->turn;
	if (number < o->pending.first || number - o->pending.first >= o->pending.count)
		return 0;
	e = pending_entry(&o->pending, n);
	waits = turn == o->turn && e->state == ENTRY_SENT;
	if (a.says == NATS_SAYS_STORED && e->state != ENTRY_REFUSED) {
		e->state = ENTRY_STORED;
		if (e->len >= o->too_large)
			o->too_large = SIZE_MAX;        /* it is allowed more by now */
	}
	if (waits && nats_link_status(m) == 503)
		return silent(o, "nobody answers");
	return waits && a.says == NATS_SAYS_REFUSED ? refused(o, n, &a) : 0;
}

/* listen_to -- all that the server has said; then acknowledge.  Returns 0, or the exit status. */
static int
listen_to(struct out *o)
{
	natsMsg *m;
	int status = 0, r = 0, settled;

	while (status == 0 && (r = nats_link_next(&o->link, &m)) == 1) {
		status = hear(o, m);
		natsMsg_Destroy(m);
	}
	settled = pending_settle(&o->pending);
	if (settled == -1)
		return ADAPTER_LATER;
	if (settled > 0)
		o->sent -= (unsigned)settled < o->sent ? (unsigned)settled : o->sent;
	if (settled > 0 || o->pending.count == 0)
		o->deadline_ns = 0;
	return r == -1 ? nats_link_lost(&o->link) : status;
}

/* wait_for -- until there is something to do.  Returns 0, or the exit status. */
static int
wait_for(struct out *o, bool more)
{
	struct pollfd p[] = {
		{ .fd = o->link.events, .events = POLLIN },
		{ .fd = !more && !o->in.ended && !pending_full(&o->pending) ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = STDOUT_FILENO },        /* gone: POLLERR */
	};
	char how[64];
	int ms;

	if (o->pending.count > 0 && o->deadline_ns == 0)
		o->deadline_ns = clock_after(ANSWER_S * UINT64_C(1000000000));
	ms = o->pending.count > 0 ? clock_left_ms(o->deadline_ns, ANSWER_S * 1000) : -1;

	if (ms == 0) {
		snprintf(how, sizeof how, "no answer in %d seconds", ANSWER_S);
		return silent(o, how);
	}
	(void)poll(p, 3, more && !pending_full(&o->pending) ? 0 : ms);
	if ((p[2].revents & (POLLERR | POLLHUP)) == 0)
		return 0;
	adapter_say("standard output: nobody reads it");
	return ADAPTER_LATER;
}

/* carry -- from standard input to the server, to the end.  Returns the exit status. */
static int
carry(struct out *o)
{
	bool more = false;
	int status;

	for (;;) {
		status = pending_take(&o->pending, &o->in, &more);
		if (status == 0)
			status = advance(o);
		if (status == 0)
			status = listen_to(o);
		if (status != 0 || (o->in.ended && o->pending.count == 0))
			return status;
		if (o->sent == o->pending.count && (status = wait_for(o, more)) != 0)
			return status;
	}
}

int
nats_out(const struct url *u)
{
	static struct out o;
	int status;

	signals_ignore(SIGINT);         /* the end of standard input is the end: whoever writes it gets the signal too */
	o.url = u;
	o.too_large = SIZE_MAX;
	pending_init(&o.pending, STDOUT_FILENO);
	status = nats_link_open(&o.link, u);
	if (status == 0 && o.link.keeps_none != NULL) {
		adapter_say("stream %s %s", o.link.stream, o.link.keeps_none);
		status = ADAPTER_SETUP;
	}
	if (status == 0) {
		intake_init(&o.in, STDIN_FILENO, (uint64_t)natsConnection_GetMaxPayload(o.link.connection));
		adapter_linked();
		status = carry(&o);
	}
	nats_link_close(&o.link);
	return status;
}
