/* SPDX-License-Identifier: ISC */
/* mrecv: receive messages from channels. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "deliver.h"
#include "io.h"

const char tool_name[] = "mrecv";
const char tool_synopsis[] = "mrecv [-0aeFfJlnp] [-c n] [-d deadbox] [-i id] [-k tries] [-o format] [-s glob]\n"
    "             [-S glob] [-t glob] [-T glob] [-w seconds] channel... [-- command [argument...]]";
const char tool_options[] =
    "  -0, --null             end each payload with a NUL\n"
    "  -a, --all              receive all messages that are there now\n"
    "  -c, --count=N          receive N messages\n"
    "  -d, --dead=DEADBOX     where messages go that failed -k times, or expired\n"
    "  -e, --env              write shell assignments of MBOX_*, safe for eval\n"
    "  -F, --frames           write frames\n"
    "  -f, --follow           receive for ever\n"
    "  -i, --id=ID            receive the message with this number\n"
    "  -J, --json             write a line of JSON for each message\n"
    "  -k, --tries=N          after N failures of the command it goes to the -d mailbox\n"
    "  -l, --lines            end each payload with a newline, unless it ends in one\n"
    "  -n, --nonblock         do not wait: exit 1 where nothing matches\n"
    "  -o, --format=FORMAT    write by a format: %t %s %i %l %p %m %d %h{key} \\n \\t \\0\n"
    "  -p, --peek             look, take nothing\n"
    "  -S, --not-source=GLOB  leave messages of these sources\n"
    "  -s, --source=GLOB      receive from these sources, tried in the order given\n"
    "  -T, --not-tag=GLOB     leave messages with these tags\n"
    "  -t, --tag=GLOB         receive these tags, tried in the order given\n"
    "  -w, --wait=SECONDS     wait no longer than this for each next message\n"
    "  -h, --help             print this help\n"
    "  -V, --version          print the version\n";

static const struct option long_options[] = {
	{ "null", no_argument, NULL, '0' },
	{ "all", no_argument, NULL, 'a' },
	{ "count", required_argument, NULL, 'c' },
	{ "dead", required_argument, NULL, 'd' },
	{ "env", no_argument, NULL, 'e' },
	{ "frames", no_argument, NULL, 'F' },
	{ "follow", no_argument, NULL, 'f' },
	{ "id", required_argument, NULL, 'i' },
	{ "json", no_argument, NULL, 'J' },
	{ "tries", required_argument, NULL, 'k' },
	{ "lines", no_argument, NULL, 'l' },
	{ "nonblock", no_argument, NULL, 'n' },
	{ "format", required_argument, NULL, 'o' },
	{ "peek", no_argument, NULL, 'p' },
	{ "not-source", required_argument, NULL, 'S' },
	{ "source", required_argument, NULL, 's' },
	{ "not-tag", required_argument, NULL, 'T' },
	{ "tag", required_argument, NULL, 't' },
	{ "wait", required_argument, NULL, 'w' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

struct receive {
	uint64_t count;                 /* messages to receive; UINT64_MAX no bound */
	bool counted, all, follow;
	char form;                      /* the option that chose the output; 0 none */
	const char *format;
	const char *dead_name;
	char **channels;                /* NULL-terminated, in place of the operands */
	struct sources sources;
	struct output output;
	struct deliver deliver;
	struct sink dead;
};

/* ---- the command line ---- */

static int
set_form(struct receive *r, char form)
{
	if (r->form != 0 && r->form != form)
		return cli_usage("-%c and -%c exclude each other", r->form, form);
	r->form = form;
	return -1;
}

/* option -- take one option.  Returns -1 to go on, or the exit status. */
static int
option(struct receive *r, int opt)
{
	uint64_t n;

	switch (opt) {
	case '0': case 'e': case 'F': case 'J': case 'l':
		return set_form(r, (char)opt);
	case 'o':
		r->format = optarg;
		return set_form(r, 'o');
	case 'a':
		r->all = true;
		return -1;
	case 'c':
		r->counted = true;
		return cli_count("-c", optarg, 1, false, &r->count) == -1 ? CLI_USAGE : -1;
	case 'd':
		r->dead_name = optarg;
		return -1;
	case 'i':
		return cli_count("-i", optarg, 1, false, &r->sources.id) == -1 ? CLI_USAGE : -1;
	case 'k':
		if (cli_count("-k", optarg, 1, false, &n) == -1)
			return CLI_USAGE;
		r->deliver.max_tries = n < STATE_TRIES_MAX ? (uint32_t)n : STATE_TRIES_MAX;
		return -1;
	case 'f':
		r->follow = true;
		return -1;
	case 'n':
		r->sources.patience_ns = 0;
		return -1;
	case 'p':
		r->sources.peek = true;
		return -1;
	case 's': case 'S': case 't': case 'T':
		if (filter_add(&r->sources.filter, (char)opt, optarg) == -1)
			return cli_usage("-%c: '%s': %s", opt, optarg,
			    errno == E2BIG ? "the patterns are too many or too long" : "not a pattern of 1 to 255 bytes");
		return -1;
	case 'w':
		return cli_seconds("-w", optarg, &r->sources.patience_ns) == -1 ? CLI_USAGE : -1;
	case 'h':
		return cli_help();
	case 'V':
		return cli_version();
	default:
		return cli_usage(NULL);
	}
}

/* arguments -- read options and channels, in any order, and the command.  Returns -1 to go on, or the exit status. */
static int
arguments(struct receive *r, int argc, char **argv)
{
	int opt, status, n = 0;
	bool plain = false;             /* a `--` before any channel has ended the options */

	r->channels = argv;
	while (optind < argc) {
		while (!plain && (opt = getopt_long(argc, argv, "+0ac:d:eFfi:Jk:lno:pS:s:T:t:w:hV", long_options, NULL)) != -1)
			if ((status = option(r, opt)) != -1)
				return status;
		if (!plain && n == 0 && strcmp(argv[optind - 1], "--") == 0)
			plain = true;
		else if (!plain && n > 0 && strcmp(argv[optind - 1], "--") == 0)
			optind--;
		if (optind == argc)
			break;
		if (n > 0 && strcmp(argv[optind], "--") == 0) {
			if (++optind == argc)
				return cli_usage("no command after --");
			r->deliver.command = argv + optind;
			break;
		}
		r->channels[n++] = argv[optind++];
	}
	r->sources.n = (uint32_t)n;
	return -1;
}

/* check -- what goes with what. */
static int
check(struct receive *r)
{
	if (r->sources.n == 0)
		return cli_usage("no channel is named");
	if (r->all && r->follow)
		return cli_usage("-a and -f exclude each other");
	if (r->deliver.command != NULL && r->form != 0)
		return cli_usage("-%c chooses an output: a command takes the payload", r->form);
	if (r->deliver.command != NULL && r->sources.peek)
		return cli_usage("-p takes nothing: there is nothing for a command to acknowledge");
	if (r->deliver.max_tries > 0 && (r->dead_name == NULL || r->deliver.command == NULL))
		return cli_usage("-k counts failures of a command, and takes a mailbox for dead letters (-d)");
	if (r->dead_name != NULL && r->sources.peek)
		return cli_usage("-p takes nothing: there are no dead letters");
	if ((r->all || r->follow) && !r->counted)
		r->count = UINT64_MAX;
	if (r->form == 0 && (r->all || r->follow || r->counted))
		r->form = 'l';
	return -1;
}

/* ---- receiving ---- */

/* own_failure -- a failure of mrecv's own, where the exit status is otherwise the command's. */
static int
own_failure(const struct receive *r, int status)
{
	return r->deliver.command != NULL && !r->follow ? CLI_OWN_FAILURE : status;
}

static int
open_channels(struct receive *r)
{
	uint32_t n = r->sources.n;
	char (*paths)[PATH_MAX] = calloc(n, sizeof *paths);

	r->sources.list = calloc(n, sizeof *r->sources.list);
	r->sources.n = 0;
	if (paths == NULL || r->sources.list == NULL)
		return cli_fail("open", r->channels[0]);
	for (uint32_t i = 0; i < n; i++) {
		if (cli_path(paths[i], r->channels[i]) == 0 && sources_add(&r->sources, r->channels[i], paths[i]) == 0)
			continue;
		if (errno == EINVAL)
			return cli_usage("-%c: %s is no mailbox", r->sources.peek ? 'p' : 'i', r->channels[i]);
		return own_failure(r, cli_fail("open", r->channels[i]));
	}
	return -1;
}

/* open_dead -- open the mailbox for dead letters. */
static int
open_dead(struct receive *r)
{
	static char path[PATH_MAX];

	if (r->dead_name == NULL)
		return -1;
	if (cli_path(path, r->dead_name) == -1 || sink_open(&r->dead, r->dead_name, path, false, SINK_FOREVER) == -1)
		return own_failure(r, cli_fail("open", r->dead_name));
	if (r->dead.kind != CHANNEL_MAILBOX)
		return cli_usage("-d: %s is no mailbox", r->dead_name);
	for (uint32_t i = 0; i < r->sources.n; i++)
		if (r->sources.list[i].m.dev == r->dead.m.dev && r->sources.list[i].m.ino == r->dead.m.ino)
			return cli_usage("-d: %s is where the messages come from", r->dead_name);
	r->deliver.dead = &r->dead;
	return -1;
}

static int
open_output(struct receive *r)
{
	static const char letters[] = { [OUTPUT_LINES] = 'l', [OUTPUT_NULS] = '0', [OUTPUT_FRAMES] = 'F',
		[OUTPUT_JSON] = 'J', [OUTPUT_FORMAT] = 'o', [OUTPUT_ENV] = 'e' };
	enum output_form form = OUTPUT_RAW;

	for (size_t i = 0; i < sizeof letters; i++)
		if (r->form != 0 && letters[i] == r->form)
			form = (enum output_form)i;
	if (output_init(&r->output, STDOUT_FILENO, form, r->format) == -1)
		return cli_usage("-o: '%s' is not a format (%%t %%s %%i %%l %%p %%m %%d %%h{key})", r->format);
	r->sources.watched_fd = r->output.pipe && r->deliver.command == NULL ? STDOUT_FILENO : -1;
	return -1;
}

/* not_received -- sources_next failed.  Returns the exit status, or -1 to go on. */
static int
not_received(struct receive *r)
{
	const struct source *from = r->sources.from;
	int err = errno;

	if (err == ETIMEDOUT)
		return CLI_TIMEOUT;
	if (err == EPIPE)
		cli_stopped(SIGPIPE);
	if (err == EINTR && io_stop)
		return CLI_OK;
	if (err == EBADMSG && from != NULL && from->reader != NULL) {
		cli_warn("%s: byte %llu: %s", from->name, (unsigned long long)from->reader->offset,
		    from->reader->reason);
		r->deliver.status = CLI_DATA;
		return r->count == UINT64_MAX && !from->reader->broken ? -1 : own_failure(r, CLI_DATA);
	}
	errno = err;
	return own_failure(r, cli_fail("receive from", from != NULL ? from->name : r->channels[0]));
}

/* not_delivered -- deliver_run failed.  Returns the exit status. */
static int
not_delivered(struct receive *r)
{
	int err = errno, status;

	if (err == EINTR && io_stop)
		return CLI_OK;
	if (err == EPIPE && r->deliver.command == NULL) {
		sources_close(&r->sources);
		cli_stopped(SIGPIPE);
	}
	status = cli_fail(r->deliver.failed_at, r->deliver.failed_on);
	if (strcmp(r->deliver.failed_at, "run") == 0 && r->deliver.status >= CLI_CANNOT_EXECUTE)
		return r->deliver.status;
	return own_failure(r, status);
}

/*
 * wait_for_output -- claim nothing while the output is blocked: others may have it.
 * Returns 0, or -1 with errno and what failed.
 */
static int
wait_for_output(struct receive *r)
{
	struct pollfd out = { .fd = r->output.fd, .events = POLLOUT };
	int events;

	if (r->deliver.command != NULL || !r->output.pipe)
		return 0;
	if (poll(&out, 1, 0) == 1 && out.revents == POLLOUT)
		return 0;
	r->deliver.failed_at = "write to";
	r->deliver.failed_on = "standard output";
	if (sources_settle(&r->sources, 0, CLAIM_DONE, 0) == -1)
		return -1;
	io_catch_stop();
	events = io_wait(r->output.fd, POLLOUT, CLOCK_NEVER);
	if (events != -1 && (events & POLLERR))
		errno = EPIPE;
	return events == -1 || (events & POLLERR) ? -1 : 0;
}

/* receive -- until the count is reached, or nothing more is to be had. */
static int
receive(struct receive *r)
{
	uint64_t got = 0, n;
	uint32_t ask;
	int more, status;

	while (got < r->count && !io_stop) {
		ask = r->deliver.command != NULL ? 1 : r->count - got < RUN_MESSAGES ? (uint32_t)(r->count - got) : RUN_MESSAGES;
		if (wait_for_output(r) == -1)
			return not_delivered(r);
		more = sources_next(&r->sources, ask, output_room(&r->output));
		if (more == 0)
			return r->deliver.status != 0 ? r->deliver.status
			    : got > 0 && r->count == UINT64_MAX ? CLI_OK : CLI_NOT_NOW;
		if (more == -1) {
			status = not_received(r);
			if (status != -1)
				return status;
			continue;
		}
		more = deliver_run(&r->deliver, &n);
		if (more == -1)
			return not_delivered(r);
		got += n;
		if (more == 0)
			break;
	}
	if (sources_settle(&r->sources, 0, CLAIM_DONE, 0) == -1)
		return own_failure(r, cli_fail("receive from", r->channels[0]));
	return r->deliver.status;
}

int
main(int argc, char **argv)
{
	static struct receive r;
	int status;

	r.count = 1;
	r.sources.patience_ns = UINT64_MAX;
	status = arguments(&r, argc, argv);
	if (status == -1)
		status = check(&r);
	if (status == -1)
		status = open_output(&r);
	if (status != -1)
		return status;
	r.sources.all = r.all;
	r.sources.follow = r.follow;
	r.sources.single = !(r.all || r.follow) || r.deliver.command != NULL;
	r.deliver.sources = &r.sources;
	r.deliver.output = &r.output;
	r.deliver.follow = r.follow;
	r.sources.expired = r.dead_name != NULL;
	status = open_channels(&r);
	if (status == -1)
		status = open_dead(&r);
	if (status != -1)
		return status;
	signal(SIGPIPE, SIG_IGN);
	if (r.deliver.command != NULL)
		io_catch_stop();
	status = receive(&r);
	sources_close(&r.sources);
	if (r.deliver.dead != NULL)
		sink_close(&r.dead);
	if (io_stop)
		cli_stopped(io_stop);
	return status;
}
