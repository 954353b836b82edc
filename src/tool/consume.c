/* SPDX-License-Identifier: ISC */
/* consume: see consume.h.  consumer.c tells what a crash leaves. */
#include "tool/consume.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/memory.h"
#include "deliver/rounds.h"
#include "tool/cli.h"
#include "tool/line.h"

#define IN_FLIGHT_BYTES (UINT64_C(8) << 20)     /* of payloads that are not acknowledged; a larger one goes alone */

enum { IN_FLIGHT = 1000 };              /* messages that may be unacknowledged, without -j */

/* ---- the command line ---- */

void
consume_check(struct receive *r)
{
	static LARGE char path[PATH_MAX];
	struct mailbox_settings settings;
	struct damage damage = { 0 };
	int looked;

	if (!r->acks && r->ack_wait_ns != 0)
		cli_refuse("--ack-wait is for acknowledgements: it needs -A");
	if (r->jobs.limit == 0)
		r->jobs.limit = r->acks ? IN_FLIGHT : 1;
	if (!r->acks)
		return;
	if (r->sources.n > 1)
		cli_refuse("-A: the messages of one mailbox are acknowledged, not of several");
	if (r->form != 0 && r->form != 'F')
		cli_refuse("-%c: with -A messages are written as frames", r->form);
	if (r->sources.peek)
		cli_refuse("-p does not claim messages: it does not go with -A");
	if (r->jobs.batch > 0 || r->jobs.reply)
		cli_refuse("-%c does not go with -A", r->jobs.reply ? 'r' : 'b');
	r->form = r->jobs.command == NULL ? 'F' : 0;
	/* before it is opened to receive: a process opens a mailbox once */
	if (r->sources.n != 1 || cli_path(path, r->channels[0]) == -1)
		return;
	looked = mailbox_look(path, &settings, &damage);
	cli_damage(r->channels[0], &damage);
	if (looked == 0 && settings.cap_messages == 0)
		cli_refuse("-A: %s has capacity 0: its senders have its messages", r->channels[0]);
}

/* ---- what is told ---- */

static void
tell_late(const char *channel, uint64_t id)
{
	line_warn("%s: %llu was acknowledged, and is not in flight any more: ignored, as further ones are", channel,
	    (unsigned long long)id);
}

/* who -- what acknowledges, for the user. */
static const char *
who(const struct receive *r)
{
	return r->jobs.command != NULL ? r->jobs.command[0] : "standard input";
}

/* wrong -- report a line that is no acknowledgement.  Returns the exit status. */
static int
wrong(const struct receive *r, const struct consumer *c)
{
	const struct slice *line = &c->lines.wrong;

	line_warn(c->never ? "%s acknowledged what it was never given: '%.*s'"
	    : "%s: not an acknowledgement: '%.*s'", who(r), (int)(line->len < 64 ? line->len : 64), line->p);
	return CLI_DATA;
}

/* unacknowledged -- report what was put back.  Returns the exit status. */
static int
unacknowledged(const struct receive *r, const struct consumer *c)
{
	line_warn("%s: %u message%s put back: %s did not acknowledge %s", r->sources.list[0].name, c->left,
	    c->left == 1 ? " was" : "s were", who(r), c->left == 1 ? "it" : "them");
	return r->jobs.command != NULL ? CLI_OWN_FAILURE : CLI_IO;
}

/* too_soon -- report a command that ended before it was given what was asked for.  Returns the exit status. */
static int
too_soon(const struct receive *r, const struct consumer *c)
{
	line_warn("%s: %s ended after %llu message%s: more were to come", r->sources.list[0].name, who(r),
	    (unsigned long long)c->got, c->got == 1 ? "" : "s");
	return CLI_OWN_FAILURE;
}

/* plain_end -- the exit status where nothing has failed. */
static int
plain_end(const struct receive *r, const struct consumer *c)
{
	if (c->ran && c->status != 0)
		return c->status;
	if (c->why == CONSUMER_SHUT && !c->ran) {
		errno = EPIPE;
		return cli_fail("write to", "standard output");
	}
	if (c->left > 0)
		return unacknowledged(r, c);
	if (c->ran && c->why <= CONSUMER_SHUT && c->got < (c->count == UINT64_MAX ? 1 : c->count))
		return too_soon(r, c);
	if (c->why == CONSUMER_TIMEOUT)
		return CLI_TIMEOUT;
	if (c->why == CONSUMER_NOTHING)
		return receive_nothing_more(r, c->got);
	if (c->ran || r->follow || c->got >= c->count)
		return CLI_OK;
	line_warn("standard input ended: nothing more can be acknowledged");
	return CLI_IO;
}

static int
status_of(const struct receive *r, const struct consumer *c)
{
	const char *name = r->sources.list[0].name;
	int status;

	switch (c->why) {
	case CONSUMER_WRONG:
		return wrong(r, c);
	case CONSUMER_SILENT:
		line_warn("%s: %s acknowledged nothing for %.3g seconds: its messages are put back", name, who(r),
		    (double)c->patience_ns / 1e9);
		return CLI_TIMEOUT;
	case CONSUMER_FAILED:
		if (c->error == ELOOP && r->once && r->sources.run.stray)
			return receive_stray(r, &r->sources.list[0]);
		errno = c->error;
		status = cli_fail(c->failed_at, c->failed_on);
		return r->jobs.command != NULL && !r->follow && c->error != ESHUTDOWN ? CLI_OWN_FAILURE : status;
	case CONSUMER_STOPPED:
		return CLI_OK;
	default:
		return plain_end(r, c);
	}
}

/* ---- all of it ---- */

int
consume_all(struct receive *r)
{
	struct consumer *c = memory_new(sizeof *c);
	int status;

	if (r->sources.list[0].kind != CHANNEL_MAILBOX)
		cli_refuse("-A: %s is not a mailbox", r->sources.list[0].name);
	io_catch_stop();
	if (r->jobs.command == NULL && io_open_to(STDIN_FILENO, O_RDONLY) == -1)
		return cli_fail("read acknowledgements from", "standard input");
	if (c == NULL)
		return cli_fail("receive from", r->sources.list[0].name);
	c->deliver = &r->deliver;
	c->command = r->jobs.command;
	c->limit = r->jobs.limit;
	c->limit_bytes = IN_FLIGHT_BYTES;
	c->patience_ns = r->ack_wait_ns;
	c->count = r->count;
	c->tell_late = tell_late;
	if (consumer_begin(c) == -1) {
		status = cli_fail(r->deliver.failed_at, r->deliver.failed_on);
		return c->cannot != 0 ? c->cannot : r->follow ? status : CLI_OWN_FAILURE;
	}
	while (rounds_next(c))
		receive_damage(r);
	rounds_end(c);
	status = status_of(r, c);
	memory_free(c);
	return status;
}
