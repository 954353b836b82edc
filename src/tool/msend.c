/* SPDX-License-Identifier: ISC */
/* msend: send messages to a channel. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/signals.h"
#include "channel/input.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/header.h"

enum { CLOSE = ARGS_LONG };

static const struct args_option table[] = {
	{ '0', "null", NULL, "send each NUL-terminated record of standard input as a message" },
	{ CLOSE, "close", NULL, "then close the mailbox: nothing more is sent to it" },
	{ 'd', "delay", "SECONDS", "deliver the message so long after it was sent, or at @EPOCH" },
	{ 'F', "frames", NULL, "standard input is frames: send each on with its headers" },
	{ 'H', "header", "KEY=VALUE", "add a header" },
	{ 'l', "lines", NULL, "send each line of standard input as a message" },
	{ 'n', "nonblock", NULL, "do not wait for room: exit 1" },
	{ 'S', "sync", NULL, "return when the message has been received" },
	{ 's', "source", "NAME", "the sender (default $MBOX_SOURCE, else LOGIN.PPID)" },
	{ 't', "tag", "TAG", "the tag (default -, none)" },
	{ 'v', "verbose", NULL, "print the id of each message sent to a mailbox" },
	{ 'w', "wait", "SECONDS", "wait at most this long for room, or with -S for the receiver" },
	{ 'x', "expire", "SECONDS", "let the message expire this long after it was sent" },
	ARGS_COMMON
};

static const struct tool tool = { "msend",
    "msend [-0FlnSv] [--close] [-d seconds] [-H key=value] [-s source] [-t tag] [-w seconds]\n"
    "             [-x seconds] channel [message...]",
    table };

struct send {
	char form;                      /* 'l' lines, '0' records, 'F' frames; 0: one message */
	bool now;                       /* -n */
	bool sync;
	bool closes;                    /* --close */
	bool headed;                    /* a tag was given */
	const char *source;             /* -s; NULL: the default */
	char source_buf[FRAME_NAME_MAX + 1];
	struct sink sink;
	struct header header;
	struct input input;
};

/* print_ids -- with -v. */
static int
print_ids(uint64_t first, uint64_t last)
{
	for (uint64_t id = first; id <= last; id++)
		printf("%llu\n", (unsigned long long)id);
	return ferror(stdout) || fflush(stdout) == EOF ? -1 : 0;
}

/* delay -- the value of -d: seconds from now, or @ and seconds since the epoch. */
static void
delay(struct input *in, struct args *a)
{
	const bool at = *a->value == '@';
	uint64_t ns = 0;

	a->value += at;
	/* what is behind @ has no unit */
	if (clock_parse(a->value, &ns) == -1 || (at && a->value[strspn(a->value, "0123456789.")] != '\0'))
		cli_usage("%s: '%s' is not a duration, or @ and seconds since the epoch", a->option, a->value - at);
	in->due = at ? INPUT_DUE_AT : INPUT_DUE_AFTER;
	in->due_us = (ns + 999) / 1000;
}

/* options -- read the command line up to the channel. */
static void
options(struct send *s, struct args *a)
{
	int opt;

	while ((opt = args_leading(a)) != 0) {
		switch (opt) {
		case '0': case 'F': case 'l':
			args_form(&s->form, opt);
			break;
		case CLOSE:
			s->closes = true;
			break;
		case 'd':
			delay(&s->input, a);
			break;
		case 'H':
			header_add(&s->header, a, NULL);
			break;
		case 'n':
			s->now = true;
			break;
		case 'S':
			s->sync = true;
			break;
		case 's':
			s->source = a->value;
			break;
		case 't':
			s->headed = true;
			s->input.head.tag = args_tag(a);
			break;
		case 'v':
			s->input.sent = print_ids;
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

/* check_due -- refuse what would expire before it is delivered. */
static void
check_due(const struct send *s)
{
	const struct input *in = &s->input;
	uint64_t end_us = in->due == INPUT_DUE_AT ? clock_wall_us() + in->lifetime_us : in->lifetime_us;

	if (in->lifetime_us > 0 && in->due != INPUT_DUE_ASIS && in->due_us >= end_us)
		cli_usage("-x: the message would expire before it is delivered (-d)");
}

/* failed -- report a failed send.  Returns the exit status. */
static int
failed(const struct send *s)
{
	const struct reader *r = &s->input.reader;

	/* no room is an answer, not an error */
	if (errno == EAGAIN || errno == ETIMEDOUT)
		return s->now ? CLI_NOT_NOW : cli_status(errno);
	if (errno == EINTR && io_stop)
		return CLI_OK;          /* main ends as the signal would have it */
	if (errno == EPIPE && sink_hands_over(&s->sink)) {
		cli_warn("cannot send to %s: its receiver failed after %llu bytes", s->sink.name,
		    (unsigned long long)sender_length(&s->sink.sender));
		return CLI_IO;
	}
	if (errno == EPIPE && s->sink.kind == CHANNEL_FIFO) {
		cli_warn("cannot send to %s: its receiver left inside the message", s->sink.name);
		return CLI_IO;
	}
	if (errno != EBADMSG || r->reason == NULL)
		return cli_fail(s->input.failed_at, s->input.failed_on);
	cli_warn("standard input: byte %llu: %s", (unsigned long long)r->offset, r->reason);
	return CLI_DATA;
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
	static struct send s;
	struct args args;
	char path[PATH_MAX];
	const char *name;
	enum channel_kind kind;
	int status;

	s.sink.timeout_ns = MAILBOX_FOREVER;
	s.input.sink = &s.sink;
	s.input.head = (struct message){ .tag = { "-", 1 }, .uid = -1, .fd = -1 };
	cli_begin(&tool);
	args_init(&args, &tool, argc, argv);
	options(&s, &args);
	name = *args.next++;
	if (*args.next != NULL && s.form != 0)
		cli_usage("-%c reads standard input: it does not go with a message", s.form);
	if (s.form == 'F' && (s.headed || s.header.len > 0 || s.source != NULL || s.input.lifetime_us > 0))
		cli_usage("-F sends frames on as they are: -H, -s, -t and -x do not go with it");
	check_due(&s);
	if (s.now && s.sink.timeout_ns != MAILBOX_FOREVER)
		cli_usage("-n and -w exclude each other");
	if (s.now)
		s.sink.timeout_ns = MAILBOX_NOT_AT_ALL;
	if (s.sync && s.now)
		cli_usage("-S waits for a receiver: it does not go with -n");
	s.input.head.source = slice_of(cli_source(s.source_buf, s.source));
	s.input.head.extra = (struct slice){ s.header.text, s.header.len };
	signals_ignore(SIGPIPE);
	s.sink.turn = true;
	s.sink.sender.sync = s.sync;
	s.sink.sender.locked = cli_locked;
	if ((s.sync || s.closes) && cli_path(path, name) == 0 && open_kind(path, &kind) == 0 && kind != CHANNEL_MAILBOX)
		cli_usage("%s: %s is not a mailbox", s.sync ? "-S" : "--close", name);
	if (cli_path(path, name) == -1 || sink_open(&s.sink, name, path, false, s.sink.timeout_ns) == -1)
		return errno == EAGAIN || errno == ETIMEDOUT ? cli_status(errno) : cli_fail("open", name);
	if (sink_sends_only(&s.sink) && (s.sync || s.closes || s.sink.timeout_ns == MAILBOX_NOT_AT_ALL))
		return cli_only_sends(name, s.closes ? 0 : s.sync ? 'S' : 'n');
	if (sink_is_mailbox(&s.sink) && s.sink.sender.at_once && s.input.due != INPUT_DUE_ASIS && s.input.due_us > 0)
		cli_usage("-d: %s keeps no message back: it has capacity 0, or -o latest", name);
	status = send_input(&s, args.next) == -1 ? failed(&s) : CLI_OK;
	cli_damage(name, s.sink.sender.damage);
	s.sink.sender.closes = s.closes && status == CLI_OK && !io_stop;
	if (sink_close(&s.sink) == -1 && status == CLI_OK)
		status = not_closed(&s);
	if (io_stop)
		cli_stopped(io_stop);
	return status;
}
