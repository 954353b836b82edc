/* SPDX-License-Identifier: ISC */
/* msend: send messages to a channel. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/signals.h"
#include "channel/input.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/header.h"
#include "tool/progress.h"
#include "tool/report.h"

enum { CLOSE = ARGS_LONG };

static const struct args_option table[] = {
	{ '0', "null", NULL, "send each NUL-terminated record of standard input" },
	{ 'A', "acks", NULL, "with -F: print ID+ once frames up to that id are there" },
	{ CLOSE, "close", NULL, "then close the mailbox: nothing more is sent to it" },
	{ 'd', "delay", "SECONDS", "deliver it so long after it was sent, or at @EPOCH" },
	{ 'F', "frames", NULL, "standard input is frames: send each on with its headers" },
	{ 'H', "header", "KEY=VALUE", "add a header" },
	{ 'l', "lines", NULL, "send each line of standard input as a message" },
	{ 'n', "nonblock", NULL, "do not wait for room: exit 1" },
	{ 'S', "sync", NULL, "return when the message has been received" },
	{ 's', "source", "NAME", "the sender (default $MBOX_SOURCE, else LOGIN.PPID)" },
	{ 't', "tag", "TAG", "the tag (default -, none)" },
	{ 'u', "once", "SCOPE", "with -F: send nothing again that was sent under SCOPE" },
	{ 'v', "verbose", NULL, "print the id of each message sent; show how far it is" },
	{ 'w', "wait", "SECONDS", "wait at most this long for room; -S: for the receiver" },
	{ 'x', "expire", "SECONDS", "let the message expire this long after it was sent" },
	ARGS_COMMON
};

static const struct tool tool = { "msend",
    "msend [-0AFlnSv] [--close] [-d seconds] [-H key=value] [-s source]\n"
    "             [-t tag] [-u scope] [-w seconds] [-x seconds] channel [message...]",
    table, { "msend -t build jobs make all", "seq 10 | msend -l jobs" }, CLI_CARRIES };

/* Small members stand first: each page is a fault in a one-shot. */
struct send {
	const char *path;
	char form;                      /* 'l' lines, '0' records, 'F' frames; 0: one message */
	bool now;                       /* -n */
	bool sync;
	bool acks;                      /* -A */
	bool closes;                    /* --close */
	bool headed;                    /* a tag was given */
	const char *source;             /* -s; NULL: the default */
	char source_buf[FRAME_NAME_MAX + 1];
	struct sink sink;
	struct input input;
};

/* delay -- the value of -d: seconds from now, or @ and seconds since the epoch, which have no unit. */
static void
delay(struct input *in, const struct args *a)
{
	const bool at = *a->value == '@';
	const char *text = a->value + at;

	if (at && text[strspn(text, "0123456789.")] != '\0')
		text = "";
	in->due_us = (args_duration(a, text, "a duration, or @ and seconds since the epoch") + 999) / 1000;
	in->due = at ? INPUT_DUE_AT : INPUT_DUE_AFTER;
}

/* scope -- the value of -u. */
static const char *
scope(const struct args *a)
{
	if (strlen(a->value) > SENDER_SCOPE || !frame_name_ok(slice_of(a->value)))
		cli_refuse("%s: '%s' is not a name of 1 to %d bytes without white space", a->option, a->value, SENDER_SCOPE);
	return a->value;
}

/* options -- read the command line up to the channel. */
static void
options(struct send *s, struct args *a)
{
	static LARGE struct header header;
	const struct args_flag flags[] = { { 'A', &s->acks }, { CLOSE, &s->closes }, { 'n', &s->now }, { 'S', &s->sync },
		{ 0, NULL } };
	int opt;

	while ((opt = args_leading(a)) != 0) {
		args_flag(flags, opt);
		switch (opt) {
		case '0': case 'F': case 'l':
			args_form(&s->form, opt);
			break;
		case 'd':
			delay(&s->input, a);
			break;
		case 'H':
			header_add(&header, a, NULL);
			s->input.head.extra = (struct slice){ header.text, header.len };
			break;
		case 's':
			s->source = a->value;
			break;
		case 't':
			s->headed = true;
			s->input.head.tag = args_tag(a);
			break;
		case 'u':
			s->sink.sender.scope = scope(a);
			break;
		case 'v':
			s->input.sent = report_ids;
			break;
		case 'w':
			s->sink.timeout_ns = args_seconds(a);
			break;
		case 'x':
			s->input.lifetime_us = (args_seconds(a) + 999) / 1000;
			break;
		}
	}
	if (*a->next == NULL)
		cli_usage("no channel is named");
}

/* check -- refuse options that do not go together. */
static void
check(const struct send *s, bool words)
{
	const struct input *in = &s->input;
	uint64_t since_us = in->due == INPUT_DUE_AT ? clock_wall_us() : 0;

	if (words && s->form != 0)
		cli_refuse("-%c reads standard input: it does not go with a message", s->form);
	if (s->form == 'F' && (s->headed || in->head.extra.len > 0 || s->source != NULL || in->lifetime_us > 0))
		cli_refuse("-F sends frames on as they are: -H, -s, -t and -x do not go with it");
	if (in->lifetime_us > 0 && in->due != INPUT_DUE_ASIS && in->due_us >= since_us + in->lifetime_us)
		cli_refuse("-x: the message would expire before it is delivered (-d)");
	if (s->now && s->sink.timeout_ns != MAILBOX_FOREVER)
		cli_refuse("-n and -w exclude each other");
	if (s->sync && s->now)
		cli_refuse("-S waits for a receiver: it does not go with -n");
	if (s->acks && (s->form != 'F' || in->sent != NULL))
		cli_refuse("-A acknowledges frames: it goes with -F, and not with -v");
	if (s->sink.sender.scope != NULL && (s->form != 'F' || s->sync || in->sent != NULL))
		cli_refuse("-u sends frames once: it goes with -F, and not with -S and -v");
}

/* check_channel -- refuse options that do not go with the kind of channel. */
static void
check_channel(const struct send *s, const char *name)
{
	const char *option = s->sync ? "-S" : s->sink.sender.scope != NULL ? "-u" : s->acks ? "-A" : s->closes ? "--close" : NULL;
	enum channel_kind kind;

	if (option != NULL && open_kind(s->path, &kind) == 0 && kind != CHANNEL_MAILBOX)
		cli_refuse("%s: %s is not a mailbox", option, name);
}

/* check_opened -- refuse options that do not go with what was opened.  Returns the exit status. */
static int
check_opened(const struct send *s, const char *name)
{
	const struct sender *to = &s->sink.sender;

	if (sink_sends_only(&s->sink) && (s->sync || s->closes || to->scope != NULL || s->now))
		return cli_only_sends(name, s->closes ? 0 : s->sync ? 'S' : to->scope != NULL ? 'u' : 'n');
	if (sink_hands_over(&s->sink) && to->scope != NULL)
		cli_refuse("-u: %s has capacity 0, and remembers nothing", name);
	if (sink_is_mailbox(&s->sink) && to->at_once && s->input.due != INPUT_DUE_ASIS && s->input.due_us > 0)
		cli_refuse("-d: %s keeps no message back: it has capacity 0, or -o latest", name);
	return CLI_OK;
}

/* send_input -- send the words, or standard input in the form asked for.  Returns 0, or -1. */
static int
send_input(struct send *s, char *const *words)
{
	if (*words != NULL)
		return input_words(&s->input, words);
	if (s->form == 'F')
		return input_frames(&s->input);
	if (s->form == 0)
		return input_whole(&s->input);
	return input_records(&s->input, s->form == 'l' ? '\n' : '\0');
}

/* not_closed -- report that the channel could not be closed.  Returns the exit status. */
static int
not_closed(const struct send *s)
{
	int err = errno;

	if (sink_is_mailbox(&s->sink))
		return err == EINTR && io_stop ? CLI_OK : cli_fail("close", s->sink.name);
	cli_unread(s->sink.name, s->sink.unread);
	return err != ETIMEDOUT ? CLI_IO : s->now ? CLI_NOT_NOW : CLI_TIMEOUT;
}

int
main(int argc, char **argv)
{
	static LARGE struct send s;
	struct args args;
	const char *name;
	int status;

	s.sink.timeout_ns = MAILBOX_FOREVER;
	s.input.sink = &s.sink;
	s.input.head = (struct message){ .tag = { "-", 1 }, .uid = -1, .fd = -1 };
	cli_begin(&tool);
	args_init(&args, &tool, argc, argv);
	options(&s, &args);
	name = *args.next++;
	check(&s, *args.next != NULL);
	if (s.now)
		s.sink.timeout_ns = MAILBOX_NOT_AT_ALL;
	s.input.head.source = slice_of(cli_source(s.source_buf, s.source));
	progress_begin(TALLY_READ, TALLY_SENT, STDIN_FILENO);
	if (s.input.sent != NULL)
		progress_show(*args.next != NULL || !isatty(STDIN_FILENO), false);
	s.sink.turn = true;
	s.sink.sender.sync = s.sync;
	s.sink.sender.soon = *args.next != NULL && s.input.due == INPUT_DUE_ASIS;
	report_acks(&s.sink.sender, s.acks);
	s.path = cli_path_new(name);
	if (s.path == NULL)
		return cli_fail("open", name);
	check_channel(&s, name);
	if (*args.next == NULL && cli_feeds_itself(name, "-", s.path))
		return CLI_IO;
	if (sink_open(&s.sink, name, s.path, false, s.sink.timeout_ns) == -1)
		return errno == EAGAIN || errno == ETIMEDOUT ? cli_status(errno) : cli_fail("open", name);
	status = check_opened(&s, name);
	if (status != CLI_OK)
		return status;
	if (*args.next == NULL || !sink_is_mailbox(&s.sink))
		signals_hear();
	status = send_input(&s, args.next) == -1 ? report_failure(&s.input, s.now) : CLI_OK;
	s.sink.sender.closes = s.closes && status == CLI_OK && !io_stop;
	if (sink_finish(&s.sink) == -1 && status == CLI_OK)
		status = not_closed(&s);
	cli_damage(name, s.sink.sender.damage);
	progress_end();
	if (io_stop)
		cli_stopped(io_stop);
	return status;
}
