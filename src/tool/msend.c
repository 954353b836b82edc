/* SPDX-License-Identifier: ISC */
/* msend: send messages to a channel. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/io.h"
#include "channel/input.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/header.h"

static const struct args_option table[] = {
	{ '0', "null", NULL, "every NUL-ended record of standard input is a message" },
	{ 'F', "frames", NULL, "standard input is frames, sent on with their headers" },
	{ 'H', "header", "KEY=VALUE", "a further header" },
	{ 'l', "lines", NULL, "every line of standard input is a message" },
	{ 'n', "nonblock", NULL, "fail at once where there is no room" },
	{ 'S', "sync", NULL, "return when the message has been received" },
	{ 's', "source", "NAME", "who sends (default $MBOX_SOURCE, else LOGIN.PPID)" },
	{ 't', "tag", "TAG", "what it is about (default -, none)" },
	{ 'v', "verbose", NULL, "print the id of each message sent to a mailbox" },
	{ 'w', "wait", "SECONDS", "wait no longer than this for room, or with -S for the receiver" },
	{ 'x', "expire", "SECONDS", "it expires so long after it was sent" },
	ARGS_COMMON
};

static const struct tool tool = { "msend",
    "msend [-0FlnSv] [-H key=value] [-s source] [-t tag] [-w seconds] [-x seconds]\n"
    "             channel [message...]",
    table };

struct send {
	char form;                      /* 'm' one message, 'l' lines, '0' records, 'F' frames */
	bool now;                       /* -n */
	bool sync;
	bool headed;                    /* a tag was given */
	const char *source;             /* as given; NULL: the default */
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

/* set_form -- of -0, -F and -l only one. */
static int
set_form(struct send *s, char form)
{
	if (s->form != 'm' && s->form != form)
		return cli_usage("-%c and -%c exclude each other", s->form, form);
	s->form = form;
	return CLI_OK;
}

/* options -- read the command line up to the channel.  Returns -1 to go on, or the exit status. */
static int
options(struct send *s, struct args *a)
{
	uint64_t ns;
	int opt, status;

	while ((opt = args_leading(a)) != 0) {
		switch (opt) {
		case '0': case 'F': case 'l':
			if ((status = set_form(s, (char)opt)) != CLI_OK)
				return status;
			break;
		case 'H':
			if (header_add(&s->header, a, NULL) == -1)
				return CLI_USAGE;
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
			if (args_tag(a, &s->input.head.tag) == -1)
				return CLI_USAGE;
			break;
		case 'v':
			s->input.sent = print_ids;
			break;
		case 'w':
			if (args_seconds(a, &s->sink.timeout_ns) == -1)
				return CLI_USAGE;
			break;
		case 'x':
			if (args_seconds(a, &ns) == -1)
				return CLI_USAGE;
			s->input.lifetime_us = ns / 1000 > 0 ? ns / 1000 : 1;
			break;
		}
	}
	return *a->next == NULL ? cli_usage("no channel is named") : -1;
}

/* failed -- report what became of the input.  Returns the exit status. */
static int
failed(const struct send *s)
{
	const struct reader *r = &s->input.reader;

	/* no room is an answer, not an error */
	if (errno == EAGAIN || errno == ETIMEDOUT)
		return cli_status(errno);
	if (errno == EINTR && io_stop)
		return CLI_OK;          /* main ends as the signal would have it */
	if (errno == EPIPE && sink_hands_over(&s->sink)) {
		cli_warn("cannot send to %s: its receiver failed after %llu bytes", s->sink.name,
		    (unsigned long long)sender_length(&s->sink.sender));
		return CLI_IO;
	}
	if (errno != EBADMSG || r->reason == NULL)
		return cli_fail(s->input.failed_at, s->input.failed_on);
	cli_warn("standard input: byte %llu: %s", (unsigned long long)r->offset, r->reason);
	return CLI_DATA;
}

/* send_input -- send what the command line asks for.  Returns 0, or -1. */
static int
send_input(struct send *s, char *const *words)
{
	if (*words != NULL)
		return input_words(&s->input, words);
	if (s->form == 'F')
		return input_frames(&s->input);
	if (s->form == 'm')
		return input_whole(&s->input);
	return input_records(&s->input, s->form == 'l' ? '\n' : '\0');
}

int
main(int argc, char **argv)
{
	static struct send s;
	struct args args;
	char path[PATH_MAX];
	const char *source, *name;
	enum channel_kind kind;
	int status;

	s.form = 'm';
	s.sink.timeout_ns = MAILBOX_FOREVER;
	s.input.sink = &s.sink;
	s.input.head = (struct message){ .tag = { "-", 1 }, .uid = -1, .fd = -1 };
	cli_begin(&tool);
	args_init(&args, &tool, argc, argv);
	status = options(&s, &args);
	if (status != -1)
		return status;
	name = *args.next++;
	if (*args.next != NULL && s.form != 'm')
		return cli_usage("-%c reads standard input: it takes no message", s.form);
	if (s.form == 'F' && (s.headed || s.header.len > 0 || s.source != NULL || s.input.lifetime_us > 0))
		return cli_usage("-F sends frames on as they are: -H, -s, -t and -x do not go with it");
	if (s.now && s.sink.timeout_ns != MAILBOX_FOREVER)
		return cli_usage("-n and -w exclude each other");
	if (s.now)
		s.sink.timeout_ns = MAILBOX_NOT_AT_ALL;
	if (s.sync && s.now)
		return cli_usage("-S waits for a receiver: it does not go with -n");
	source = cli_source(s.source_buf, s.source);
	if (source == NULL)
		return CLI_USAGE;
	s.input.head.source = slice_of(source);
	s.input.head.extra = (struct slice){ s.header.text, s.header.len };
	signal(SIGPIPE, SIG_IGN);
	s.sink.sender.sync = s.sync;
	s.sink.sender.locked = cli_locked;
	if (s.sync && cli_path(path, name) == 0 && open_kind(path, &kind) == 0 && kind != CHANNEL_MAILBOX)
		return cli_usage("-S: %s is no mailbox", name);
	if (cli_path(path, name) == -1 || sink_open(&s.sink, name, path, false, s.sink.timeout_ns) == -1)
		return errno == EAGAIN || errno == ETIMEDOUT ? cli_status(errno) : cli_fail("open", name);
	if (sink_leaves(&s.sink) && (s.sync || s.sink.timeout_ns == MAILBOX_NOT_AT_ALL))
		return cli_only_sends(name, s.sync ? 'S' : 'n');
	status = send_input(&s, args.next) == -1 ? failed(&s) : CLI_OK;
	cli_damage(name, s.sink.sender.damage);
	if (sink_close(&s.sink) == -1 && status == CLI_OK) {
		cli_warn("%s: %llu bytes were left unread", name, (unsigned long long)s.sink.unread);
		status = errno == ETIMEDOUT ? CLI_TIMEOUT : CLI_IO;
	}
	if (io_stop)
		cli_stopped(io_stop);
	return status;
}
