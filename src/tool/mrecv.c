/* SPDX-License-Identifier: ISC */
/* mrecv: receive messages from channels. */
#include <signal.h>
#include <string.h>

#include "base/io.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/receive.h"

static const struct args_option table[] = {
	{ '0', "null", NULL, "end each payload with a NUL" },
	{ 'a', "all", NULL, "receive all messages that are there now" },
	{ 'b', "batch", "N", "up to N messages, as frames, for one command" },
	{ 'c', "count", "N", "receive N messages" },
	{ 'd', "dead", "DEADBOX", "where messages go that failed -k times, or expired" },
	{ 'e', "env", NULL, "write shell assignments of MBOX_*, safe for eval" },
	{ 'F', "frames", NULL, "write frames" },
	{ 'f', "follow", NULL, "receive for ever" },
	{ 'i', "id", "ID", "receive the message with this number" },
	{ 'J', "json", NULL, "write a line of JSON for each message" },
	{ 'j', "jobs", "N", "run N commands at once" },
	{ 'k', "tries", "N", "after N failures of the command it goes to the -d mailbox" },
	{ 'l', "lines", NULL, "end each payload with a newline, unless it ends in one" },
	{ 'n', "nonblock", NULL, "do not wait: exit 1 where nothing matches" },
	{ 'o', "format", "FORMAT", "write by a format: %t %s %i %l %p %m %d %h{key} \\n \\t \\0" },
	{ 'p', "peek", NULL, "look, take nothing" },
	{ 'r', "reply", NULL, "a command's output is the answer to its message" },
	{ 'S', "not-source", "GLOB", "leave messages of these sources" },
	{ 's', "source", "GLOB", "receive from these sources, tried in the order given" },
	{ 'T', "not-tag", "GLOB", "leave messages with these tags" },
	{ 't', "tag", "GLOB", "receive these tags, tried in the order given" },
	{ 'w', "wait", "SECONDS", "wait no longer than this for each next message" },
	ARGS_COMMON
};

static const struct tool tool = { "mrecv",
    "mrecv [-0aeFfJlnpr] [-b n] [-c n] [-d deadbox] [-i id] [-j n] [-k tries] [-o format]\n"
    "             [-s glob] [-S glob] [-t glob] [-T glob] [-w seconds] channel... [-- command [argument...]]",
    table };

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
small_count(const struct args *a, uint32_t *count)
{
	uint64_t n;

	if (args_count(a, 1, false, &n) == -1)
		return CLI_USAGE;
	*count = n < JOBS_MAX ? (uint32_t)n : JOBS_MAX;
	return -1;
}

/* option -- take one option.  Returns -1 to go on, or the exit status. */
static int
option(struct receive *r, const struct args *a, int opt)
{
	switch (opt) {
	case '0': case 'e': case 'F': case 'J': case 'l':
		return set_form(r, (char)opt);
	case 'o':
		r->format = a->value;
		return set_form(r, 'o');
	case 'a':
		r->all = true;
		return -1;
	case 'b':
		return small_count(a, &r->jobs.batch);
	case 'c':
		r->counted = true;
		return args_count(a, 1, false, &r->count) == -1 ? CLI_USAGE : -1;
	case 'd':
		r->dead_name = a->value;
		return -1;
	case 'i':
		return args_count(a, 1, false, &r->sources.id) == -1 ? CLI_USAGE : -1;
	case 'j':
		return small_count(a, &r->jobs.limit);
	case 'k':
		return small_count(a, &r->deliver.max_tries);
	case 'f':
		r->follow = true;
		return -1;
	case 'n':
		r->now = true;
		return -1;
	case 'p':
		r->sources.peek = true;
		return -1;
	case 'r':
		r->jobs.reply = true;
		return -1;
	case 's': case 'S': case 't': case 'T':
		return args_glob(a, &r->sources.filter, opt) == -1 ? CLI_USAGE : -1;
	case 'w':
		return args_seconds(a, &r->sources.timeout_ns) == -1 ? CLI_USAGE : -1;
	}
	return -1;
}

/*
 * arguments -- read options and channels, in any order, and the command: what follows the first "--" behind a channel.
 * A "--" before any channel ends the options, and only them.  Returns -1 to go on, or the exit status.
 */
static int
arguments(struct receive *r, int argc, char **argv)
{
	struct args a;
	int opt, status;
	uint32_t n = 0;

	cli_begin(&tool);
	args_init(&a, &tool, argc, argv);
	r->channels = argv;
	while ((opt = args_next(&a)) != 0) {
		if (opt == ARGS_OPERAND)
			r->channels[n++] = a.value;
		else if ((status = option(r, &a, opt)) != -1)
			return status;
	}
	if (a.ended && n == 0) {
		for (a.ended = false; *a.next != NULL && !a.ended; a.next++)
			if (n > 0 && strcmp(*a.next, "--") == 0)
				a.ended = true;
			else
				r->channels[n++] = *a.next;
	}
	r->sources.n = n;
	if (!a.ended)
		return -1;
	r->jobs.command = a.next;
	return *a.next == NULL ? cli_usage("no command after --") : -1;
}

/* check -- what goes with what. */
static int
check(struct receive *r)
{
	if (r->sources.n == 0)
		return cli_usage("no channel is named");
	if (r->all && r->follow)
		return cli_usage("-a and -f exclude each other");
	if (r->now && r->sources.timeout_ns != UINT64_MAX)
		return cli_usage("-n and -w exclude each other");
	if (r->now)
		r->sources.timeout_ns = 0;
	if (r->jobs.command != NULL && r->form != 0)
		return cli_usage("-%c chooses an output: a command takes the payload", r->form);
	if (r->jobs.command != NULL && r->sources.peek)
		return cli_usage("-p takes nothing: there is nothing for a command to acknowledge");
	if (r->jobs.command == NULL && (r->jobs.batch > 0 || r->jobs.reply || r->jobs.limit > 1))
		return cli_usage("-b, -j and -r are for commands: none is named after --");
	if (r->jobs.batch > 0 && r->jobs.reply)
		return cli_usage("-r answers one message: it does not go with -b");
	if (r->deliver.max_tries > MAILBOX_TRIES_MAX)
		r->deliver.max_tries = MAILBOX_TRIES_MAX;
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
	r.sources.timeout_ns = UINT64_MAX;
	r.sources.event_fd = -1;
	r.sources.locked = cli_locked;
	r.sources.tell_unjudged = cli_unjudged;
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
