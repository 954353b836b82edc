/* SPDX-License-Identifier: ISC */
/* report: see report.h. */
#include "tool/report.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/memory.h"
#include "base/num.h"
#include "base/tally.h"
#include "tool/cli.h"
#include "tool/line.h"

static bool ack_failed;         /* an acknowledgement could not be written */

int
report_ids(uint64_t first, uint64_t last)
{
	bool failed;

	line_hold();
	for (uint64_t id = first; id <= last; id++)
		printf("%llu\n", (unsigned long long)id);
	failed = ferror(stdout) || fflush(stdout) == EOF;
	line_go_on();
	return failed ? -1 : 0;
}

/* acknowledge -- what was sent up to own_id (sender.committed).  Returns 0, or -1. */
static int
acknowledge(uint64_t own_id)
{
	char line[NUM_DECIMAL_MAX + 2];
	size_t n = num_decimal(line, own_id);

	memcpy(line + n, "+\n", 2);
	ack_failed = io_write(STDOUT_FILENO, line, n + 2) == -1;
	return ack_failed ? -1 : 0;
}

void
report_acks(struct sender *s, bool wanted)
{
	s->committed = wanted ? acknowledge : NULL;
	s->told_fd = wanted ? STDOUT_FILENO : 0;
}

/* object -- the channel, and how many messages it has got, where that is not known otherwise (-A, -v). */
static const char *
object(const struct input *in)
{
	static LARGE char text[PATH_MAX + 64];
	uint64_t sent = tally_of(TALLY_SENT);

	if (!sink_is_mailbox(in->sink) || sent == 0 || in->sink->sender.committed != NULL || in->sent != NULL)
		return in->failed_on;
	snprintf(text, sizeof text, "%s after %llu message%s", in->failed_on, (unsigned long long)sent, sent == 1 ? "" : "s");
	return text;
}

int
report_failure(const struct input *in, bool now)
{
	const struct reader *r = &in->reader;

	if ((ack_failed && !(errno == EINTR && io_stop))
	    || (errno == EPIPE && in->sink->sender.told_fd > 0 && !sink_hands_over(in->sink)))
		return cli_fail("write to", "standard output");
	/* no room is an answer, not an error; but that the first messages got in is told */
	if (errno == EAGAIN || errno == ETIMEDOUT) {
		if (object(in) != in->failed_on)
			line_warn("gave up on %s", object(in));
		return now ? CLI_NOT_NOW : CLI_TIMEOUT;
	}
	if (errno == EINTR && io_stop)
		return CLI_OK;          /* main ends as the signal would have it */
	if (errno == EPIPE && sink_hands_over(in->sink)) {
		line_warn("cannot send to %s: its receiver failed after %llu bytes", in->sink->name,
		    (unsigned long long)sender_length(&in->sink->sender));
		return CLI_IO;
	}
	if (errno == EPIPE && in->sink->kind == CHANNEL_FIFO) {
		line_warn("cannot send to %s: its receiver left inside the message", in->sink->name);
		return CLI_IO;
	}
	if (errno != EBADMSG || r->reason == NULL)
		return cli_fail(in->failed_at, errno == ESHUTDOWN || errno == EBUSY ? in->failed_on : object(in));
	return cli_misframed("standard input", r->offset, r->reason);
}
