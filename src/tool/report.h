/* SPDX-License-Identifier: ISC */
/* report: what msend prints of what was sent, numbers (-v) or acknowledgements (-A), and of what was not. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "channel/input.h"

/* report_ids -- print the numbers from first to last, one a line.  Returns 0, or -1. */
int report_ids(uint64_t first, uint64_t last);

/* report_acks -- have the sender, not yet open, acknowledge on standard output what is in the mailbox (-A). */
void report_acks(struct sender *s, bool wanted);

/* report_failure -- report that in could not be sent.  now: it was not to wait.  Returns the exit status. */
int report_failure(const struct input *in, bool now);

#endif
