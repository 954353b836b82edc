/* SPDX-License-Identifier: ISC */
/* mcall: send a request to a mailbox and print the answer. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/memory.h"
#include "channel/input.h"
#include "deliver/output.h"
#include "deliver/replybox.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/framed.h"
#include "tool/header.h"
#include "tool/line.h"
#include "tool/progress.h"

static const struct args_option table[] = {
	{ 'F', "frame", NULL, "the request is a frame of standard input; so the answer" },
	{ 'H', "header", "KEY=VALUE", "add a header" },
	{ 's', "source", "NAME", "the sender (default $MBOX_SOURCE, else LOGIN.PPID)" },
	{ 't', "tag", "TAG", "the tag of the request (default -, none)" },
	{ 'v', "verbose", NULL, "show how far it is, and the total at the end" },
	{ 'w', "wait", "SECONDS", "wait at most this long for the answer" },
	ARGS_COMMON
};

static const struct tool tool = { "mcall",
    "mcall [-Fv] [-H key=value] [-s source] [-t tag] [-w seconds] mailbox\n"
    "             [message...]",
    table, { "mcall -w 5 desk what time is it", "mcall desk <request >answer" }, CLI_CARRIES };

#define LOOK_NS UINT64_C(1000000000)            /* interval at which the request is checked */

struct caller {
	const char *name;               /* of the mailbox, as the user typed it */
	uint64_t timeout_ns, deadline_ns;
	char source_buf[FRAME_NAME_MAX + 1];
	struct header header;
	struct replybox box;             /* for the answer */
	struct sink sink;               /* for the request */
	struct input input;
	struct output output;
	bool framed, verbose, broken;   /* -F, -v; the reader of standard output has gone */
};

/* The headers that are mcall's and the server's. */
static const char *const ours[] = { "call", "reply", "re", "status", NULL };

/* options -- read the command line. */
static void
options(struct caller *c, struct args *a)
{
	const struct args_flag flags[] = { { 'F', &c->framed }, { 'v', &c->verbose }, { 0, NULL } };
	const char *source = NULL;
	int opt;

	while ((opt = args_leading(a)) != 0) {
		args_flag(flags, opt);
		switch (opt) {
		case 'H':
			header_add(&c->header, a, ours);
			break;
		case 's':
			source = a->value;
			break;
		case 't':
			c->input.head.tag = args_tag(a);
			break;
		case 'w':
			c->timeout_ns = args_seconds(a);
			break;
		}
	}
	if (*a->next == NULL)
		cli_usage("no mailbox is named");
	c->name = *a->next++;
	if (c->framed && (c->header.len > 0 || source != NULL || !slice_is(c->input.head.tag, "-") || *a->next != NULL))
		cli_refuse("-F takes the request from standard input: -H, -s, -t and a message do not go with it");
	c->input.head.source = slice_of(cli_source(c->source_buf, source));
}

/* own_failure -- report what failed, but for a time-out or a signal.  Returns the exit status. */
static int
own_failure(const char *what, const char *object)
{
	if (errno == ETIMEDOUT)
		return CLI_TIMEOUT;
	if (errno == EINTR && io_stop)
		return CLI_OWN_FAILURE;
	return cli_fail(what, object) == CLI_TIMEOUT ? CLI_TIMEOUT : CLI_OWN_FAILURE;
}

/* prepare -- open the mailbox, and make the one for the answer.  Returns -1 to go on, or the exit status. */
static int
prepare(struct caller *c)
{
	static LARGE char path[PATH_MAX];
	enum channel_kind kind;
	int r = cli_path(path, c->name);

	/* a request is sent only if its answer can be printed */
	if (io_open_to(STDOUT_FILENO, O_WRONLY) == -1)
		return own_failure("write to", "standard output");
	if (r == 0 && open_kind(path, &kind) == 0 && kind != CHANNEL_MAILBOX)
		r = fail_with(ENODEV);
	c->sink.sender.end_ns = c->deadline_ns == CLOCK_NEVER ? 0 : c->deadline_ns;
	c->sink.sender.while_served = true;
	if (r == -1 || sink_open(&c->sink, c->name, path, false, c->timeout_ns) == -1)
		return own_failure("open", c->name);
	if (replybox_make(&c->box, &c->sink.sender, path) == -1)
		return own_failure("make a mailbox in", c->box.called != NULL ? c->name : c->box.dir);
	if (header_put(&c->header, "reply", c->box.reply) == -1 || header_put(&c->header, "call", c->box.secret) == -1)
		return own_failure("send to", c->name);
	c->input.sink = &c->sink;
	c->input.head.extra = (struct slice){ c->header.text, c->header.len };
	return -1;
}

/* print_answer -- print the answer.  Returns the exit status, which is the answer's. */
static int
print_answer(struct caller *c, struct message *m)
{
	struct slice value;
	uint64_t status = 0;
	int r;

	if (frame_header(m->extra, "status", &value) == 1 && (num_parse(value, &status) == -1 || status > 255))
		status = CLI_OWN_FAILURE;
	progress_next(TALLY_WRITTEN, " of the answer", c->verbose && !isatty(STDOUT_FILENO));
	r = output_message(&c->output, c->name, m);
	io_close(m->fd);
	if (r == 0 && output_flush(&c->output) == 0)
		return (int)status;
	c->broken = errno == EPIPE;
	return c->broken ? CLI_OWN_FAILURE : own_failure("write to", "standard output");
}

/* listen_for -- wait for the answer.  Returns the exit status, or -1: it has not come. */
static int
listen_for(struct caller *c, uint64_t timeout_ns)
{
	struct message m;
	int r = replybox_next(&c->box, timeout_ns, &m);

	if (r == 1)
		return print_answer(c, &m);
	return r == 0 ? -1 : own_failure("receive from", c->name);
}

/*
 * end_of_wait -- the request is gone, or its server died: look for an answer one last time.  Returns the exit status.
 */
static int
end_of_wait(struct caller *c, const char *why)
{
	int status = listen_for(c, 0);

	if (status == -1)
		line_warn("%s: %s", c->name, why);
	return status == -1 ? CLI_OWN_FAILURE : status;
}

/* await_answer -- wait for the answer, until it is clear that none will come.  Returns the exit status. */
static int
await_answer(struct caller *c)
{
	const char *why;
	bool gone = false;
	int status, look;

	for (;;) {
		uint64_t now = clock_mono_ns(), left = c->deadline_ns > now ? c->deadline_ns - now : 0;

		status = listen_for(c, left < LOOK_NS ? left : LOOK_NS);
		if (status != -1)
			return status;
		if (left <= LOOK_NS)
			return request_withdraw(&c->sink.sender) == -1 ? own_failure("withdraw from", c->name) : CLI_TIMEOUT;
		if (sink_sends_only(&c->sink))
			continue;       /* send-only access does not show the request */
		look = request_look(&c->sink.sender, c->input.head.tag, c->input.head.source);
		/* a server that settled the request before it answered has had a second since it was gone */
		why = look == REQUEST_LOST ? "the server died"
		    : look == REQUEST_DROPPED ? "the request left the mailbox without being received"
		    : look == REQUEST_GONE && gone ? "the request has left the mailbox, and was not answered" : NULL;
		if (why != NULL)
			return end_of_wait(c, why);
		gone = look == REQUEST_GONE;
		if (look == -1 && errno != EBUSY)
			return own_failure("look into", c->name);
	}
}

/* call -- send the request and print the answer.  Returns the exit status. */
static int
call(struct caller *c, char *const *words)
{
	int status = prepare(c);

	if (status != -1)
		return status;
	if ((c->framed ? framed_send(&c->input, ours) : *words != NULL ? input_words(&c->input, words)
	    : input_whole(&c->input)) == -1) {
		if (c->input.reader.reason != NULL)
			return cli_misframed("standard input", c->input.reader.offset, c->input.reader.reason), CLI_OWN_FAILURE;
		if (sink_hands_over(&c->sink) && (errno == EOWNERDEAD || errno == EPIPE))
			return end_of_wait(c, "the server died");       /* it is sent only once that is done with it */
		return own_failure(c->input.failed_at, c->input.failed_on);
	}
	status = await_answer(c);
	if (io_stop)
		request_withdraw(&c->sink.sender);
	return status;
}

int
main(int argc, char **argv)
{
	static LARGE struct caller c;
	struct args args;
	int status;

	c.timeout_ns = MAILBOX_FOREVER;
	c.input.head = (struct message){ .tag = { "-", 1 }, .uid = -1, .fd = -1 };
	cli_begin(&tool);
	args_init(&args, &tool, argc, argv);
	options(&c, &args);
	output_init(&c.output, STDOUT_FILENO, c.framed ? OUTPUT_FRAMES : OUTPUT_RAW, NULL);
	c.deadline_ns = clock_after(c.timeout_ns);
	progress_begin(TALLY_READ, TALLY_SENT, STDIN_FILENO);
	if (c.verbose)
		progress_show(*args.next != NULL || !isatty(STDIN_FILENO), true);
	io_catch_stop();
	c.box.dir_fd = -1;
	status = call(&c, args.next);
	replybox_remove(&c.box);
	cli_damage(c.name, c.sink.sender.damage);
	sink_close(&c.sink);
	progress_end();
	if (io_stop)
		cli_stopped(io_stop);
	if (c.broken)
		cli_reader_gone();
	return status;
}
