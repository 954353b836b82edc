/* SPDX-License-Identifier: ISC */
/* mrecv: receive messages from channels. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/signals.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/receive.h"
#include "tool/tell.h"

static const struct args_option table[] = {
	{ '0', "null", NULL, "end each payload with a NUL byte" },
	{ 'a', "all", NULL, "receive all messages that are there now" },
	{ 'B', "backoff", "BACKOFF", "after a failure keep a message back so long, then twice that; 1s:10m: up to 10m" },
	{ 'b', "batch", "N", "give one command up to N messages, as frames" },
	{ 'c', "count", "N", "receive N messages" },
	{ 'd', "dead", "DEADBOX", "send dead letters there: messages that failed -k times or expired" },
	{ 'e', "env", NULL, "write shell assignments of MBOX_*, safe for eval" },
	{ 'F', "frames", NULL, "write frames" },
	{ 'f', "follow", NULL, "keep receiving, until the mailbox is closed" },
	{ 'i', "id", "ID", "receive the message with this number" },
	{ 'J', "json", NULL, "write a line of JSON for each message" },
	{ 'j', "jobs", "N", "run N commands at once" },
	{ 'k', "tries", "N", "after N failed attempts a message is a dead letter (-d)" },
	{ 'l', "lines", NULL, "end each payload with a newline, unless it ends in one" },
	{ 'n', "nonblock", NULL, "do not wait: exit 1 if nothing matches" },
	{ 'o', "format", "FORMAT", "write in this format: %t %s %i %l %p %m %d %h{key} \\n \\t \\0" },
	{ 'p', "peek", NULL, "look at messages, and leave them" },
	{ 'r', "reply", NULL, "send a command's output back as the answer" },
	{ 'S', "not-source", "GLOB", "leave messages from these sources" },
	{ 's', "source", "GLOB", "receive from these sources, in order of preference" },
	{ 'T', "not-tag", "GLOB", "leave messages with these tags" },
	{ 't', "tag", "GLOB", "receive these tags, in order of preference" },
	{ 'v', "verbose", NULL, "say on standard error what became of each message" },
	{ 'w', "wait", "SECONDS", "wait at most this long for each message" },
	ARGS_COMMON
};

static const struct tool tool = { "mrecv",
    "mrecv [-0aeFfJlnprv] [-b n] [-B backoff] [-c n] [-d deadbox] [-i id] [-j n] [-k tries]\n"
    "             [-o format] [-s glob] [-S glob] [-t glob] [-T glob] [-w seconds] channel...\n"
    "             [-- command [argument...]]",
    table };

/* ---- the command line ---- */

/* fail_eval -- with -e: make the eval of what was written fail as mrecv does, in each shell. */
static void
fail_eval(int status)
{
	char line[32];

	if (status != 0)
		(void)io_write(STDOUT_FILENO, line, (size_t)snprintf(line, sizeof line, "(exit %d)\n", status));
}

/* small_count -- the value of an option, a number from 1 on, at most JOBS_MAX. */
static uint32_t
small_count(const struct args *a)
{
	uint64_t n = args_count(a, false);

	return n < JOBS_MAX ? (uint32_t)n : JOBS_MAX;
}

static void
option(struct receive *r, const struct args *a, int opt)
{
	switch (opt) {
	case '0': case 'e': case 'F': case 'J': case 'l': case 'o':
		args_form(&r->form, opt);
		if (opt == 'e')
			cli_at_exit(fail_eval);
		if (opt == 'o')
			r->format = a->value;
		break;
	case 'a':
		r->all = true;
		break;
	case 'B':
		r->backoff = true;
		args_backoff(a, &r->deliver.backoff_us, &r->deliver.backoff_most_us);
		break;
	case 'b':
		r->jobs.batch = small_count(a);
		break;
	case 'c':
		r->counted = true;
		r->count = args_count(a, false);
		break;
	case 'd':
		r->dead_name = a->value;
		break;
	case 'f':
		r->follow = true;
		break;
	case 'i':
		r->sources.id = args_count(a, false);
		break;
	case 'j':
		r->jobs.limit = small_count(a);
		break;
	case 'k':
		r->deliver.max_tries = small_count(a);
		break;
	case 'n':
		r->now = true;
		break;
	case 'p':
		r->sources.peek = true;
		break;
	case 'r':
		r->jobs.reply = true;
		break;
	case 's': case 'S': case 't': case 'T':
		args_glob(a, &r->sources.filter, opt);
		break;
	case 'v':
		r->deliver.tell = tell_end;
		break;
	case 'w':
		r->sources.timeout_ns = args_seconds(a);
		break;
	}
}

/*
 * arguments -- read options and channels, in any order, and the command: what follows the first "--" behind a channel.
 * A "--" before any channel ends the options, and only them.
 */
static void
arguments(struct receive *r, int argc, char **argv)
{
	struct args a;
	int opt;
	uint32_t n = 0;

	cli_begin(&tool);
	args_init(&a, &tool, argc, argv);
	r->channels = argv;
	while ((opt = args_next(&a)) != 0) {
		if (opt == ARGS_OPERAND)
			r->channels[n++] = a.value;
		else
			option(r, &a, opt);
	}
	if (a.ended && n == 0) {
		for (a.ended = false; *a.next != NULL && !a.ended; a.next++)
			if (n > 0 && strcmp(*a.next, "--") == 0)
				a.ended = true;
			else
				r->channels[n++] = *a.next;
	}
	r->sources.n = n;
	r->jobs.command = a.ended ? a.next : NULL;
	if (a.ended && *a.next == NULL)
		cli_usage("no command follows --");
}

/* check -- refuse options that exclude each other, and set those that others imply. */
static void
check(struct receive *r)
{
	if (r->sources.n == 0)
		cli_usage("no channel is named");
	if (r->all && r->follow)
		cli_usage("-a and -f exclude each other");
	if (r->now && r->sources.timeout_ns != UINT64_MAX)
		cli_usage("-n and -w exclude each other");
	if (r->now)
		r->sources.timeout_ns = 0;
	if (r->jobs.command != NULL && r->form != 0)
		cli_usage("-%c chooses an output form: with a command the payload is its input", r->form);
	if (r->jobs.command != NULL && r->sources.peek)
		cli_usage("-p does not claim messages: it does not go with a command");
	if (r->jobs.command == NULL && (r->jobs.batch > 0 || r->jobs.reply || r->jobs.limit > 1 || r->backoff))
		cli_usage("-b, -B, -j and -r need a command after --");
	if (r->deliver.tell != NULL && r->jobs.command == NULL && r->dead_name == NULL)
		cli_usage("-v tells of commands, and of dead letters: it needs a command after --, or -d");
	if (r->jobs.batch > 0 && r->jobs.reply)
		cli_usage("-r answers one message: it does not go with -b");
	if (r->deliver.max_tries > MAILBOX_TRIES_MAX)
		r->deliver.max_tries = MAILBOX_TRIES_MAX;
	if (r->deliver.max_tries > 0 && (r->dead_name == NULL || r->jobs.command == NULL))
		cli_usage("-k counts failures of a command: it needs one, and a mailbox for dead letters (-d)");
	if (r->dead_name != NULL && r->sources.peek)
		cli_usage("-p does not claim messages: it does not go with -d");
	if ((r->all || r->follow || r->jobs.batch > 0) && !r->counted)
		r->count = UINT64_MAX;
	if (r->form == 0 && (r->all || r->follow || r->counted))
		r->form = 'l';
}

int
main(int argc, char **argv)
{
	static struct receive r;
	static char source[FRAME_NAME_MAX + 1];
	int status;

	r.count = 1;
	r.jobs.limit = 1;
	r.deliver.backoff_us = MAILBOX_BACKOFF_US;
	r.deliver.backoff_most_us = MAILBOX_BACKOFF_MOST_US;
	r.sources.timeout_ns = UINT64_MAX;
	r.sources.locked = cli_locked;
	r.sources.tell_unjudged = cli_unjudged;
	r.sources.tell_why = cli_held;
	arguments(&r, argc, argv);
	check(&r);
	if (r.jobs.reply)
		r.jobs.source = cli_source(source, NULL);
	receive_open(&r);
	signals_ignore(SIGPIPE);
	if (r.jobs.command != NULL)
		io_catch_stop();
	status = receive_all(&r);
	receive_close(&r);
	if (io_stop)
		cli_stopped(io_stop);
	cli_exit(status);
}
