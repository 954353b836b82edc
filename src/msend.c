/* SPDX-License-Identifier: ISC */
/* msend: send messages to a channel. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "cli.h"
#include "header.h"
#include "input.h"
#include "io.h"

const char tool_name[] = "msend";
const char tool_synopsis[] = "msend [-0FlnSv] [-H key=value] [-s source] [-t tag] [-w seconds] [-x seconds]\n"
    "             channel [message...]";
const char tool_options[] =
    "  -0, --null             every NUL-ended record of standard input is a message\n"
    "  -F, --frames           standard input is frames, sent on with their headers\n"
    "  -H, --header=KEY=VALUE a further header\n"
    "  -l, --lines            every line of standard input is a message\n"
    "  -n, --nonblock         fail at once where there is no room\n"
    "  -S, --sync             return when the message has been received\n"
    "  -s, --source=NAME      who sends (default $MBOX_SOURCE, else LOGIN.PPID)\n"
    "  -t, --tag=TAG          what it is about (default -, none)\n"
    "  -v, --verbose          print the id of each message sent to a mailbox\n"
    "  -w, --wait=SECONDS     wait no longer than this for room, or with -S for the receiver\n"
    "  -x, --expire=SECONDS   it expires so long after it was sent\n"
    "  -h, --help             print this help\n"
    "  -V, --version          print the version\n";

static const struct option long_options[] = {
	{ "null", no_argument, NULL, '0' },
	{ "frames", no_argument, NULL, 'F' },
	{ "header", required_argument, NULL, 'H' },
	{ "lines", no_argument, NULL, 'l' },
	{ "nonblock", no_argument, NULL, 'n' },
	{ "sync", no_argument, NULL, 'S' },
	{ "source", required_argument, NULL, 's' },
	{ "tag", required_argument, NULL, 't' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "wait", required_argument, NULL, 'w' },
	{ "expire", required_argument, NULL, 'x' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

struct send {
	char form;                      /* 'm' one message, 'l' lines, '0' records, 'F' frames */
	bool sync;
	bool headed;                    /* a tag was given */
	const char *source;             /* as given; NULL: the default */
	char source_buf[FRAME_NAME_MAX + 1];
	struct header header;
	struct sink sink;
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

/* options -- read the command line.  Returns -1 to go on, or the exit status. */
static int
options(struct send *s, int argc, char **argv)
{
	uint64_t ns;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "+0FH:lnSs:t:vw:x:hV", long_options, NULL)) != -1) {
		switch (opt) {
		case '0': case 'F': case 'l':
			if ((status = set_form(s, (char)opt)) != CLI_OK)
				return status;
			break;
		case 'H':
			if (header_add(&s->header, optarg, NULL) == -1)
				return CLI_USAGE;
			break;
		case 'n':
			s->sink.patience_ns = SINK_NOT_AT_ALL;
			break;
		case 'S':
			s->sync = true;
			break;
		case 's':
			s->source = optarg;
			break;
		case 't':
			s->headed = true;
			s->input.head.tag = slice_of(optarg);
			if (!frame_name_ok(s->input.head.tag))
				return cli_usage("-t: '%s' is not a tag (1 to 255 bytes, no white space)", optarg);
			break;
		case 'v':
			s->input.sent = print_ids;
			break;
		case 'w':
			if (cli_seconds("-w", optarg, &s->sink.patience_ns) == -1)
				return CLI_USAGE;
			break;
		case 'x':
			if (cli_seconds("-x", optarg, &ns) == -1)
				return CLI_USAGE;
			s->input.lifetime_us = ns / 1000 > 0 ? ns / 1000 : 1;
			break;
		case 'h':
			return cli_help();
		case 'V':
			return cli_version();
		default:
			return cli_usage(NULL);
		}
	}
	return -1;
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
	char path[PATH_MAX];
	const char *source, *name;
	enum channel_kind kind;
	int status;

	s.form = 'm';
	s.sink.patience_ns = SINK_FOREVER;
	s.input.sink = &s.sink;
	s.input.head = (struct message){ .tag = { "-", 1 }, .uid = -1, .fd = -1 };
	status = options(&s, argc, argv);
	if (status != -1)
		return status;
	if (optind == argc)
		return cli_usage("no channel is named");
	name = argv[optind++];
	if (optind < argc && s.form != 'm')
		return cli_usage("-%c reads standard input: it takes no message", s.form);
	if (s.form == 'F' && (s.headed || s.header.len > 0 || s.source != NULL || s.input.lifetime_us > 0))
		return cli_usage("-F sends frames on as they are: -H, -s, -t and -x do not go with it");
	if (s.sync && s.sink.patience_ns == SINK_NOT_AT_ALL)
		return cli_usage("-S waits for a receiver: it does not go with -n");
	source = cli_source(s.source_buf, s.source);
	if (source == NULL)
		return CLI_USAGE;
	s.input.head.source = slice_of(source);
	s.input.head.extra = (struct slice){ s.header.text, s.header.len };
	signal(SIGPIPE, SIG_IGN);
	if (s.sync && cli_path(path, name) == 0 && channel_kind_of(path, &kind) == 0 && kind != CHANNEL_MAILBOX)
		return cli_usage("-S: %s is no mailbox", name);
	if (cli_path(path, name) == -1 || sink_open(&s.sink, name, path, false, s.sink.patience_ns) == -1)
		return errno == EAGAIN || errno == ETIMEDOUT ? cli_status(errno) : cli_fail("open", name);
	s.sink.post.sync = s.sync;
	status = send_input(&s, argv + optind) == -1 ? failed(&s) : CLI_OK;
	if (sink_close(&s.sink) == -1 && status == CLI_OK) {
		cli_warn("%s: %llu bytes were left unread", name, (unsigned long long)s.sink.unread);
		status = errno == ETIMEDOUT ? CLI_TIMEOUT : CLI_IO;
	}
	if (io_stop)
		cli_stopped(io_stop);
	return status;
}
