/* SPDX-License-Identifier: ISC */
/*
 * nats_consumer: the consumer of a stream by which messages come: found or made, and what a link that was killed has
 * left there comes first.
 */
#ifndef LINK_NATS_CONSUMER_H
#define LINK_NATS_CONSUMER_H

#include "link/nats_link.h"

enum { NATS_CONSUMER_WINDOW = 512 };    /* messages that a link has and has not acknowledged, at most */

struct nats_consumer {
	struct nats_link *link;
	const char *durable;            /* its name */
	natsSubscription *presence;     /* to the questions of other links at it */
	uint64_t ack_wait_ns;
	uint64_t max_batch, max_expires_ns, max_bytes;  /* what a request may ask for, and how long; UINT64_MAX: all */
};

/*
 * nats_consumer_open -- find the consumer durable of the link's stream, or make it.
 * Returns 0, or the exit status: said.
 */
int nats_consumer_open(struct nats_consumer *c, struct nats_link *l, const char *durable);

#endif
