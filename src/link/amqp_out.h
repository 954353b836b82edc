/* SPDX-License-Identifier: ISC */
/*
 * amqp_out: messages to a queue.  A message is acknowledged once the broker has confirmed it, in the order in which
 * they came.
 */
#ifndef LINK_AMQP_OUT_H
#define LINK_AMQP_OUT_H

#include "link/url.h"

/* amqp_out -- carry frames from standard input to the queue of the URL, until that ends.  Returns the exit status. */
int amqp_out(const struct url *u);

#endif
