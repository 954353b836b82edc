/* SPDX-License-Identifier: ISC */
/* mrecv: receive messages from channels. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/memory.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/consume.h"
#include "tool/progress.h"
#include "tool/receive.h"
#include "tool/tell.h"

enum { ACK_WAIT = ARGS_LONG };

static const struct args_option table[] = {
	{ '0', "null", NULL, "end each payload with a NUL byte" },
	{ 'A', "acks", NULL, "one command gets frames, acknowledges each by a line" },
	{ ACK_WAIT, "ack-wait", "SECONDS", "with -A: give up where nothing was acknowledged so long" },
	{ 'a', "all", NULL, "receive all messages that are there now" },
	{ 'B', "backoff", "BACKOFF", "after a failure keep it back so long, then twice that;\n"
	    ARGS_MORE "1s:10m: up to 10m" },
	{ 'b', "batch", "BATCH", "give one command up to BATCH messages, as frames;\n"
	    ARGS_MORE "100:1M: of 1M bytes at most" },
	{ 'c', "count", "N", "receive N messages" },
	{ 'd', "dead", "DEADBOX", "send there what failed -k times, or expired" },
	{ 'e', "env", NULL, "write shell assignments of MBOX_*, safe for eval" },
	{ 'F', "frames", NULL, "write frames" },
	{ 'f', "follow", NULL, "keep receiving, until the mailbox is closed" },
	{ 'i', "id", "ID", "receive the message with this number" },
	{ 'J', "json", NULL, "write a line of JSON for each message" },
	{ 'j', "jobs", "N", "run N commands at once; -A: N messages unacknowledged" },
	{ 'k', "tries", "N", "after N failed attempts a message is a dead letter (-d)" },
	{ 'l', "lines", NULL, "end each payload with a newline, unless it ends in one" },
	{ 'n', "nonblock", NULL, "do not wait: exit 1 if nothing matches" },
	{ 'o', "format", "FORMAT", "write so: %t %s %i %l %p %m %d %h{key} \\n \\t \\0" },
	{ 'p', "peek", NULL, "look at messages, and leave them" },
	{ 'r', "reply", NULL, "send a command's output back as the answer" },
	{ 'S', "not-source", "GLOB", "leave messages from these sources" },
	{ 's', "source", "GLOB", "receive from these sources, in order of preference" },
	{ 'T', "not-tag", "GLOB", "leave messages with these tags" },
	{ 't', "tag", "GLOB", "receive these tags, in order of preference" },
	{ 'u', "once", NULL, "give frames the headers that msend -u needs" },
	{ 'v', "verbose", NULL, "say what became of each message; or how far it is" },
	{ 'w', "wait", "SECONDS", "wait at most this long for each message" },
	ARGS_COMMON
};

static const struct tool tool = { "mrecv",
    "mrecv [-0AaeFfJlnpruv] [-b batch] [-B backoff] [-c n] [-d deadbox]\n"
    "             [-i id] [-j n] [-k tries] [-o format] [-s glob] [-S glob] [-t glob]\n"
    "             [-T glob] [-w seconds] [--ack-wait seconds] channel...\n"
    "             [-- command [argument...]]",
    table, { "mrecv jobs", "mrecv -f -k 3 -d failed jobs -- ./work" }, CLI_RECEIVES };

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
	const struct args_flag flags[] = { { 'A', &r->acks }, { 'a', &r->all }, { 'f', &r->follow }, { 'n', &r->now },
		{ 'p', &r->sources.peek }, { 'r', &r->jobs.reply }, { 'u', &r->once }, { 'v', &r->verbose }, { 0, NULL } };

	args_flag(flags, opt);
	switch (opt) {
	case '0': case 'e': case 'F': case 'J': case 'l': case 'o':
		args_form(&r->form, opt);
		if (opt == 'e')
			cli_at_exit(fail_eval);
		if (opt == 'o')
			r->format = a->value;
		break;
	case ACK_WAIT:
		r->ack_wait_ns = args_seconds(a);
		break;
	case 'B':
		r->backoff = true;
		args_backoff(a, &r->deliver.backoff_us, &r->deliver.backoff_most_us);
		break;
	case 'b':
		r->jobs.batch = args_batch(a, JOBS_MAX, &r->sources.most);
		break;
	case 'c':
		r->counted = true;
		r->count = args_count(a, false);
		break;
	case 'd':
		r->dead_name = a->value;
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
	case 's': case 'S': case 't': case 'T':
		args_glob(a, &r->sources.filter, opt);
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
		if (opt != ARGS_OPERAND) {
			option(r, &a, opt);
			continue;
		}
		if (n == 1)
			args_not_command(&a);           /* the words are still in their places */
		r->channels[n++] = a.value;
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
	consume_check(r);
	if (r->all && r->follow)
		cli_refuse("-a and -f exclude each other");
	if (r->now && r->sources.timeout_ns != UINT64_MAX)
		cli_refuse("-n and -w exclude each other");
	if (r->now)
		r->sources.timeout_ns = 0;
	if (r->jobs.command != NULL && r->form != 0)
		cli_refuse("-%c chooses an output form: with a command the payload is its input", r->form);
	if (r->jobs.command != NULL && r->sources.peek)
		cli_refuse("-p does not claim messages: it does not go with a command");
	if (r->jobs.command == NULL && !r->acks && (r->jobs.batch > 0 || r->jobs.reply || r->jobs.limit > 1 || r->backoff))
		cli_refuse("-b, -B, -j and -r need a command after --");
	if (r->once && !r->acks && (r->jobs.command != NULL ? r->jobs.batch == 0 : r->form != 'F'))
		cli_refuse("-u gives headers to frames: it goes with -F, with -A, or with -b and a command");
	if (r->jobs.batch > 0 && r->jobs.reply)
		cli_refuse("-r answers one message: it does not go with -b");
	if (r->deliver.max_tries > MAILBOX_TRIES_MAX)
		r->deliver.max_tries = MAILBOX_TRIES_MAX;
	if (r->deliver.max_tries > 0 && (r->dead_name == NULL || (r->jobs.command == NULL && !r->acks)))
		cli_refuse("-k counts failures of a command: it needs one, and a mailbox for dead letters (-d)");
	if (r->dead_name != NULL && r->sources.peek)
		cli_refuse("-p does not claim messages: it does not go with -d");
	if ((r->all || r->follow || r->jobs.batch > 0) && !r->counted)
		r->count = UINT64_MAX;
	if (r->form == 0 && !r->acks && (r->all || r->follow || r->counted))
		r->form = 'l';
}

/* show -- with -v: tell what became of each message, where there is more to tell of it than that it came; or how far it is. */
static void
show(struct receive *r)
{
	const bool tells = r->jobs.command != NULL || r->acks || r->dead_name != NULL;
	const struct inlet *one = r->sources.list;

	progress_ends(r->sources.n == 1 && one->kind == CHANNEL_FILE && !r->follow ? one->fd : -1, r->count);
	if (r->verbose && tells)
		r->deliver.tell = tell_end;
	if (r->verbose)
		progress_show(r->jobs.command == NULL && !isatty(STDOUT_FILENO), !tells);
}

int
main(int argc, char **argv)
{
	static LARGE struct receive r;
	static char source[FRAME_NAME_MAX + 1];
	int status;

	r.count = 1;
	r.deliver.backoff_us = MAILBOX_BACKOFF_US;
	r.deliver.backoff_most_us = MAILBOX_BACKOFF_MOST_US;
	r.sources.timeout_ns = UINT64_MAX;
	r.sources.tell_unjudged = cli_unjudged;
	r.sources.tell_why = cli_held;
	r.sources.place = r.place;
	arguments(&r, argc, argv);
	check(&r);
	if (r.jobs.reply)
		r.jobs.source = cli_source(source, NULL);
	progress_begin(r.jobs.command != NULL && !r.acks ? TALLY_NOTHING : TALLY_WRITTEN, TALLY_RECEIVED, -1);
	receive_open(&r);
	show(&r);
	if (r.jobs.command != NULL)
		io_catch_stop();
	status = r.acks ? consume_all(&r) : receive_all(&r);
	receive_close(&r);
	progress_end();
	if (io_stop)
		cli_stopped(io_stop);
	cli_exit(status);
}
