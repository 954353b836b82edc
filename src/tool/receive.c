/* SPDX-License-Identifier: ISC */
/* receive: see receive.h.  inlet.h and jobs.h tell what a crash leaves. */
#include "tool/receive.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/nofile.h"
#include "base/signals.h"
#include "base/tally.h"
#include "tool/cli.h"
#include "tool/line.h"

/* Reasons to start no more commands that are not an exit status. */
enum { NOTHING_MORE = -2, ENOUGH = -3 };

/* Further results of next_or_flush. */
enum { FLUSHED = 2, CANNOT_WRITE = 3 };

/* not_delivered: one message failed, and others follow. */
enum { GO_ON = -1 };

/* own_failure -- the exit status for a failure of mrecv itself: 125 where otherwise it would be the command's. */
static int
own_failure(const struct receive *r, int status)
{
	return r->jobs.command != NULL && !r->follow ? CLI_OWN_FAILURE : status;
}

/* cannot -- report a failure before anything was received, and exit. */
static _Noreturn void
cannot(const struct receive *r, const char *what, const char *object)
{
	cli_exit(own_failure(r, cli_fail(what, object)));
}

static void
open_channels(struct receive *r)
{
	enum channel_kind kind;
	uint32_t n = r->sources.n;

	/* no allocation for one channel: the first malloc(3) of a process is expensive */
	r->sources.list = n == 1 ? &r->source : calloc(n, sizeof *r->sources.list);
	r->sources.n = 0;
	r->paths = n == 1 ? &r->path : calloc(n, sizeof *r->paths);
	if (r->paths == NULL || r->sources.list == NULL)
		cannot(r, "open", r->channels[0]);
	/* look for all before any is opened: /dev/fd/4 must not be one of our own files */
	for (uint32_t i = 0; i < n; i++) {
		r->paths[i] = cli_path_new(r->channels[i]);
		if (r->paths[i] == NULL || (n > 1 && open_kind(r->paths[i], &kind) == -1))
			cannot(r, "open", r->channels[i]);
	}
	for (uint32_t i = 0; i < n && r->jobs.command == NULL && r->output.file; i++)
		if (cli_feeds_itself(r->channels[i], r->paths[i], "-"))
			cli_exit(CLI_IO);
	if (n > 1 || r->jobs.limit > 1)
		nofile_need((uint64_t)n + r->jobs.limit);
	for (uint32_t i = 0; i < n; i++) {
		if (select_add(&r->sources, r->channels[i], r->paths[i]) == 0)
			continue;
		if (errno == EINVAL)
			cli_refuse("-%c: %s is not a mailbox", r->sources.peek ? 'p' : 'i', r->channels[i]);
		cannot(r, "open", r->channels[i]);
	}
}

/* check_offers -- refuse to peek at payloads in a mailbox of capacity 0: senders keep them until they are received. */
static void
check_offers(const struct receive *r)
{
	for (uint32_t i = 0; i < r->sources.n && r->sources.peek && output_needs_payload(&r->output); i++)
		if (r->sources.list[i].receiver.hands_over)
			cli_refuse("-p: %s has capacity 0 and holds no payloads: use -J, or -o without %%p",
			    r->sources.list[i].name);
}

static void
tell_full(const char *dead)
{
	line_warn("%s has no room for dead letters: they are put back, and come again", dead);
}

/* open_dead -- open the mailbox for dead letters. */
static void
open_dead(struct receive *r)
{
	static LARGE char path[PATH_MAX];

	if (r->dead_name == NULL)
		return;
	if (cli_path(path, r->dead_name) == -1 || sink_open(&r->dead, r->dead_name, path, false, MAILBOX_NOT_AT_ALL) == -1) {
		if (errno == EALREADY)
			cli_refuse("-d: %s is one of the channels to receive from", r->dead_name);
		cannot(r, "open", r->dead_name);
	}
	if (!sink_is_mailbox(&r->dead) || sink_sends_only(&r->dead))
		cli_refuse("-d: %s is not a mailbox", r->dead_name);
	r->deliver.dead = &r->dead;
	r->deliver.tell_full = tell_full;
}

static void
open_output(struct receive *r)
{
	static const char letters[] = { [OUTPUT_LINES] = 'l', [OUTPUT_NULS] = '0', [OUTPUT_FRAMES] = 'F',
		[OUTPUT_JSON] = 'J', [OUTPUT_FORMAT] = 'o', [OUTPUT_ENV] = 'e' };
	enum output_form form = OUTPUT_RAW;

	for (size_t i = 0; i < sizeof letters; i++)
		if (r->form != 0 && letters[i] == r->form)
			form = (enum output_form)i;
	if (output_init(&r->output, STDOUT_FILENO, form, r->format) == -1)
		cli_refuse("-o: '%s' is not a format (%%t %%s %%i %%l %%p %%m %%d %%h{key})", r->format);
	/* without a usable output nothing is claimed, nor waited for; a pipe that has room is open to write to */
	r->has_room = r->output.pipe && io_had_room();
	if (r->jobs.command == NULL && !r->has_room && io_open_to(STDOUT_FILENO, O_WRONLY) == -1)
		cannot(r, "write to", "standard output");
	r->sources.watched_fd = (r->output.pipe || r->output.socket) && r->jobs.command == NULL && !r->acks
	    ? STDOUT_FILENO : -1;
}

/* goes_on -- whether what comes behind a message that was cut short is received. */
static bool
goes_on(const struct receive *r)
{
	return r->follow || (r->all && !r->counted);
}

int
receive_stray(const struct receive *r, const struct inlet *from)
{
	static const char *const why[] = { [RUN_LOOP] = "has been here before: a loop of links",
		[RUN_HOPS] = "has come through 16 mailboxes", [RUN_LONG] = "has headers of more than 3840 bytes" };

	line_warn("%s: message %llu %s: it can only be a dead letter (-d)", from->name,
	    (unsigned long long)from->receiver.stray_id, why[r->sources.run.stray]);
	return own_failure(r, CLI_DATA);
}

/* not_received -- report that select_next failed.  Returns the exit status, or -1 to go on. */
static int
not_received(struct receive *r)
{
	const struct inlet *from = r->sources.from;
	int err = errno;

	if (err == ETIMEDOUT)
		return r->cut_short ? CLI_DATA : CLI_TIMEOUT;
	if (err == EPIPE)
		return cli_reader_gone();
	if (err == EINTR && io_stop)
		return CLI_OK;
	if (err == ELOOP && r->sources.once && from != NULL && r->sources.run.stray)
		return receive_stray(r, from);
	if (err == EBADMSG && from != NULL && from->reader != NULL && from->reader->reason != NULL) {
		r->deliver.status = cli_misframed(from->name, from->reader->offset, from->reader->reason);
		r->cut_short = true;
		/* by rendezvous each message has a stream of its own */
		return goes_on(r) && (!from->reader->broken || from->kind == CHANNEL_MAILBOX)
		    ? -1 : own_failure(r, CLI_DATA);
	}
	errno = err;
	return own_failure(r, cli_fail("receive from", from != NULL ? from->name : r->channels[0]));
}

/* not_delivered -- report that a delivery or a command failed.  Returns the exit status, or GO_ON. */
static int
not_delivered(struct receive *r)
{
	bool cut = r->deliver.cut;
	int err = errno, status;

	r->deliver.cut = false;
	if (err == EINTR && io_stop)
		return CLI_OK;
	if (err == EPIPE && r->jobs.command == NULL) {
		ahead_left(&r->ahead);
		select_finish(&r->sources);
		return cli_reader_gone();
	}
	if (err == EBADMSG && cut && r->deliver.cut_reason != NULL) {
		line_warn("%s: a message was cut short: byte %llu: %s", r->deliver.failed_on,
		    (unsigned long long)r->deliver.cut_offset, r->deliver.cut_reason);
		status = CLI_DATA;
	} else if (err == EILSEQ) {
		line_warn("%s: a payload has a NUL byte, which this form cannot hold", r->deliver.failed_on);
		status = CLI_DATA;
	} else {
		status = cli_fail(r->deliver.failed_at, r->deliver.failed_on);
	}
	if (err == EBADMSG && goes_on(r) && cut) {
		r->deliver.status = own_failure(r, status);
		r->cut_short = true;
		return GO_ON;
	}
	/* a mailbox for dead letters that is closed is no failure of ours */
	if (err == ESHUTDOWN)
		return status;
	return r->jobs.cannot != 0 ? r->jobs.cannot : own_failure(r, status);
}

/* all_closed -- whether all channels are mailboxes from which nothing comes any more, whatever was asked for. */
static bool
all_closed(const struct receive *r)
{
	for (uint32_t i = 0; i < r->sources.n; i++)
		if (r->sources.list[i].kind != CHANNEL_MAILBOX || !r->sources.list[i].ended || r->sources.list[i].receiver.id != 0)
			return false;
	return true;
}

int
receive_nothing_more(const struct receive *r, uint64_t got)
{
	if (r->deliver.status != 0)
		return r->deliver.status;
	for (uint32_t i = 0; i < r->sources.n; i++)
		if (got == 0 && r->sources.list[i].receiver.unjudged)
			return own_failure(r, CLI_PERMISSION);
	return r->count == UINT64_MAX && (got > 0 || (r->follow && all_closed(r))) ? CLI_OK : CLI_NOT_NOW;
}

void
receive_damage(struct receive *r)
{
	for (uint32_t i = 0; i < r->sources.n; i++)
		cli_damage(r->sources.list[i].name, r->sources.list[i].receiver.damage);
}

/* ---- to the output ---- */

/* at_output -- a failure from here on is one of the output. */
static void
at_output(struct receive *r)
{
	r->deliver.failed_at = "write to";
	r->deliver.failed_on = "standard output";
}

/*
 * wait_for_output -- while the output is blocked, claim nothing that other receivers could have.
 * Returns 0, or -1 with errno and what failed.
 */
static int
wait_for_output(struct receive *r)
{
	const bool has_room = r->has_room;
	int events;

	r->has_room = false;
	r->sources.ends = r->output.prompt || r->output.pipe ? RUN_PROMPT : RUN_TOGETHER;
	if (!r->output.pipe && !r->output.socket)
		return 0;
	if (r->output.socket && io_taken(r->output.fd) == -1) {
		r->sources.run.delivered = 0;           /* the peer may have left before it had what is in hand */
		at_output(r);
		return -1;
	}
	if (has_room || io_ready(r->output.fd, POLLOUT) == POLLOUT)
		return 0;
	if (r->ahead.receiver == NULL) {
		r->deliver.failed_at = "receive from";
		r->deliver.failed_on = r->sources.from != NULL ? r->sources.from->name : r->channels[0];
		if (select_settle(&r->sources, 0, RECEIVER_DONE, 0) == -1)
			return -1;
	}
	at_output(r);
	io_catch_stop();
	events = io_wait(r->output.fd, POLLOUT, CLOCK_NEVER);
	if (events == -1 || (events & POLLERR) == 0)
		return events == -1 ? -1 : 0;
	errno = EPIPE;
	if (r->sources.run.n > 0)
		deliver_read(&r->deliver);
	return -1;
}

/*
 * next_or_flush -- select_next, which flushes the output before it waits.
 * Returns as select_next, or FLUSHED: ask again; or CANNOT_WRITE.
 */
static int
next_or_flush(struct receive *r, uint32_t ask)
{
	uint64_t timeout_ns = r->sources.timeout_ns;
	bool gathered = r->output.to.used > 0;
	int more, err;

	r->sources.glance = gathered;
	if (gathered)
		r->sources.timeout_ns = 0;
	more = ahead_next(&r->ahead, ask, ask > 1 ? output_room(&r->output) : OUTBUF_SIZE);
	r->sources.timeout_ns = timeout_ns;
	if (!gathered || more == 1)
		return more;
	err = errno;
	if (output_flush(&r->output) == 0) {
		errno = err;
		return more == 0 || err == ETIMEDOUT || err == EBUSY ? FLUSHED : -1;
	}
	at_output(r);
	return CANNOT_WRITE;
}

/* receive_output -- receive to the output until the count is reached, or nothing more matches. */
static int
receive_output(struct receive *r)
{
	uint64_t got = 0, n, before;
	uint32_t ask;
	int more, status;

	ahead_begin(&r->ahead, &r->deliver);
	while (got < r->count && !io_stop) {
		ask = r->count - got < RUN_MESSAGES ? (uint32_t)(r->count - got) : RUN_MESSAGES;
		if (wait_for_output(r) == -1)
			return not_delivered(r);
		more = next_or_flush(r, ask);
		receive_damage(r);
		if (more == FLUSHED)
			continue;
		if (more == CANNOT_WRITE)
			return not_delivered(r);
		if (more == 0)
			return receive_nothing_more(r, got);
		if (more == -1) {
			status = not_received(r);
			if (status != -1)
				return status;
			continue;
		}
		before = outbuf_end(&r->output.to);
		if (deliver_run(&r->deliver, &n) == -1 && (status = not_delivered(r)) != GO_ON)
			return status;
		got += n;
		tally_add(TALLY_RECEIVED, n);
		if (ahead_keep(&r->ahead, before) == -1)
			return cli_fail("receive from", r->channels[0]);
	}
	if (output_flush(&r->output) == -1) {
		at_output(r);
		return not_delivered(r);
	}
	if (ahead_done(&r->ahead) == -1 || select_settle(&r->sources, 0, RECEIVER_DONE, 0) == -1)
		return cli_fail("receive from", r->channels[0]);
	return r->deliver.status;
}

/* ---- commands ---- */

static void
warn(const char *what, const char *object)
{
	cli_fail(what, object);
}

/* start_next -- wait for messages and start a command on them.  *got is raised.  Returns -1 to go on, or a status. */
static int
start_next(struct receive *r, uint64_t *got)
{
	uint32_t most = r->jobs.batch > 0 ? r->jobs.batch : 1;
	uint64_t n;
	int more;

	if (r->count - *got < most)
		most = (uint32_t)(r->count - *got);
	r->sources.also = r->jobs.running > 0 ? &r->jobs.also : NULL;
	jobs_watch(&r->jobs);
	more = select_next(&r->sources, most, RUN_BYTES);
	receive_damage(r);
	if (more == 2)
		return -1;
	/* while a command gets its input from a stream, there may be more behind it */
	if (r->jobs.streams > 0 && (more == 0 || (more == -1 && errno == ETIMEDOUT))) {
		jobs_wait(&r->jobs, CLOCK_NEVER);
		return -1;
	}
	if (more == 0)
		return NOTHING_MORE;
	if (more == -1)
		return not_received(r);
	if (jobs_start(&r->jobs, most, &n) == -1)
		return not_delivered(r);
	*got += n;
	tally_add(TALLY_RECEIVED, n);
	/* without -a, -c and -f one batch is all */
	return r->jobs.batch > 0 && n > 0 && !(r->all || r->follow || r->counted) ? ENOUGH : -1;
}

/* reap -- settle for the commands that have ended; see signals.  Returns -1 to go on, or a status: start no more. */
static int
reap(struct receive *r, bool stopping)
{
	int more = jobs_reap(&r->jobs);

	if (more == -1)
		return not_delivered(r);
	if (more == 0)
		return ENOUGH;
	if (!io_stop || stopping)
		return -1;
	/* from now on other receivers are woken in our place */
	select_park(&r->sources);
	return CLI_OK;
}

/* receive_commands -- run a command on each message, jobs.limit at once, and wait for those that run. */
static int
receive_commands(struct receive *r)
{
	struct jobs *j = &r->jobs;
	uint64_t got = 0;
	int status = -1, now;           /* not -1: start no more */

	if (jobs_init(j, r->sources.n) == -1)
		return own_failure(r, cli_fail("run", j->command[0]));
	for (;;) {
		now = reap(r, status != -1);
		if (status == NOTHING_MORE && j->again && !io_stop)
			status = -1;
		j->again = false;
		if (status == -1)
			status = now == -1 && got >= r->count ? ENOUGH : now;
		else if (status < -1 && now > 0)
			status = now;   /* one of the last has failed */
		if (status != -1 && j->running == 0)
			break;
		if (status != -1 || j->running == j->limit)
			jobs_wait(j, CLOCK_NEVER);
		else if (j->pause_ns > clock_mono_ns())
			jobs_wait(j, j->pause_ns);
		else
			status = start_next(r, &got);
	}
	return status == NOTHING_MORE ? receive_nothing_more(r, got) : status == ENOUGH ? r->deliver.status : status;
}

/* ---- all of it ---- */

void
receive_open(struct receive *r)
{
	open_output(r);
	r->sources.all = r->all;
	r->sources.all_tries = r->jobs.command == NULL && !r->acks ? UINT_MAX
	    : r->deliver.max_tries > 0 ? r->deliver.max_tries : 1;
	r->sources.follow = r->follow;
	r->sources.single = !(r->all || r->follow) || r->jobs.command != NULL;
	r->sources.counted = r->counted;
	r->sources.expired = r->dead_name != NULL;
	r->sources.once = r->once;
	r->deliver.sources = &r->sources;
	r->deliver.output = &r->output;
	r->jobs.deliver = &r->deliver;
	r->jobs.follow = r->follow;
	r->jobs.warn = warn;
	open_channels(r);
	check_offers(r);
	open_dead(r);
	/* but for one message to take, which may be there, each signal has its effect at any time */
	if (r->count != 1 || r->jobs.command != NULL || r->verbose || r->sources.peek || r->sources.n != 1
	    || r->sources.list[0].kind != CHANNEL_MAILBOX) {
		signals_hear();
		io_let_stop();
	}
}

int
receive_all(struct receive *r)
{
	return r->jobs.command != NULL ? receive_commands(r) : receive_output(r);
}

void
receive_close(struct receive *r)
{
	receive_damage(r);
	ahead_done(&r->ahead);
	ahead_free(&r->ahead);
	select_finish(&r->sources);
	io_let_stop();
	if (r->deliver.dead != NULL) {
		cli_damage(r->dead_name, r->dead.sender.damage);
		sink_finish(&r->dead);
	}
	jobs_free(&r->jobs);
}
