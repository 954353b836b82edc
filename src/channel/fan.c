/* SPDX-License-Identifier: ISC */
/*
 * fan: see fan.h.
 *
 * Nothing stays gathered while a channel makes us wait, and none is waited for alone (serve.h).  A crash loses what was
 * gathered, and leaves of a large message what its sinks leave.
 */
#include "channel/fan.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"

#define SHORT_NS UINT64_C(50000000)     /* with `one`: the first wait for one of several full channels ... */
#define LONG_NS UINT64_C(1000000000)    /* ... and the longest; also: how long `nonblock` waits for a FIFO's reader */

enum {
	HEAD_FIXED = 96,                /* bytes of a header line besides tag, source and further headers */
	GATHER = 32 * 1024,             /* bytes of frames that a stream gathers without writing them, ... */
	GATHER_FIFO = PIPE_BUF,         /* ... and a FIFO: these are written whole or not at all */
};

#define EACH(f, c) (struct fan_channel *(c) = (f)->channels; (c) < (f)->channels + (f)->n; (c)++)

/* is_mailbox -- whether it is a mailbox that we may look into: only such a one shows whether it is full. */
static bool
is_mailbox(const struct fan_channel *c)
{
	return sink_is_mailbox(&c->sink) && !sink_sends_only(&c->sink);
}

/* is_full -- whether a call failed for lack of room; without nonblock a lock that was held may be free later. */
static bool
is_full(const struct fan *f)
{
	return errno == EAGAIN || errno == ETIMEDOUT || (errno == EBUSY && !f->nonblock);
}

/* leave_out -- report a channel that failed, and go on without it. */
static void
leave_out(struct fan *f, struct fan_channel *c)
{
	c->wanted = false;
	if (errno == EINTR && io_stop)
		return;
	/* a large message fails with its receiver; the next message may have another */
	c->dead = errno != EMSGSIZE && !(sink_hands_over(&c->sink) && errno == ECANCELED)
	    && !(sink_begins_again(&c->sink) && errno == EPIPE);
	f->failed(f->user, &c->sink);
}

/* miss -- count a message for which a channel was full. */
static void
miss(struct fan_channel *c)
{
	c->missed += c->wanted;
	c->wanted = false;
}

/* ---- what is gathered ---- */

/* flush_now -- send as much as a mailbox has room for; with nonblock the rest is dropped and counted. */
static void
flush_now(struct fan *f, struct fan_channel *c)
{
	c->sink.timeout_ns = MAILBOX_NOT_AT_ALL;
	while (!c->dead && sink_flush(&c->sink) == -1) {
		if (!is_full(f)) {
			leave_out(f, c);
			return;
		}
		if (!f->nonblock)
			return;
		sink_drop(&c->sink);
		c->missed++;
	}
}

/* todo -- have something be done in a channel, by serve. */
static void
todo(struct fan *f, const struct fan_channel *c, enum serve_stage stage)
{
	f->serve.list[c - f->channels].stage = stage;
}

void
fan_flush(struct fan *f)
{
	for EACH(f, c) {
		if (f->nonblock && is_mailbox(c))
			flush_now(f, c);
		if (!c->dead)
			todo(f, c, SERVE_FLUSH);
	}
	serve_all(&f->serve);
	f->gathered = 0;
}

/* ---- small messages ---- */

/* offer -- send a channel a message that waits no longer than timeout_ns.  Returns whether it went. */
static bool
offer(struct fan *f, struct fan_channel *c, const struct message *m, uint64_t timeout_ns)
{
	c->sink.timeout_ns = timeout_ns;
	if (sink_put(&c->sink, m, m->data, (size_t)m->len) == 0 && sink_flush(&c->sink) == 0)
		return true;
	if (is_full(f))
		sink_drop(&c->sink);
	else
		leave_out(f, c);
	return false;
}

/* put -- send a channel a message, which is gathered there, or is to be served if that makes us wait. */
static void
put(struct fan *f, struct fan_channel *c, const struct message *m, bool gather)
{
	int r;

	if (f->nonblock && !sink_keeps(&c->sink) && !c->is_out) {
		if (!offer(f, c, m, MAILBOX_NOT_AT_ALL))
			miss(c);
		return;
	}
	if (sink_hands_over(&c->sink) || (!sink_is_mailbox(&c->sink) && !gather)) {
		todo(f, c, SERVE_BEGIN);
		return;
	}
	c->sink.timeout_ns = is_mailbox(c) ? MAILBOX_NOT_AT_ALL : MAILBOX_FOREVER;
	r = sink_put(&c->sink, m, m->data, (size_t)m->len);
	if (r == -1 && is_mailbox(c) && is_full(f)) {
		if (f->nonblock)
			flush_now(f, c);
		else
			fan_flush(f);
		if (!c->wanted)
			return;
		r = sink_put(&c->sink, m, m->data, (size_t)m->len);
	}
	if (r == -1)
		leave_out(f, c);
}

/* deal -- with `one`: send a message to the first channel that takes it. */
static void
deal(struct fan *f, const struct message *m)
{
	uint64_t timeout_ns = MAILBOX_NOT_AT_ALL;
	bool left = true;

	while (left && !io_stop) {
		left = false;
		for EACH(f, c) {
			if (!c->wanted || c->is_out)
				continue;
			if (offer(f, c, m, timeout_ns))
				return;
			left = left || c->wanted;
		}
		for EACH(f, c)
			if (f->nonblock && !c->is_out)
				miss(c);
		if (f->nonblock)
			return;
		if (timeout_ns == MAILBOX_NOT_AT_ALL)
			fan_flush(f);
		timeout_ns = timeout_ns == 0 ? SHORT_NS : timeout_ns < LONG_NS / 2 ? 2 * timeout_ns : LONG_NS;
	}
}

/* copy_small -- send a message whose payload is in memory.  cost: the most bytes that its frame can have. */
static void
copy_small(struct fan *f, const struct message *m, size_t cost)
{
	bool gather = cost <= f->gather_max, serve = !gather;

	if (f->gathered + cost > f->gather_max)
		fan_flush(f);
	f->gathered += cost;
	for (int kept = 1; kept >= 0; kept--)
		for EACH(f, c) {
			if (c->wanted && sink_keeps(&c->sink) == kept && (!f->one || c->is_out))
				put(f, c, m, gather);
			serve = serve || sink_hands_over(&c->sink);
		}
	if (serve) {
		serve_message(&f->serve, m, false, m->data, (size_t)m->len);
		for EACH(f, c)
			if (!c->dead && f->serve.list[c - f->channels].stage == SERVE_NOTHING)
				todo(f, c, SERVE_FLUSH);
		serve_all(&f->serve);
		f->gathered = 0;
	}
	if (f->one)
		deal(f, m);
}

/* ---- large messages ---- */

/* room_in -- how much room a channel has; one that fails has none, and is left out. */
static uint64_t
room_in(struct fan *f, struct fan_channel *c, const struct message *m)
{
	uint64_t room = 0;

	if (sink_room(&c->sink, m, &room) == -1 && !is_full(f))
		leave_out(f, c);
	return room;
}

/* begin_now -- begin a large message in a channel that hands over, if a receiver still waits there. */
static bool
begin_now(struct fan *f, struct fan_channel *c, const struct message *m)
{
	c->sink.timeout_ns = MAILBOX_NOT_AT_ALL;
	c->begun = sink_begin(&c->sink, m) == 0;
	if (!c->begun && !is_full(f))
		leave_out(f, c);
	return c->begun;
}

/*
 * choose -- with `one`: want one channel, besides standard output: the first with room for the message, or, where its
 * length is not known, the one with most room.
 */
static void
choose(struct fan *f, const struct message *m)
{
	struct fan_channel *chosen = NULL;
	uint64_t least = m->len == MESSAGE_LEN_UNKNOWN ? SERVE_PIECE : m->len, most, room;
	bool left = true;
	int ms = 50;

	while (chosen == NULL && left) {
		left = false;
		most = 0;
		for EACH(f, c) {
			room = c->wanted && !c->is_out ? room_in(f, c, m) : 0;
			if (room >= least && room > most && (chosen == NULL || m->len == MESSAGE_LEN_UNKNOWN)) {
				chosen = c;
				most = room;
			}
			left = left || (c->wanted && !c->is_out);
		}
		if (chosen != NULL && sink_hands_over(&chosen->sink) && !begin_now(f, chosen, m))
			chosen = NULL;
		if (chosen == NULL && left && (f->nonblock || io_nap(CLOCK_NEVER, &ms, 1000) == -1))
			break;
	}
	for EACH(f, c) {
		if (c->is_out || c == chosen)
			continue;
		if (chosen == NULL)
			miss(c);
		c->wanted = false;
	}
}

/*
 * leader_of -- the channel whose file of the large message at hand can be this channel's as well: a mailbox of the same
 * owner, group and mode on the same file system.  NULL: none.
 */
static struct fan_channel *
leader_of(struct fan *f, const struct fan_channel *c)
{
	for (struct fan_channel *d = f->channels; d < c && sink_keeps(&c->sink); d++)
		if (d->wanted && d->leader == NULL && sink_keeps(&d->sink) && d->st.st_dev == c->st.st_dev
		    && d->st.st_uid == c->st.st_uid && d->st.st_gid == c->st.st_gid && d->st.st_mode == c->st.st_mode)
			return d;
	return NULL;
}

/* begin -- begin a large message in a channel. */
static void
begin(struct fan *f, struct fan_channel *c, const struct message *m)
{
	bool hurry = f->nonblock && !f->one && !c->is_out && !sink_keeps(&c->sink);

	c->leader = NULL;
	if (c->begun || (!sink_keeps(&c->sink) && !hurry)) {
		todo(f, c, c->begun ? SERVE_BODY : SERVE_BEGIN);
		c->begun = false;
		return;
	}
	c->leader = leader_of(f, c);
	/* a message that a stream has begun to take is finished, however long that takes */
	c->sink.timeout_ns = hurry ? MAILBOX_NOT_AT_ALL : MAILBOX_FOREVER;
	if ((c->leader != NULL ? sink_head(&c->sink, m) : sink_begin(&c->sink, m)) == -1) {
		if (hurry && is_full(f))
			miss(c);
		else
			leave_out(f, c);
	} else if (hurry && !is_mailbox(c) && room_in(f, c, m) < (m->len == MESSAGE_LEN_UNKNOWN ? SERVE_PIECE : m->len)) {
		sink_abort(&c->sink);
		miss(c);
	}
	if (c->wanted && c->leader == NULL)
		todo(f, c, SERVE_BODY);
}

/* give_up -- called by serve: leave out a channel that failed, and those that were to share its file. */
static void
give_up(void *user, unsigned i)
{
	struct fan *f = user;
	struct fan_channel *c = &f->channels[i];
	int err = errno;

	sink_abort(&c->sink);
	spread_close(&f->spread[i]);
	for EACH(f, d) {
		if (d == c || (d->wanted && d->leader == c)) {
			todo(f, d, SERVE_NOTHING);
			errno = err;
			leave_out(f, d);
		}
	}
}

/*
 * by_reference -- a large message to channels that are all pipes, nothing of it copied, as long as none makes us wait.
 * Returns as spread_message.
 */
static int
by_reference(struct fan *f, struct message *m)
{
	unsigned n = 0;
	int r, err;

	/* that waits until a FIFO is empty, and here none has to be */
	if (f->nonblock)
		return 0;
	for EACH(f, c) {
		if (c->wanted && (sink_is_mailbox(&c->sink) || f->serve.list[n].stage != SERVE_BODY))
			return 0;
		f->spread[n++].writer = c->wanted ? c->sink.writer : NULL;
	}
	r = spread_message(f->spread, n, m, f->serve.patience_ns, &f->serve.total);
	err = errno;
	f->serve.data_at = f->serve.total;
	for (unsigned i = 0; i < n; i++) {
		f->serve.list[i].at = f->serve.total;
		errno = f->spread[i].failed;
		if (f->spread[i].writer != NULL && errno != 0)
			give_up(f, i);
	}
	errno = err;
	return r;
}

/* end -- have a large message end in a channel. */
static void
end(struct fan *f, struct fan_channel *c)
{
	bool hurry = f->nonblock && !f->one && sink_keeps(&c->sink);

	c->sink.timeout_ns = hurry ? MAILBOX_NOT_AT_ALL : MAILBOX_FOREVER;
	if (c->leader != NULL && sink_share(&c->sink, &c->leader->sink) == -1)
		leave_out(f, c);
	c->leader = NULL;
	if (c->wanted && sink_keeps(&c->sink))
		todo(f, c, hurry ? SERVE_NOTHING : SERVE_END);
	if (c->wanted && hurry && sink_end(&c->sink) == -1) {
		sink_abort(&c->sink);
		if (is_full(f))
			miss(c);
		else
			leave_out(f, c);
	}
	c->wanted = false;
}

/* abort_all -- give up the large message at hand everywhere. */
static void
abort_all(struct fan *f)
{
	for EACH(f, c) {
		todo(f, c, SERVE_NOTHING);
		spread_close(&f->spread[c - f->channels]);
		if (c->wanted && c->leader == NULL)
			sink_abort(&c->sink);
	}
}

/* copy_large -- send a message in pieces, to all channels at once.  Returns as fan_copy. */
static int
copy_large(struct fan *f, struct message *m)
{
	int r;

	fan_flush(f);
	if (f->one)
		choose(f, m);
	serve_message(&f->serve, m, true, NULL, 0);
	for EACH(f, c)
		if (c->wanted)
			begin(f, c, m);
	serve_begin(&f->serve);
	r = by_reference(f, m);
	if (r == 0)
		r = serve_read(&f->serve, m);
	if (r == -1) {
		abort_all(f);
		return -1;
	}
	/* a file that is shared is whole until its own mailbox has it */
	for (int leaders = 0; leaders <= 1; leaders++)
		for EACH(f, c)
			if (c->wanted && (c->leader == NULL) == leaders)
				end(f, c);
	serve_all(&f->serve);
	return 0;
}

/* ---- any ---- */

int
fan_copy(struct fan *f, struct message *m)
{
	size_t cost = m->tag.len + m->source.len + m->extra.len + HEAD_FIXED;
	bool large = m->data == NULL || m->len > MAILBOX_INLINE;

	message_anew(m);
	if (!large)
		cost += (size_t)m->len;
	/* only what goes in one write shows that a stream is full: it takes all or nothing */
	if (large || (cost > GATHER_FIFO && f->streams && (f->one || f->nonblock)))
		return copy_large(f, m);
	copy_small(f, m, cost);
	return 0;
}

int
fan_init(struct fan *f, unsigned n)
{
	f->gather_max = SIZE_MAX / 2;
	f->channels = calloc(n, sizeof *f->channels);
	f->spread = calloc(n, sizeof *f->spread);
	f->serve.failed = give_up;
	f->serve.user = f;
	return f->channels == NULL || f->spread == NULL ? -1 : serve_init(&f->serve, n);
}

int
fan_open(struct fan *f, const char *name, const char *path, bool truncate, unsigned *number)
{
	struct fan_channel *c = &f->channels[f->n];
	struct stat st;

	if ((strcmp(path, "-") == 0 ? fstat(STDOUT_FILENO, &st) : stat(path, &st)) == -1)
		return -1;
	for (*number = 0; *number < f->n; ++*number)
		if (f->channels[*number].st.st_dev == st.st_dev && f->channels[*number].st.st_ino == st.st_ino)
			return 0;
	if (sink_open(&c->sink, name, path, truncate, f->nonblock ? MAILBOX_NOT_AT_ALL : MAILBOX_FOREVER) == -1)
		return -1;
	c->st = st;
	f->spread[f->n] = (struct spread){ .in = -1, .out = -1 };
	f->serve.list[f->n] = (struct served){
		.sink = &c->sink, .spread = &f->spread[f->n], .dev = st.st_dev, .ino = st.st_ino,
	};
	f->serve.n = f->n + 1;
	if (!is_mailbox(c)) {
		f->streams = true;
		if (f->gather_max > GATHER)
			f->gather_max = GATHER;
		if (S_ISFIFO(st.st_mode))
			f->gather_max = GATHER_FIFO;
	}
	f->n++;
	return 0;
}

bool
fan_any_left(const struct fan *f)
{
	for EACH(f, c)
		if (!c->dead)
			return true;
	return false;
}

int
fan_close(const struct fan *f, struct fan_channel *c)
{
	c->sink.timeout_ns = f->nonblock ? LONG_NS : MAILBOX_FOREVER;
	return c->dead ? 0 : sink_close(&c->sink);
}
