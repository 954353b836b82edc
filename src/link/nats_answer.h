/* SPDX-License-Identifier: ISC */
/*
 * nats_answer: what a reply to a message that was published says of it.
 *
 * Whatever has subscribed to the subject gets the message too, and may reply to it.  Only the stream knows whether the
 * message is stored, and it gives its name.
 */
#ifndef LINK_NATS_ANSWER_H
#define LINK_NATS_ANSWER_H

#include "base/bytes.h"

enum nats_says {
	NATS_SAYS_NOTHING,              /* it is none of the stream's */
	NATS_SAYS_STORED,               /* now, or before */
	NATS_SAYS_REFUSED,
};

struct nats_answer {
	enum nats_says says;
	unsigned code;                  /* refused: JetStream's err_code; 0 it has none */
	char text[256];                 /* refused: the server's words */
};

/* nats_answer -- read the payload of a reply, for a message to this stream. */
void nats_answer(struct nats_answer *a, struct slice payload, const char *stream);

#endif
