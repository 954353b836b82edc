/* SPDX-License-Identifier: ISC */
/* consume: the work of mrecv -A behind its command line.  Failures are reported on standard error. */
#ifndef TOOL_CONSUME_H
#define TOOL_CONSUME_H

#include "tool/receive.h"

/* consume_check -- refuse options that do not go with -A, or need it, and set what it implies. */
void consume_check(struct receive *r);

/* consume_all -- after receive_open: receive, and have it acknowledged.  Returns the exit status, as receive_all. */
int consume_all(struct receive *r);

#endif
