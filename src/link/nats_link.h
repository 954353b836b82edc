/* SPDX-License-Identifier: ISC */
/*
 * nats_link: a connection to one of several NATS servers, and the stream of JetStream that has our subject.
 *
 * The library has threads of its own.  All that they do here is to put what has come into a pipe: a loop around poll(2)
 * takes it from there.  It says what goes wrong (adapter_say): functions return 0, or the exit status after they have
 * said it.
 */
#ifndef LINK_NATS_LINK_H
#define LINK_NATS_LINK_H

#include <nats/nats.h>
#include <stdatomic.h>

#include "link/adapter.h"

enum {
	NATS_LINK_STREAM_MAX = 256,             /* bytes of a stream's name, and of an inbox, with a NUL */
	NATS_LINK_REPLY_MAX = NATS_LINK_STREAM_MAX + 64,
};

#define NATS_LINK_PRESENCE "letterbox.link."    /* and a stream and a consumer: where links hear of each other */

struct nats_link {
	natsConnection *connection;
	jsCtx *js;
	natsSubscription *answers;              /* to all below inbox */
	char inbox[NATS_LINK_STREAM_MAX];
	int events, into;                       /* the pipe */
	const char *subject;
	char stream[NATS_LINK_STREAM_MAX];
	int64_t created_ns;                     /* when the stream was made */
	const char *keeps_none;                 /* why the stream keeps no message, or does not tell; NULL: it does */
	atomic_bool denied;                     /* the server does not permit something that we need: */
	char denial[256];                       /* its words */
};

/*
 * nats_link_open -- connect to the first of the hosts that lets us, one after the other, log in with what the netrc
 * file has for it, and find the stream that has the URL's subject.
 */
int nats_link_open(struct nats_link *l, const struct url *u);

/* nats_link_stream -- find the stream.  ADAPTER_SETUP where there is none. */
int nats_link_stream(struct nats_link *l, const struct url *u);

/*
 * nats_link_next -- what has come for inbox.SUFFIX, once l->events is readable.
 * Returns 1 with *m, for natsMsg_Destroy; 0 there is none; or -1: the connection is lost, or of no use: nats_link_lost.
 */
int nats_link_next(struct nats_link *l, natsMsg **m);

/* nats_link_suffix -- what follows the inbox in the subject of what has come. */
const char *nats_link_suffix(const struct nats_link *l, natsMsg *m);

/* nats_link_status -- the code of a message without a payload that the server itself has sent, as 503: nobody answers.  0: none. */
unsigned nats_link_status(natsMsg *m);

/*
 * nats_link_lost -- say that the connection is lost, or what the server does not permit.  nats_link_failed -- say that
 * doing something has failed.  They return the exit status.
 */
int nats_link_lost(const struct nats_link *l);
int nats_link_failed(const struct nats_link *l, const char *doing, natsStatus s, jsErrCode code);

/* nats_link_close -- close the connection; what was sent goes out first. */
void nats_link_close(struct nats_link *l);

#endif
