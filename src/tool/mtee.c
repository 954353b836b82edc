/* SPDX-License-Identifier: ISC */
/*
 * mtee: copy the messages of a frame stream to several channels and to standard output.
 *
 * Small messages are gathered while more input is ready, and go out before mtee waits for input.
 * A crash loses what was read and not yet passed on.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/memory.h"
#include "base/nofile.h"
#include "base/signals.h"
#include "channel/fan.h"
#include "frame/filter.h"
#include "stream/reader.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/line.h"
#include "tool/progress.h"

enum { CLOSE = ARGS_LONG };

static const struct args_option table[] = {
	{ '1', "one", NULL, "send each message to one only: the first with room" },
	{ 'a', "append", NULL, "append to plain files instead of truncating them" },
	{ CLOSE, "close", NULL, "at the end close the mailboxes: no more is sent to them" },
	{ 'n', "nonblock", NULL, "skip full channels and count what they missed" },
	{ 'q', "quiet", NULL, "write nothing to standard output" },
	{ 's', "source", "GLOB", "to the next channel, only messages of these sources" },
	{ 't', "tag", "GLOB", "to the next channel, only messages with these tags" },
	{ 'v', "verbose", NULL, "show how far it is, and the total at the end" },
	ARGS_COMMON
};

static const struct tool tool = { "mtee",
    "mtee [-1anqv] [--close] [-s glob] [-t glob] channel...",
    table, { "mrecv -aF jobs | mtee -q first second", "mrecv -aF jobs | mtee -q -t 'err*' errors all" }, CLI_CARRIES };

/* A channel operand, with the filters before it. */
struct route {
	const char *name;
	struct filter filter;
	unsigned channel;
};

struct tee {
	bool append, quiet, closes, verbose;
	int status;
	unsigned routes_n;
	struct route *routes;
	struct fan fan;
	struct reader reader;
};

/* fail_with -- keep the status of the first failure; a missed message is not one. */
static void
fail_with(struct tee *t, int status)
{
	if (t->status <= CLI_NOT_NOW)
		t->status = status;
}

/* channel_failed -- called by fan: report a channel that failed. */
static void
channel_failed(void *user, const struct sink *sink)
{
	if (errno == EMSGSIZE) {
		line_warn("%s: a message's header line is too long", sink->name);
		fail_with(user, CLI_DATA);
		return;
	}
	if (errno == EPIPE && sink_begins_again(sink))
		line_warn("cannot write to %s: its receiver left inside the message", sink->name);
	else
		cli_fail("write to", sink->name);
	fail_with(user, CLI_IO);
}

/* ---- the stream ---- */

/* select_channels -- choose the channels for a message. */
static void
select_channels(struct tee *t, const struct message *m)
{
	struct fan *f = &t->fan;

	for (unsigned i = 0; i < f->n; i++)
		f->channels[i].wanted = f->channels[i].is_out && !f->channels[i].dead;
	for (unsigned i = 0; i < t->routes_n; i++) {
		struct fan_channel *c = &f->channels[t->routes[i].channel];

		if (!c->dead && !c->wanted)
			c->wanted = filter_match(&t->routes[i].filter, m->tag, m->source);
	}
}

/* copy_all -- copy all messages of standard input. */
static void
copy_all(struct tee *t)
{
	struct message m;
	int r = 1;

	reader_init(&t->reader, STDIN_FILENO, READER_ALL);
	while (r == 1 && !io_stop) {
		if (!reader_buffered(&t->reader))
			fan_flush(&t->fan);
		if (!fan_any_left(&t->fan))
			return;
		r = io_await_input() == -1 ? -1 : reader_next(&t->reader, &m);
		if (r == 1) {
			select_channels(t, &m);
			r = fan_copy(&t->fan, &m) == -1 ? -1 : 1;
			tally_add(TALLY_RECEIVED, r == 1);
		}
	}
	if (r == -1 && errno == EBADMSG)
		fail_with(t, cli_misframed("standard input", t->reader.offset, t->reader.reason));
	else if (r == -1 && !io_stop)
		fail_with(t, cli_fail("read", "standard input"));
	if (!io_stop)
		fan_flush(&t->fan);
}

/* finish -- wait for the readers of FIFOs, and report missed messages. */
static void
finish(struct tee *t)
{
	for (struct fan_channel *c = t->fan.channels; c < t->fan.channels + t->fan.n; c++)
		if (c->missed > 0) {
			line_warn("%s: full for %llu message%s", c->sink.name, (unsigned long long)c->missed,
			    c->missed == 1 ? "" : "s");
			t->status = t->status == CLI_OK ? CLI_NOT_NOW : t->status;
		}
	t->closes = t->closes && t->status == CLI_OK && !io_stop;
	for (struct fan_channel *c = t->fan.channels; c < t->fan.channels + t->fan.n; c++) {
		bool failed;

		c->sink.sender.closes = t->closes;
		failed = fan_close(&t->fan, c) == -1;
		if (failed && sink_is_mailbox(&c->sink)) {
			fail_with(t, cli_fail("close", c->sink.name));
		} else if (failed) {
			cli_unread(c->sink.name, c->sink.unread);
			fail_with(t, CLI_IO);
		}
		cli_damage(c->sink.name, c->sink.sender.damage);
	}
}

/* ---- the command line ---- */

/* open_all -- open the channels once all are known to exist.  Returns the exit status. */
static int
open_all(struct tee *t)
{
	enum channel_kind kind;
	char path[PATH_MAX];
	unsigned number;

	for (unsigned i = 0; i < t->routes_n; i++)
		if (cli_path(path, t->routes[i].name) == -1 || open_kind(path, &kind) == -1)
			return cli_fail("open", t->routes[i].name);
		else if (cli_feeds_itself(t->routes[i].name, "-", path))
			return CLI_IO;
	if (!t->quiet && cli_feeds_itself("standard output", "-", "-"))
		return CLI_IO;
	nofile_need(t->routes_n);
	if (!t->quiet) {
		if (fan_open(&t->fan, "standard output", "-", false, &number) == -1)
			return cli_fail("open", "standard output");
		t->fan.channels[0].is_out = true;
	}
	for (unsigned i = 0; i < t->routes_n; i++)
		if (cli_path(path, t->routes[i].name) == -1
		    || fan_open(&t->fan, t->routes[i].name, path, !t->append, &t->routes[i].channel) == -1)
			return errno == EAGAIN ? cli_unheard(t->routes[i].name) : cli_fail("open", t->routes[i].name);
		else if ((t->fan.nonblock || t->closes) && sink_sends_only(&t->fan.channels[t->routes[i].channel].sink))
			return cli_only_sends(t->routes[i].name, t->closes ? 0 : 'n');
	return CLI_OK;
}

/* options -- read the command line. */
static void
options(struct tee *t, struct args *a)
{
	const struct args_flag flags[] = { { '1', &t->fan.one }, { 'a', &t->append }, { CLOSE, &t->closes },
		{ 'n', &t->fan.nonblock }, { 'q', &t->quiet }, { 'v', &t->verbose }, { 0, NULL } };
	int opt;

	while ((opt = args_next(a)) != 0) {
		args_flag(flags, opt);
		switch (opt) {
		case ARGS_OPERAND:
			t->routes[t->routes_n++].name = a->value;
			break;
		case 's': case 't':
			args_glob(a, &t->routes[t->routes_n].filter, opt);
			break;
		}
	}
	while (*a->next != NULL)
		t->routes[t->routes_n++].name = *a->next++;
	if (t->routes[t->routes_n].filter.len > 0)
		cli_usage("no channel follows the last -s or -t");
	if (t->routes_n == 0)
		cli_usage("no channel is named");
}

int
main(int argc, char **argv)
{
	static LARGE struct tee t;
	struct args args;

	cli_begin(&tool);
	t.fan.failed = channel_failed;
	t.fan.user = &t;
	t.routes = calloc((size_t)argc + 1, sizeof *t.routes);
	if (t.routes == NULL || fan_init(&t.fan, (unsigned)argc + 1) == -1)
		return cli_fail("begin", "the list of channels");
	args_init(&args, &tool, argc, argv);
	options(&t, &args);
	progress_begin(TALLY_READ, TALLY_RECEIVED, STDIN_FILENO);
	signals_hear();
	if (t.verbose)
		progress_show(!isatty(STDIN_FILENO) && (t.quiet || !isatty(STDOUT_FILENO)), true);
	t.status = open_all(&t);
	if (t.status != CLI_OK)
		return t.status;
	copy_all(&t);
	finish(&t);
	progress_end();
	if (io_stop)
		cli_stopped(io_stop);
	return t.status;
}
