/* SPDX-License-Identifier: ISC */
/* mrecv: receive messages from channels. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>

#include "cli.h"
#include "io.h"
#include "receive.h"

const char tool_name[] = "mrecv";
const char tool_synopsis[] = "mrecv [-0aeFfJlnpr] [-b n] [-c n] [-d deadbox] [-i id] [-j n] [-k tries] [-o format]\n"
    "             [-s glob] [-S glob] [-t glob] [-T glob] [-w seconds] channel... [-- command [argument...]]";
const char tool_options[] =
    "  -0, --null             end each payload with a NUL\n"
    "  -a, --all              receive all messages that are there now\n"
    "  -b, --batch=N          up to N messages, as frames, for one command\n"
    "  -c, --count=N          receive N messages\n"
    "  -d, --dead=DEADBOX     where messages go that failed -k times, or expired\n"
    "  -e, --env              write shell assignments of MBOX_*, safe for eval\n"
    "  -F, --frames           write frames\n"
    "  -f, --follow           receive for ever\n"
    "  -i, --id=ID            receive the message with this number\n"
    "  -J, --json             write a line of JSON for each message\n"
    "  -j, --jobs=N           run N commands at once\n"
    "  -k, --tries=N          after N failures of the command it goes to the -d mailbox\n"
    "  -l, --lines            end each payload with a newline, unless it ends in one\n"
    "  -n, --nonblock         do not wait: exit 1 where nothing matches\n"
    "  -o, --format=FORMAT    write by a format: %t %s %i %l %p %m %d %h{key} \\n \\t \\0\n"
    "  -p, --peek             look, take nothing\n"
    "  -r, --reply            a command's output is the answer to its message\n"
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
	{ "batch", required_argument, NULL, 'b' },
	{ "count", required_argument, NULL, 'c' },
	{ "dead", required_argument, NULL, 'd' },
	{ "env", no_argument, NULL, 'e' },
	{ "frames", no_argument, NULL, 'F' },
	{ "follow", no_argument, NULL, 'f' },
	{ "id", required_argument, NULL, 'i' },
	{ "json", no_argument, NULL, 'J' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "tries", required_argument, NULL, 'k' },
	{ "lines", no_argument, NULL, 'l' },
	{ "nonblock", no_argument, NULL, 'n' },
	{ "format", required_argument, NULL, 'o' },
	{ "peek", no_argument, NULL, 'p' },
	{ "reply", no_argument, NULL, 'r' },
	{ "not-source", required_argument, NULL, 'S' },
	{ "source", required_argument, NULL, 's' },
	{ "not-tag", required_argument, NULL, 'T' },
	{ "tag", required_argument, NULL, 't' },
	{ "wait", required_argument, NULL, 'w' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
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

/* small_count -- the value of an option, a number from 1 on; more than JOBS_MAX is that many. */
static int
small_count(const char *name, uint32_t *count)
{
	uint64_t n;

	if (cli_count(name, optarg, 1, false, &n) == -1)
		return CLI_USAGE;
	*count = n < JOBS_MAX ? (uint32_t)n : JOBS_MAX;
	return -1;
}

/* option -- take one option.  Returns -1 to go on, or the exit status. */
static int
option(struct receive *r, int opt)
{
	switch (opt) {
	case '0': case 'e': case 'F': case 'J': case 'l':
		return set_form(r, (char)opt);
	case 'o':
		r->format = optarg;
		return set_form(r, 'o');
	case 'a':
		r->all = true;
		return -1;
	case 'b':
		return small_count("-b", &r->jobs.batch);
	case 'c':
		r->counted = true;
		return cli_count("-c", optarg, 1, false, &r->count) == -1 ? CLI_USAGE : -1;
	case 'd':
		r->dead_name = optarg;
		return -1;
	case 'i':
		return cli_count("-i", optarg, 1, false, &r->sources.id) == -1 ? CLI_USAGE : -1;
	case 'j':
		return small_count("-j", &r->jobs.limit);
	case 'k':
		return small_count("-k", &r->deliver.max_tries);
	case 'f':
		r->follow = true;
		return -1;
	case 'n':
		r->sources.patience_ns = 0;
		return -1;
	case 'p':
		r->sources.peek = true;
		return -1;
	case 'r':
		r->jobs.reply = true;
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
		while (!plain && (opt = getopt_long(argc, argv, "+0ab:c:d:eFfi:Jj:k:lno:prS:s:T:t:w:hV", long_options, NULL)) != -1)
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
			r->jobs.command = argv + optind;
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
	if (r->jobs.command != NULL && r->form != 0)
		return cli_usage("-%c chooses an output: a command takes the payload", r->form);
	if (r->jobs.command != NULL && r->sources.peek)
		return cli_usage("-p takes nothing: there is nothing for a command to acknowledge");
	if (r->jobs.command == NULL && (r->jobs.batch > 0 || r->jobs.reply || r->jobs.limit > 1))
		return cli_usage("-b, -j and -r are for commands: none is named after --");
	if (r->jobs.batch > 0 && r->jobs.reply)
		return cli_usage("-r answers one message: it does not go with -b");
	if (r->deliver.max_tries > STATE_TRIES_MAX)
		r->deliver.max_tries = STATE_TRIES_MAX;
	if (r->deliver.max_tries > 0 && (r->dead_name == NULL || r->jobs.command == NULL))
		return cli_usage("-k counts failures of a command, and takes a mailbox for dead letters (-d)");
	if (r->dead_name != NULL && r->sources.peek)
		return cli_usage("-p takes nothing: there are no dead letters");
	if ((r->all || r->follow || r->jobs.batch > 0) && !r->counted)
		r->count = UINT64_MAX;
	if (r->form == 0 && (r->all || r->follow || r->counted))
		r->form = 'l';
	return -1;
}

int
main(int argc, char **argv)
{
	static struct receive r;
	static char source[FRAME_NAME_MAX + 1];
	int status;

	r.count = 1;
	r.jobs.limit = 1;
	r.sources.patience_ns = UINT64_MAX;
	r.sources.event_fd = -1;
	status = arguments(&r, argc, argv);
	if (status == -1)
		status = check(&r);
	if (status == -1 && r.jobs.reply && (r.jobs.source = cli_source(source, NULL)) == NULL)
		status = CLI_USAGE;
	if (status == -1)
		status = receive_open(&r);
	if (status != -1)
		return status;
	signal(SIGPIPE, SIG_IGN);
	if (r.jobs.command != NULL)
		io_catch_stop();
	status = receive_all(&r);
	receive_close(&r);
	if (io_stop)
		cli_stopped(io_stop);
	return status;
}
