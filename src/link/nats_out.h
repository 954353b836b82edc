/* SPDX-License-Identifier: ISC */
/* nats_out: frames from standard input to a subject of JetStream; each is acknowledged once the stream has it. */
#ifndef LINK_NATS_OUT_H
#define LINK_NATS_OUT_H

#include "link/url.h"

/* nats_out -- returns the exit status. */
int nats_out(const struct url *u);

#endif
