/* SPDX-License-Identifier: ISC */
/*
 * mtee: copy the messages of a frame stream to several channels and to standard output.
 *
 * Small messages are gathered while more of them can be read at once.  Nothing stays gathered while mtee waits: before
 * it reads, or a channel makes it wait, what there is for the other channels goes out as far as they have room.
 * What is killed with mtee is what it has read and not yet passed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "clock.h"
#include "filter.h"
#include "io.h"
#include "reader.h"
#include "sink.h"

const char tool_name[] = "mtee";
const char tool_synopsis[] = "mtee [-1anq] [-s glob] [-t glob] channel...";
const char tool_options[] =
    "  -1, --one              each message to exactly one channel: the first with room\n"
    "  -a, --append           append to plain files, instead of starting them anew\n"
    "  -n, --nonblock         skip and count channels that are full\n"
    "  -q, --quiet            write nothing to standard output\n"
    "  -s, --source=GLOB      to the next channel, only messages whose source matches\n"
    "  -t, --tag=GLOB         to the next channel, only messages whose tag matches\n"
    "  -h, --help             print this help\n"
    "  -V, --version          print the version\n";

static const struct option long_options[] = {
	{ "one", no_argument, NULL, '1' },
	{ "append", no_argument, NULL, 'a' },
	{ "nonblock", no_argument, NULL, 'n' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "source", required_argument, NULL, 's' },
	{ "tag", required_argument, NULL, 't' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

#define SHORT_NS UINT64_C(50000000)     /* with -1: the first wait for one of several full channels ... */
#define LONG_NS UINT64_C(1000000000)    /* ... and the longest; also: how long -n waits for a FIFO's reader at the end */

enum {
	PIECE = 64 * 1024,              /* bytes of a large message read at a time */
	HEAD_FIXED = 96,                /* bytes of a header line besides tag, source and further headers */
	GATHER = 32 * 1024,             /* bytes of frames that a stream gathers without writing them, ... */
	GATHER_FIFO = PIPE_BUF,         /* ... and a FIFO; so many are written whole or not at all (4096 on Linux) */
};

struct channel {
	struct sink sink;
	dev_t dev;
	ino_t ino;
	bool is_out;                    /* standard output, which has no filter, and which -1 and -n are not about */
	bool dead;                      /* it failed, and was left out */
	bool wanted;                    /* the message at hand goes there */
	uint64_t missed;
};

/* A channel operand, with the filter that stands before it. */
struct route {
	const char *name;
	struct filter filter;
	unsigned channel;
};

struct tee {
	bool one, append, nonblock, quiet;
	int status;
	unsigned routes_n, n;
	struct route *routes;
	struct channel *channels;       /* each once, whatever names lead to it */
	size_t gather_max, gathered;    /* bytes of frames */
	bool streams;                   /* not all channels are mailboxes */
	char piece[PIECE];
	struct reader reader;
};

#define EACH(t, c) (struct channel *(c) = (t)->channels; (c) < (t)->channels + (t)->n; (c)++)

static bool
is_mailbox(const struct channel *c)
{
	return c->sink.kind == CHANNEL_MAILBOX;
}

/* is_full -- whether a call failed because there was no room at once. */
static bool
is_full(void)
{
	return errno == EAGAIN || errno == ETIMEDOUT;
}

/* fail_with -- the first failure is what is told in the end; a message missed is none. */
static void
fail_with(struct tee *t, int status)
{
	if (t->status <= CLI_NOT_NOW)
		t->status = status;
}

/* leave_out -- a channel failed: say so, and go on without it. */
static void
leave_out(struct tee *t, struct channel *c)
{
	c->wanted = false;
	if (errno == EINTR && io_stop)
		return;
	if (errno == EMSGSIZE) {        /* the message's fault: the channel stays */
		cli_warn("%s: a message's header line is too long", c->sink.name);
		fail_with(t, CLI_DATA);
		return;
	}
	cli_fail("write to", c->sink.name);
	c->dead = true;
	fail_with(t, CLI_IO);
}

/* ---- what is gathered ---- */

/* flush_now -- as much as a mailbox has room for; with -n the rest is dropped and counted. */
static void
flush_now(struct tee *t, struct channel *c)
{
	c->sink.patience_ns = SINK_NOT_AT_ALL;
	while (!c->dead && sink_flush(&c->sink) == -1) {
		if (!is_full()) {
			leave_out(t, c);
			return;
		}
		if (!t->nonblock)
			return;
		sink_drop(&c->sink);
		c->missed++;
	}
}

static void
flush_mailboxes(struct tee *t)
{
	for EACH(t, c)
		if (is_mailbox(c))
			flush_now(t, c);
}

/* flush_all -- send all that is gathered; whoever makes us wait comes last. */
static void
flush_all(struct tee *t)
{
	flush_mailboxes(t);
	for (int mailboxes = 0; mailboxes <= 1; mailboxes++)
		for EACH(t, c) {
			c->sink.patience_ns = SINK_FOREVER;
			if (!c->dead && is_mailbox(c) == mailboxes && sink_flush(&c->sink) == -1)
				leave_out(t, c);
		}
	t->gathered = 0;
}

/* ---- small messages ---- */

/* offer -- give a channel a message that waits no longer than patience_ns.  Returns whether it took it. */
static bool
offer(struct tee *t, struct channel *c, const struct message *m, uint64_t patience_ns)
{
	c->sink.patience_ns = patience_ns;
	if (sink_put(&c->sink, m, m->data, (size_t)m->len) == 0 && sink_flush(&c->sink) == 0)
		return true;
	if (is_full())
		sink_drop(&c->sink);    /* a stream has dropped it already */
	else
		leave_out(t, c);
	return false;
}

/* put -- give a channel a message, to be sent on sooner or later. */
static void
put(struct tee *t, struct channel *c, const struct message *m)
{
	int r;

	if (t->nonblock && !is_mailbox(c) && !c->is_out) {
		if (!offer(t, c, m, SINK_NOT_AT_ALL) && c->wanted)
			c->missed++;
		return;
	}
	c->sink.patience_ns = is_mailbox(c) ? SINK_NOT_AT_ALL : SINK_FOREVER;
	r = sink_put(&c->sink, m, m->data, (size_t)m->len);
	if (r == -1 && is_mailbox(c) && is_full()) {
		if (t->nonblock)
			flush_now(t, c);
		else
			flush_all(t);
		if (!c->wanted)
			return;
		r = sink_put(&c->sink, m, m->data, (size_t)m->len);
	}
	if (r == -1)
		leave_out(t, c);
}

/* deal -- with -1: give a message to the first channel that takes it. */
static void
deal(struct tee *t, const struct message *m)
{
	uint64_t patience_ns = SINK_NOT_AT_ALL;
	bool left = true;

	while (left && !io_stop) {
		left = false;
		for EACH(t, c) {
			if (!c->wanted || c->is_out)
				continue;
			if (offer(t, c, m, patience_ns))
				return;
			left = left || c->wanted;
		}
		if (t->nonblock) {
			for EACH(t, c)
				c->missed += c->wanted && !c->is_out;
			return;
		}
		if (patience_ns == SINK_NOT_AT_ALL)
			flush_all(t);
		patience_ns = patience_ns == 0 ? SHORT_NS : patience_ns < LONG_NS / 2 ? 2 * patience_ns : LONG_NS;
	}
}

/* copy_small -- a message whose payload is in memory.  cost: at most so many bytes has its frame. */
static void
copy_small(struct tee *t, const struct message *m, size_t cost)
{
	if (t->gathered + cost > t->gather_max)
		flush_all(t);
	t->gathered += cost;
	if (t->one)
		deal(t, m);
	for EACH(t, c)
		if (c->wanted && !t->one && is_mailbox(c))
			put(t, c, m);
	if (cost > t->gather_max)
		flush_mailboxes(t);
	for EACH(t, c)
		if (c->wanted && !is_mailbox(c) && (!t->one || c->is_out))
			put(t, c, m);
}

/* ---- large messages ---- */

/*
 * pipe_room -- how many bytes can go through a pipe without waiting for its reader.
 * One that is empty takes any message: there is none so large that it is never sent.  Else at most every second byte
 * of a page may be in use, as a frame is never split between two; and the same holds for what we write.
 */
static uint64_t
pipe_room(int fd)
{
	int size = 16 * PIPE_BUF, used = 0, pages;

	if (ioctl(fd, FIONREAD, &used) == -1 || used == 0)
		return UINT64_MAX;
#ifdef F_GETPIPE_SZ
	size = fcntl(fd, F_GETPIPE_SZ);
	if (size == -1)                 /* no pipe: what is unread is not what we wrote */
		return UINT64_MAX;
#endif
	pages = size / PIPE_BUF - 2 * (used / PIPE_BUF + 1);
	return pages > 0 ? (uint64_t)pages * PIPE_BUF / 2 : 0;
}

/* room_in -- how many bytes a channel has room for now.  Leaves the channel out where it fails. */
static uint64_t
room_in(struct tee *t, struct channel *c)
{
	struct mbox *m = &c->sink.m;
	const struct ctl *ctl = &m->ctl;
	uint64_t room = 0;
	int events;

	if (!is_mailbox(c)) {
		events = c->sink.kind == CHANNEL_FILE ? POLLOUT : io_wait(c->sink.fd, POLLOUT, 0);
		if (events == -1)
			return 0;
		if ((events & POLLERR) == 0)
			return pipe_room(c->sink.fd);
		errno = EPIPE;
	} else if (mbox_lock(m, clock_after(LONG_NS)) == 0) {
		if (ctl->live == 0)
			room = UINT64_MAX;
		else if (ctl->live < ctl->cap_messages && ctl->live_bytes < ctl->cap_bytes)
			room = ctl->cap_bytes - ctl->live_bytes;
		mbox_unlock(m);
		return room;
	} else if (is_full()) {
		return 0;
	}
	leave_out(t, c);
	return 0;
}

/*
 * choose -- with -1: one channel is wanted, besides standard output: the first with room for the message, or, where
 * its length is not known, the one with most room.
 */
static void
choose(struct tee *t, const struct message *m)
{
	struct channel *chosen = NULL;
	uint64_t least = m->len == MESSAGE_LEN_UNKNOWN ? PIECE : m->len, most, room;
	bool left = true;
	int ms = 50;

	while (chosen == NULL && left) {
		left = false;
		most = 0;
		for EACH(t, c) {
			room = c->wanted && !c->is_out ? room_in(t, c) : 0;
			if (room >= least && room > most && (chosen == NULL || m->len == MESSAGE_LEN_UNKNOWN)) {
				chosen = c;
				most = room;
			}
			left = left || (c->wanted && !c->is_out);
		}
		if (chosen == NULL && left && (t->nonblock || io_nap(CLOCK_NEVER, &ms, 1000) == -1))
			break;
	}
	for EACH(t, c) {
		if (c->is_out || c == chosen)
			continue;
		c->missed += c->wanted && chosen == NULL;
		c->wanted = false;
	}
}

/* begin -- a channel is to get a large message. */
static void
begin(struct tee *t, struct channel *c, const struct message *m)
{
	bool hurry = t->nonblock && !t->one && !c->is_out && !is_mailbox(c);

	/* a message that a stream has begun to take is finished, whatever time it takes */
	c->sink.patience_ns = hurry ? SINK_NOT_AT_ALL : SINK_FOREVER;
	if (sink_begin(&c->sink, m) == -1) {
		if (!hurry || !is_full()) {
			leave_out(t, c);
			return;
		}
	} else if (!hurry || room_in(t, c) >= (m->len == MESSAGE_LEN_UNKNOWN ? PIECE : m->len)) {
		c->sink.patience_ns = SINK_FOREVER;
		return;
	} else {
		sink_abort(&c->sink);
	}
	c->missed += c->wanted;
	c->wanted = false;
}

static void
end(struct tee *t, struct channel *c)
{
	bool hurry = t->nonblock && !t->one && is_mailbox(c);

	c->sink.patience_ns = hurry ? SINK_NOT_AT_ALL : SINK_FOREVER;
	if (sink_end(&c->sink) == -1) {
		if (hurry && is_full())
			c->missed++;
		else
			leave_out(t, c);
	}
	c->wanted = false;
}

/* copy_large -- a message in pieces, at every channel at once.  Returns 0, or -1: it could not be read to its end. */
static int
copy_large(struct tee *t, struct message *m)
{
	ssize_t n;

	flush_all(t);
	if (t->one)
		choose(t, m);
	for EACH(t, c)
		if (c->wanted)
			begin(t, c, m);
	while ((n = message_read(m, t->piece, PIECE)) > 0) {
		for EACH(t, c)
			if (c->wanted && sink_data(&c->sink, t->piece, (size_t)n) == -1) {
				int err = errno;

				sink_abort(&c->sink);
				errno = err;
				leave_out(t, c);
			}
	}
	if (n == -1) {
		int err = errno;

		for EACH(t, c)
			if (c->wanted)
				sink_abort(&c->sink);
		errno = err;
		return -1;
	}
	/* who has room does not wait for who has not */
	for (int later = 0; later <= 1; later++)
		for EACH(t, c)
			if (c->wanted && (later || !is_mailbox(c) || room_in(t, c) >= c->sink.spooled))
				end(t, c);
	return 0;
}

/* ---- the stream ---- */

/* select_channels -- which channels a message goes to. */
static void
select_channels(struct tee *t, const struct message *m)
{
	for EACH(t, c)
		c->wanted = c->is_out && !c->dead;
	for (unsigned i = 0; i < t->routes_n; i++) {
		struct channel *c = &t->channels[t->routes[i].channel];

		if (!c->dead && !c->wanted)
			c->wanted = filter_match(&t->routes[i].filter, m->tag, m->source);
	}
}

/* copy -- one message.  Returns 0, or -1: it could not be read to its end. */
static int
copy(struct tee *t, struct message *m)
{
	size_t cost = m->tag.len + m->source.len + m->extra.len + HEAD_FIXED;
	bool large = m->data == NULL || m->len > BATCH_INLINE;

	/* nobody but the receiving side sets these */
	m->id = 0;
	m->attempt = 0;
	m->uid = -1;
	select_channels(t, m);
	if (!large)
		cost += (size_t)m->len;
	/* in one write a stream takes all or nothing, so that it can be told to be full */
	if (large || (cost > GATHER_FIFO && t->streams && (t->one || t->nonblock)))
		return copy_large(t, m);
	copy_small(t, m, cost);
	return 0;
}

/* any_left -- whether there is still somebody to copy to. */
static bool
any_left(const struct tee *t)
{
	for EACH(t, c)
		if (!c->dead)
			return true;
	return false;
}

/* copy_all -- all messages of standard input. */
static void
copy_all(struct tee *t)
{
	struct message m;
	int r = 1;

	reader_init(&t->reader, STDIN_FILENO, READER_ALL);
	while (r == 1 && !io_stop) {
		if (!reader_buffered(&t->reader))
			flush_all(t);
		if (!any_left(t))
			return;
		r = reader_next(&t->reader, &m);
		if (r == 1 && copy(t, &m) == -1)
			r = -1;
	}
	if (r == -1 && errno == EBADMSG) {
		cli_warn("standard input: byte %llu: %s", (unsigned long long)t->reader.offset, t->reader.reason);
		fail_with(t, CLI_DATA);
	} else if (r == -1 && !io_stop) {
		fail_with(t, cli_fail("read", "standard input"));
	}
	if (!io_stop)
		flush_all(t);
}

/* finish -- wait for the readers of FIFOs, and tell what was missed. */
static void
finish(struct tee *t)
{
	for EACH(t, c) {
		if (c->missed > 0) {
			cli_warn("%s: full for %llu message%s", c->sink.name, (unsigned long long)c->missed,
			    c->missed == 1 ? "" : "s");
			t->status = t->status == CLI_OK ? CLI_NOT_NOW : t->status;
		}
		c->sink.patience_ns = t->nonblock ? LONG_NS : SINK_FOREVER;
		if (!c->dead && sink_close(&c->sink) == -1) {
			cli_warn("%s: %llu bytes were left unread", c->sink.name, (unsigned long long)c->sink.unread);
			fail_with(t, CLI_IO);
		}
	}
}

/* ---- the command line ---- */

/* path_of -- where the channel called name lies.  path: PATH_MAX bytes.  Returns 0, or -1. */
static int
path_of(char *path, const char *name)
{
	if (strcmp(name, "-") != 0)
		return cli_path(path, name);
	memcpy(path, "-", sizeof "-");
	return 0;
}

/*
 * open_channel -- open what stands at path, unless it is open: a process's locks do not tell two openings apart.
 * number: gets its place among the channels.
 * Returns CLI_OK, or the exit status.
 */
static int
open_channel(struct tee *t, const char *name, const char *path, unsigned *number)
{
	struct channel *c = &t->channels[t->n];
	struct stat st;

	if ((strcmp(path, "-") == 0 ? fstat(STDOUT_FILENO, &st) : stat(path, &st)) == -1)
		return cli_fail("open", name);
	for (*number = 0; *number < t->n; ++*number)
		if (t->channels[*number].dev == st.st_dev && t->channels[*number].ino == st.st_ino)
			return CLI_OK;
	if (sink_open(&c->sink, name, path, !t->append, t->nonblock ? SINK_NOT_AT_ALL : SINK_FOREVER) == -1)
		return cli_fail("open", name);
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	if (!is_mailbox(c)) {
		t->streams = true;
		if (t->gather_max > GATHER)
			t->gather_max = GATHER;
		if (S_ISFIFO(st.st_mode))
			t->gather_max = GATHER_FIFO;
	}
	t->n++;
	return CLI_OK;
}

/* open_all -- open the channels, once all of them are known to be there. */
static int
open_all(struct tee *t)
{
	enum channel_kind kind;
	char path[PATH_MAX];
	unsigned number;
	int status = CLI_OK;

	for (unsigned i = 0; i < t->routes_n; i++)
		if (path_of(path, t->routes[i].name) == -1 || channel_kind_of(path, &kind) == -1)
			return cli_fail("open", t->routes[i].name);
	if (!t->quiet) {
		status = open_channel(t, "standard output", "-", &number);
		t->channels[0].is_out = true;
	}
	for (unsigned i = 0; status == CLI_OK && i < t->routes_n; i++)
		if (path_of(path, t->routes[i].name) == 0)
			status = open_channel(t, t->routes[i].name, path, &t->routes[i].channel);
	return status;
}

/* add_pattern -- -s or -t.  Returns -1 to go on, or the exit status. */
static int
add_pattern(struct filter *f, int kind, const char *glob)
{
	if (filter_add(f, (char)kind, glob) == 0)
		return -1;
	return cli_usage("-%c: '%s' is %s", kind, glob, errno == EINVAL ? "not a glob of 1 to 255 bytes" : "one too many");
}

/* options -- read the command line.  Returns -1 to go on, or the exit status. */
static int
options(struct tee *t, int argc, char **argv)
{
	int opt, status = -1;

	while (status == -1 && (opt = getopt_long(argc, argv, "-1anqs:t:hV", long_options, NULL)) != -1) {
		switch (opt) {
		case 1:
			t->routes[t->routes_n++].name = optarg;
			break;
		case '1':
			t->one = true;
			break;
		case 'a':
			t->append = true;
			break;
		case 'n':
			t->nonblock = true;
			break;
		case 'q':
			t->quiet = true;
			break;
		case 's': case 't':
			status = add_pattern(&t->routes[t->routes_n].filter, opt, optarg);
			break;
		case 'h':
			return cli_help();
		case 'V':
			return cli_version();
		default:
			return cli_usage(NULL);
		}
	}
	while (status == -1 && optind < argc)
		t->routes[t->routes_n++].name = argv[optind++];
	if (status == -1 && t->routes[t->routes_n].filter.len > 0)
		return cli_usage("no channel follows the last -s or -t");
	return status == -1 && t->routes_n == 0 ? cli_usage("no channel is named") : status;
}

int
main(int argc, char **argv)
{
	static struct tee t = { .gather_max = SIZE_MAX / 2 };

	t.routes = calloc((size_t)argc + 1, sizeof *t.routes);
	t.channels = calloc((size_t)argc + 1, sizeof *t.channels);
	if (t.routes == NULL || t.channels == NULL)
		return cli_fail("begin", "the list of channels");
	t.status = options(&t, argc, argv);
	if (t.status != -1)
		return t.status;
	signal(SIGPIPE, SIG_IGN);
	t.status = open_all(&t);
	if (t.status != CLI_OK)
		return t.status;
	copy_all(&t);
	finish(&t);
	if (io_stop)
		cli_stopped(io_stop);
	return t.status;
}
