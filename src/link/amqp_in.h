/* SPDX-License-Identifier: ISC */
/* amqp_in: messages from a queue.  One is acknowledged at the broker once the command has acknowledged it. */
#ifndef LINK_AMQP_IN_H
#define LINK_AMQP_IN_H

#include "link/url.h"

/* amqp_in -- carry what comes to the queue of the URL to the command, until that ends.  Returns the exit status. */
int amqp_in(const struct url *u, char *const *command);

#endif
