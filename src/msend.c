/* SPDX-License-Identifier: ISC */
/*
 * msend: send messages to a channel.
 *
 * What it was given before a failure is sent; the message that failed, and what would have come after it, is not.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "io.h"
#include "reader.h"
#include "sink.h"

const char tool_name[] = "msend";
const char tool_synopsis[] = "msend [-0Flnv] [-H key=value] [-s source] [-t tag] [-w seconds] channel [message...]";
const char tool_options[] =
    "  -0, --null             every NUL-ended record of standard input is a message\n"
    "  -F, --frames           standard input is frames, sent on with their headers\n"
    "  -H, --header=KEY=VALUE a further header\n"
    "  -l, --lines            every line of standard input is a message\n"
    "  -n, --nonblock         fail at once where there is no room\n"
    "  -s, --source=NAME      who sends (default $MBOX_SOURCE, else LOGIN.PPID)\n"
    "  -t, --tag=TAG          what it is about (default -, none)\n"
    "  -v, --verbose          print the id of each message sent to a mailbox\n"
    "  -w, --wait=SECONDS     wait no longer than this for room\n"
    "  -h, --help             print this help\n"
    "  -V, --version          print the version\n";

static const struct option long_options[] = {
	{ "null", no_argument, NULL, '0' },
	{ "frames", no_argument, NULL, 'F' },
	{ "header", required_argument, NULL, 'H' },
	{ "lines", no_argument, NULL, 'l' },
	{ "nonblock", no_argument, NULL, 'n' },
	{ "source", required_argument, NULL, 's' },
	{ "tag", required_argument, NULL, 't' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "wait", required_argument, NULL, 'w' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

enum { INPUT = BATCH_INLINE };          /* bytes of standard input looked at together */

struct send {
	char form;                      /* 'm' one message, 'l' lines, '0' records, 'F' frames */
	bool verbose;
	const char *source;             /* as given; NULL: the default */
	struct message head;
	struct sink sink;
	size_t extra_len;
	char extra[FRAME_HEADER_MAX];
	char source_buf[FRAME_NAME_MAX + 1];
	char input[INPUT + 1];
	struct reader reader;
};

/* failed -- report what became of a call to the sink.  Returns the exit status. */
static int
failed(const struct send *s)
{
	int err = errno;

	/* no room is an answer, not an error */
	return err == EAGAIN ? CLI_NOT_NOW : cli_fail("send to", s->sink.name);
}

/* report -- with -v, print the ids of what was sent last. */
static void
report(const struct send *s)
{
	if (!s->verbose || s->sink.first_id == 0)
		return;
	for (uint64_t id = s->sink.first_id; id <= s->sink.last_id; id++)
		printf("%llu\n", (unsigned long long)id);
	fflush(stdout);
}

static int
flush(struct send *s)
{
	int r = sink_flush(&s->sink), err = errno;

	report(s);
	errno = err;
	return r == -1 ? failed(s) : CLI_OK;
}

/* put -- send one message that is in memory; it may wait in the sink for others. */
static int
put(struct send *s, const struct message *head, const char *data, size_t len)
{
	/* a batch that fills up is sent by sink_put, which does not tell its ids */
	if (s->verbose && sink_waiting(&s->sink) == BATCH_MESSAGES / 2 && flush(s) != CLI_OK)
		return failed(s);
	return sink_put(&s->sink, head, data, len) == -1 ? failed(s) : CLI_OK;
}

/* end -- finish a message sent in pieces. */
static int
end(struct send *s)
{
	if (sink_end(&s->sink) == -1)
		return failed(s);
	report(s);
	return CLI_OK;
}

/* cannot_read -- standard input failed: the message begun does not exist. */
static int
cannot_read(struct send *s)
{
	int status = cli_fail("read", "standard input");

	sink_abort(&s->sink);
	return status;
}

/* send_operands -- the operands, joined by spaces and ended by a newline, as one message. */
static int
send_operands(struct send *s, char *const *words)
{
	size_t len = 0;
	char *text, *p;
	int status;

	for (char *const *w = words; *w != NULL; w++)
		len += strlen(*w) + 1;
	p = text = malloc(len);
	if (text == NULL)
		return cli_fail("send to", s->sink.name);
	for (char *const *w = words; *w != NULL; w++) {
		p = stpcpy(p, *w);
		*p++ = w[1] != NULL ? ' ' : '\n';
	}
	s->head.len = len;
	if (len <= BATCH_INLINE)
		status = put(s, &s->head, text, len);
	else if (sink_begin(&s->sink, &s->head) == -1 || sink_data(&s->sink, text, len) == -1)
		status = failed(s);
	else
		status = end(s);
	free(text);
	return status;
}

/* send_rest -- a message of which have bytes are in s->input, and the rest still to be read to the end. */
static int
send_rest(struct send *s, size_t have)
{
	ssize_t n = (ssize_t)have;

	s->head.len = MESSAGE_LEN_UNKNOWN;
	if (sink_begin(&s->sink, &s->head) == -1)
		return failed(s);
	do {
		if (sink_data(&s->sink, s->input, (size_t)n) == -1) {
			int status = failed(s);

			sink_abort(&s->sink);
			return status;
		}
		n = io_read(STDIN_FILENO, s->input, INPUT);
	} while (n > 0);
	return n == -1 ? cannot_read(s) : end(s);
}

/* send_all -- standard input, to its end, as one message. */
static int
send_all(struct send *s)
{
	ssize_t n = io_read_full(STDIN_FILENO, s->input, INPUT + 1);

	if (n == -1)
		return cannot_read(s);
	if (n > INPUT)
		return send_rest(s, (size_t)n);
	s->head.len = (uint64_t)n;
	return put(s, &s->head, s->input, (size_t)n);
}

/*
 * send_long -- a record that does not fit in s->input, which is full of its beginning, in pieces.
 * Leaves what follows it at the start of s->input.  Returns CLI_OK with *have set, or the exit status.
 */
static int
send_long(struct send *s, char mark, size_t *have)
{
	const char *at = NULL;
	size_t len = *have;
	ssize_t n;

	s->head.len = MESSAGE_LEN_UNKNOWN;
	if (sink_begin(&s->sink, &s->head) == -1)
		return failed(s);
	while (at == NULL) {
		if (sink_data(&s->sink, s->input, len) == -1) {
			int status = failed(s);

			sink_abort(&s->sink);
			return status;
		}
		n = io_read(STDIN_FILENO, s->input, INPUT);
		if (n == -1)
			return cannot_read(s);
		*have = 0;
		if (n == 0)
			return end(s);
		at = memchr(s->input, mark, (size_t)n);
		len = at == NULL ? (size_t)n : (size_t)(at - s->input);
		*have = (size_t)n;
	}
	if (sink_data(&s->sink, s->input, len) == -1)
		return failed(s);
	*have -= len + 1;
	memmove(s->input, at + 1, *have);
	return end(s);
}

/* send_records -- every record of standard input is a message; what one read(2) gave goes at one stroke. */
static int
send_records(struct send *s, char mark)
{
	size_t have = 0;
	ssize_t n;
	int status;

	while ((n = io_read(STDIN_FILENO, s->input + have, INPUT - have)) > 0) {
		const char *p = s->input, *limit = s->input + have + n, *at;

		while ((at = memchr(p, mark, (size_t)(limit - p))) != NULL) {
			status = put(s, &s->head, p, (size_t)(at - p));
			if (status != CLI_OK)
				return status;
			p = at + 1;
		}
		status = flush(s);
		if (status != CLI_OK)
			return status;
		have = (size_t)(limit - p);
		memmove(s->input, p, have);
		if (have == INPUT && (status = send_long(s, mark, &have)) != CLI_OK)
			return status;
	}
	if (n == -1)
		return cannot_read(s);
	return have > 0 ? put(s, &s->head, s->input, have) : CLI_OK;
}

/* send_frame -- send one message of the frame stream on. */
static int
send_frame(struct send *s, struct message *m)
{
	ssize_t n;

	m->id = 0;
	m->attempt = 0;
	m->uid = -1;
	if (m->data != NULL && m->len <= BATCH_INLINE)
		return put(s, m, m->data, m->len);
	if (sink_begin(&s->sink, m) == -1)
		return failed(s);
	while ((n = message_read(m, s->input, INPUT)) > 0) {
		if (sink_data(&s->sink, s->input, (size_t)n) == -1) {
			int status = failed(s);

			sink_abort(&s->sink);
			return status;
		}
	}
	if (n == -1) {
		sink_abort(&s->sink);
		return -1;
	}
	return end(s);
}

/* send_frames -- standard input is frames. */
static int
send_frames(struct send *s)
{
	struct message m;
	int r, status = CLI_OK;

	reader_init(&s->reader, STDIN_FILENO, READER_ALL);
	for (;;) {
		if (!reader_buffered(&s->reader) && (status = flush(s)) != CLI_OK)
			return status;
		r = reader_next(&s->reader, &m);
		if (r == 1)
			status = send_frame(s, &m);
		if (r == 0 || (r == 1 && status > CLI_OK))
			return status;
		if (r == -1 || status == -1) {
			status = errno == EBADMSG ? CLI_DATA : cli_status(errno);
			if (errno == EBADMSG)
				cli_warn("standard input: byte %llu: %s", (unsigned long long)s->reader.offset,
				    s->reader.reason);
			else
				cli_fail("read", "standard input");
			flush(s);
			return status;
		}
	}
}

/* add_header -- -H KEY=VALUE.  Returns 0, or -1 when it is refused, with the reason printed. */
static int
add_header(struct send *s, const char *arg)
{
	static const char *const ours[] = { "id", "time", "try", "uid", "big" };
	const char *equals = strchr(arg, '=');
	struct slice key = { arg, equals == NULL ? 0 : (size_t)(equals - arg) }, seen;
	char name[FRAME_KEY_MAX + 1];
	size_t room = sizeof s->extra - s->extra_len;
	long n;

	if (!frame_key_ok(key)) {
		cli_usage("-H: '%s' is not KEY=VALUE with a key of a-z, 0-9 and -", arg);
		return -1;
	}
	memcpy(name, key.p, key.len);
	name[key.len] = '\0';
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (slice_is(key, ours[i])) {
			cli_usage("-H: '%s' is not a sender's to set", name);
			return -1;
		}
	if (frame_header((struct slice){ s->extra, s->extra_len }, name, &seen)) {
		cli_usage("-H: '%s' is given twice", name);
		return -1;
	}
	if (s->extra_len + key.len + 2 < sizeof s->extra) {
		if (s->extra_len > 0)
			s->extra[s->extra_len++] = ' ';
		memcpy(s->extra + s->extra_len, arg, key.len + 1);
		s->extra_len += key.len + 1;
		room = sizeof s->extra - s->extra_len;
		n = frame_encode(s->extra + s->extra_len, room, slice_of(equals + 1));
		if (n != -1) {
			s->extra_len += (size_t)n;
			return 0;
		}
	}
	cli_usage("-H: the headers are too long");
	return -1;
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
	int opt, status;

	while ((opt = getopt_long(argc, argv, "+0FH:lns:t:vw:hV", long_options, NULL)) != -1) {
		switch (opt) {
		case '0': case 'F': case 'l':
			if ((status = set_form(s, (char)opt)) != CLI_OK)
				return status;
			break;
		case 'H':
			if (add_header(s, optarg) == -1)
				return CLI_USAGE;
			break;
		case 'n':
			s->sink.patience_ns = SINK_NOT_AT_ALL;
			break;
		case 's':
			s->source = optarg;
			break;
		case 't':
			s->head.tag = slice_of(optarg);
			if (!frame_name_ok(s->head.tag))
				return cli_usage("-t: '%s' is not a tag (1 to 255 bytes, no white space)", optarg);
			break;
		case 'v':
			s->verbose = true;
			break;
		case 'w':
			if (cli_seconds("-w", optarg, &s->sink.patience_ns) == -1)
				return CLI_USAGE;
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

int
main(int argc, char **argv)
{
	static struct send s = { .form = 'm' };
	char path[PATH_MAX];
	const char *source, *name;
	int status;

	s.sink.patience_ns = SINK_FOREVER;
	s.head = (struct message){ .tag = { "-", 1 }, .uid = -1, .fd = -1 };
	status = options(&s, argc, argv);
	if (status != -1)
		return status;
	if (optind == argc)
		return cli_usage("no channel is named");
	name = argv[optind++];
	if (optind < argc && s.form != 'm')
		return cli_usage("-%c reads standard input: it takes no message", s.form);
	source = cli_source(s.source_buf, s.source);
	if (source == NULL)
		return CLI_USAGE;
	s.head.source = slice_of(source);
	s.head.extra = (struct slice){ s.extra, s.extra_len };
	signal(SIGPIPE, SIG_IGN);
	if (cli_path(path, name) == -1 || sink_open(&s.sink, name, path, false, s.sink.patience_ns) == -1)
		return errno == EAGAIN ? CLI_NOT_NOW : cli_fail("open", name);
	if (optind < argc)
		status = send_operands(&s, argv + optind);
	else if (s.form == 'm')
		status = send_all(&s);
	else if (s.form == 'F')
		status = send_frames(&s);
	else
		status = send_records(&s, s.form == 'l' ? '\n' : '\0');
	if (status == CLI_OK)
		status = flush(&s);
	if (sink_close(&s.sink) == -1 && status == CLI_OK) {
		cli_warn("%s: %llu bytes were left unread", name, (unsigned long long)s.sink.unread);
		status = errno == ETIMEDOUT ? CLI_TIMEOUT : CLI_IO;
	}
	if (io_stop)
		cli_stopped(io_stop);
	return status;
}
