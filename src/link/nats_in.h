/* SPDX-License-Identifier: ISC */
/* nats_in: messages of a stream of JetStream as frames to a command; each is acknowledged once the command has done so. */
#ifndef LINK_NATS_IN_H
#define LINK_NATS_IN_H

#include "link/url.h"

/* nats_in -- returns the exit status. */
int nats_in(const struct url *u, char *const *command);

#endif
