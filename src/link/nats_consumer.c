/* SPDX-License-Identifier: ISC */
/*
 * nats_consumer: see nats_consumer.h.
 *
 * What a link that was killed has not acknowledged would come again only when the consumer's ack_wait is over, behind
 * newer messages.  So a link that starts, and is the only one at its consumer, has all that is unacknowledged come first.
 */
#include "link/nats_consumer.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/io.h"

enum {
	ACK_WAIT_S = 30,                /* of a consumer that we make */
	FLUSH_MS = 10000,
	RECOVER_MS = 300,               /* how long it takes the server to see what is to come again: 10 ms and its load */
	RECOVER_MORE = 4,               /* so many times what it takes to ask for it */
	RECOVER_MAX = 65536,            /* messages that are looked at for it */
	ALONE_MS = 250, ALONE_TRIES = 8,
	EXPIRES_MIN_MS = 100,           /* of a request: an idle link asks so often */
};

#define MS INT64_C(1000000)
#define NS (1000 * MS)

static void
here(natsConnection *nc, natsSubscription *sub, natsMsg *m, void *closure)
{
	(void)sub;
	(void)closure;
	if (natsMsg_GetReply(m) != NULL)
		(void)natsConnection_PublishString(nc, natsMsg_GetReply(m), "here");
	natsMsg_Destroy(m);
}

/* alone -- whether no other link is at this consumer; from now on those that ask hear of us. */
static bool
alone(struct nats_consumer *c)
{
	char subject[2 * NATS_LINK_STREAM_MAX + 32];
	natsMsg *heard = NULL;
	natsStatus s = NATS_TIMEOUT;

	snprintf(subject, sizeof subject, NATS_LINK_PRESENCE "%s.%s", c->link->stream, c->durable);
	/* the server may not have seen yet that a link has just been killed */
	for (int i = 0; i < ALONE_TRIES && s == NATS_TIMEOUT; i++)
		s = natsConnection_RequestString(&heard, c->link->connection, subject, "", ALONE_MS);
	natsMsg_Destroy(heard);
	return natsConnection_Subscribe(&c->presence, c->link->connection, subject, here, NULL) == NATS_OK
	    && s == NATS_NO_RESPONDERS;
}

/*
 * recover -- have all that was given out and not acknowledged come again, first, in its order.
 * Each is put back with a delay: so the server takes it off its list of those to come again, where the order may be
 * another one, and puts it there anew.  What is not given out the server ignores; what it says it has delivered may lag behind.
 */
static void
recover(const struct nats_consumer *c, const jsConsumerInfo *info)
{
	uint64_t first = info->AckFloor.Stream + 1, last = info->Delivered.Stream + NATS_CONSUMER_WINDOW;
	char subject[2 * NATS_LINK_STREAM_MAX + 128];
	const uint64_t began_ns = clock_mono_ns();
	int nap;

	if (info->NumAckPending == 0)
		return;
	if (last - first >= RECOVER_MAX)
		last = first + RECOVER_MAX;
	for (uint64_t n = first; n <= last; n++) {
		snprintf(subject, sizeof subject, "$JS.ACK.%s.%s.1.%llu.%llu.0.0", c->link->stream, c->durable,
		    (unsigned long long)n, (unsigned long long)info->Delivered.Consumer);
		(void)natsConnection_PublishString(c->link->connection, subject, "-NAK 1ms");
	}
	(void)natsConnection_FlushTimeout(c->link->connection, FLUSH_MS);
	/* a server that answers late is late with the rest, too */
	nap = RECOVER_MS + RECOVER_MORE * (int)((clock_mono_ns() - began_ns) / 1000000);
	(void)io_nap(CLOCK_NEVER, &nap, nap);
}

/* wrong -- what makes a consumer that was there none for us; NULL: nothing. */
static const char *
wrong(const struct nats_consumer *c, const jsConsumerConfig *config)
{
	const char *filter = config->FilterSubject;

	if (config->DeliverSubject != NULL && config->DeliverSubject[0] != '\0')
		return "is no pull consumer";
	if (config->AckPolicy != js_AckExplicit)
		return "has no explicit acknowledgements";
	if (filter != NULL && filter[0] != '\0' && strcmp(filter, c->link->subject) != 0)
		return "is for another subject";
	if (config->MaxDeliver > 0)
		return "gives a message up after some deliveries: its max_deliver must be -1";
	if (config->HeadersOnly)
		return "leaves the messages' content out (headers_only)";
	if (config->MaxRequestExpires > 0 && config->MaxRequestExpires < EXPIRES_MIN_MS * MS)
		return "lets no request wait: its max_expires must be a tenth of a second or more";
	return NULL;
}

/* fits -- whether a consumer is one for us; note what it is like.  Returns 0, or the exit status. */
static int
fits(struct nats_consumer *c, const jsConsumerConfig *config)
{
	const char *what = wrong(c, config);

	if (what != NULL) {
		adapter_say("stream %s: consumer %s %s", c->link->stream, c->durable, what);
		return ADAPTER_SETUP;
	}
	c->ack_wait_ns = (uint64_t)config->AckWait;
	c->max_batch = config->MaxRequestBatch > 0 ? (uint64_t)config->MaxRequestBatch : UINT64_MAX;
	c->max_expires_ns = config->MaxRequestExpires > 0 ? (uint64_t)config->MaxRequestExpires : UINT64_MAX;
	c->max_bytes = config->MaxRequestMaxBytes > 0 ? (uint64_t)config->MaxRequestMaxBytes : UINT64_MAX;
	return 0;
}

int
nats_consumer_open(struct nats_consumer *c, struct nats_link *l, const char *durable)
{
	jsConsumerInfo *info = NULL;
	jsErrCode code = 0;
	natsStatus s;
	int status;
	bool only;

	*c = (struct nats_consumer){ .link = l, .durable = durable };
	only = alone(c);                        /* first: what the server gives to a dead link it gives before this */
	s = js_GetConsumerInfo(&info, l->js, l->stream, durable, NULL, &code);
	if (s == NATS_NOT_FOUND) {
		jsConsumerConfig config;

		(void)jsConsumerConfig_Init(&config);
		config.Durable = durable;
		config.FilterSubject = l->subject;
		config.AckPolicy = js_AckExplicit;
		config.AckWait = ACK_WAIT_S * NS;
		s = js_AddConsumer(&info, l->js, l->stream, &config, NULL, &code);
	}
	if (s != NATS_OK)
		return nats_link_failed(l, "consumer", s, code);
	status = fits(c, info->Config);
	if (status == 0 && only)
		recover(c, info);
	jsConsumerInfo_Destroy(info);
	return status;
}
