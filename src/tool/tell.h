/* SPDX-License-Identifier: ISC */
/* tell: what mrecv -v says of each command and each dead letter. */
#ifndef TOOL_TELL_H
#define TOOL_TELL_H

#include "deliver/deliver.h"

/*
 * tell_end -- a line on standard error for messages of a channel: "jobs 17 (build): status 8, try 2, again in 400 ms".
 */
void tell_end(const struct deliver *d, const char *channel, enum told_end end, const struct told *t);

#endif
