/* SPDX-License-Identifier: ISC */
/* mcall: send a request to a mailbox and print the answer. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/signals.h"
#include "channel/input.h"
#include "deliver/output.h"
#include "deliver/replybox.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/header.h"

static const struct args_option table[] = {
	{ 'H', "header", "KEY=VALUE", "add a header" },
	{ 's', "source", "NAME", "the sender of the request (default $MBOX_SOURCE, else LOGIN.PPID)" },
	{ 't', "tag", "TAG", "the tag of the request (default -, none)" },
	{ 'w', "wait", "SECONDS", "wait at most this long for the answer" },
	ARGS_COMMON
};

static const struct tool tool = { "mcall",
    "mcall [-H key=value] [-s source] [-t tag] [-w seconds] mailbox [message...]",
    table };

#define LOOK_NS UINT64_C(1000000000)            /* interval at which the request is checked */

struct caller {
	const char *name;               /* of the mailbox, as the user typed it */
	uint64_t timeout_ns;
	uint64_t deadline_ns;
	char source_buf[FRAME_NAME_MAX + 1];
	struct header header;
	struct replybox box;             /* for the answer */
	struct sink sink;               /* for the request */
	struct input input;
	struct output output;
	bool broken;                    /* the reader of standard output has gone */
};

/* options -- read the command line. */
static void
options(struct caller *c, struct args *a)
{
	static const char *const ours[] = { "call", "reply", "re", "status", NULL };
	const char *source = NULL;
	int opt;

	while ((opt = args_leading(a)) != 0) {
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
	c->input.head.source = slice_of(cli_source(c->source_buf, source));
}

/* own_failure -- report what failed, but for a time-out or a signal.  Returns the exit status. */
static int
own_failure(const char *what, const char *object)
{
	if (errno == ETIMEDOUT)
		return CLI_TIMEOUT;
	if (errno != EINTR || !io_stop)
		cli_fail(what, object);
	return CLI_OWN_FAILURE;
}

/* prepare -- open the mailbox, and make the one for the answer.  Returns -1 to go on, or the exit status. */
static int
prepare(struct caller *c)
{
	static char path[PATH_MAX];
	enum channel_kind kind;

	/* a request is sent only if its answer can be printed */
	if (io_open_to(STDOUT_FILENO, O_WRONLY) == -1)
		return own_failure("write to", "standard output");
	if (cli_path(path, c->name) == 0 && open_kind(path, &kind) == 0 && kind != CHANNEL_MAILBOX)
		cli_usage("%s is not a mailbox", c->name);
	c->sink.sender.end_ns = c->deadline_ns == CLOCK_NEVER ? 0 : c->deadline_ns;
	c->sink.sender.while_served = true;
	c->sink.sender.locked = cli_locked;
	if (cli_path(path, c->name) == -1 || sink_open(&c->sink, c->name, path, false, c->timeout_ns) == -1)
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
		cli_warn("%s: %s", c->name, why);
	return status == -1 ? CLI_OWN_FAILURE : status;
}

/* await_answer -- wait for the answer, until it is clear that none will come.  Returns the exit status. */
static int
await_answer(struct caller *c)
{
	struct sender *s = &c->sink.sender;
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
		look = request_look(s, c->input.head.tag, c->input.head.source);
		if (look == REQUEST_LOST)
			return end_of_wait(c, "the server died");
		/* a server that settled the request before it answered has had a second since */
		if (look == REQUEST_GONE && gone)
			return end_of_wait(c, "the request was received, but not answered");
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
	if ((*words != NULL ? input_words(&c->input, words) : input_whole(&c->input)) == -1) {
		/* by rendezvous the request is sent only once the server is done with it */
		if (sink_hands_over(&c->sink) && (errno == EOWNERDEAD || errno == EPIPE))
			return end_of_wait(c, "the server died");
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
	static struct caller c;
	struct args args;
	int status;

	c.timeout_ns = MAILBOX_FOREVER;
	c.input.head = (struct message){ .tag = { "-", 1 }, .uid = -1, .fd = -1 };
	cli_begin(&tool);
	args_init(&args, &tool, argc, argv);
	options(&c, &args);
	output_init(&c.output, STDOUT_FILENO, OUTPUT_RAW, NULL);
	c.deadline_ns = clock_after(c.timeout_ns);
	signals_ignore(SIGPIPE);
	io_catch_stop();
	c.box.dir_fd = -1;
	status = call(&c, args.next);
	replybox_remove(&c.box);
	cli_damage(c.name, c.sink.sender.damage);
	sink_close(&c.sink);
	if (io_stop)
		cli_stopped(io_stop);
	if (c.broken)
		cli_reader_gone();
	return status;
}
