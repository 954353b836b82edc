/* SPDX-License-Identifier: ISC */
/*
 * reader: see reader.h.
 *
 * buf[start..end) is what has been read and not been handed out.  It begins at a header line, or, inside a message
 * whose payload is not in memory (in_message), at payload bytes or at the newline behind them.
 *
 * In READER_ONE and READER_SHARED nothing is read unlocked; and the lock goes only when what has been read ends with
 * a message.  So that it does, no read asks for more bytes than the message certainly still has: `need'.  A reader
 * that is killed takes with it what it has read, and its lock.
 */
#include "stream/reader.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/file.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/tally.h"
#include "stream/fifo.h"
#include "stream/sight.h"

enum {
	LOCK_MS = 50,                   /* from one try for the lock to the next, at most */
	DIRECT_MIN = 4096,              /* a payload read of this many bytes goes past buf */
};

void
reader_init(struct reader *r, int fd, enum reader_mode mode)
{
	memset(r, 0, offsetof(struct reader, buf));
	r->fd = fd;
	r->mode = mode;
	r->deadline_ns = CLOCK_NEVER;
}

static size_t
buffered(const struct reader *r)
{
	return r->end - r->start;
}

static void
consume(struct reader *r, size_t n)
{
	r->start += n;
	r->offset += n;
}

static void
unlock(struct reader *r)
{
	if (r->locked)
		flock(r->fd, LOCK_UN);
	r->locked = false;
}

/* settled -- let go of the lock where nothing has been read beyond a message's end. */
static void
settled(struct reader *r)
{
	if (r->locked && !r->in_message && buffered(r) == 0)
		unlock(r);
}

/* bad_frame -- the stream is no good from the byte `at' behind start on. */
static int
bad_frame(struct reader *r, size_t at, const char *reason)
{
	r->offset += at;
	r->reason = reason;
	r->broken = true;
	unlock(r);
	return fail_with(EBADMSG);
}

/* cut_before -- the sender of the message ended inside it, and another has said so, `at' bytes behind start. */
static int
cut_before(struct reader *r, size_t at)
{
	consume(r, at + sight_cuts(r->buf + r->start + at, buffered(r) - at));
	r->in_message = false;
	settled(r);
	r->reason = "its sender ended inside a message";
	return fail_with(EBADMSG);
}

/* Source: Linux's pipe_poll() raises POLLHUP for a FIFO only once a writer has come and gone. */
int
reader_wait(struct reader *r)
{
	bool bounded = r->patience_ns != 0 && r->in_message;
	int ready = io_wait(r->fd, POLLIN, bounded ? clock_after(r->patience_ns) : r->deadline_ns);

	if (ready == -1)
		return bounded && errno == ETIMEDOUT ? reader_stalled(r) : -1;
	return (ready & POLLIN) != 0 || (ready & POLLHUP) == 0;
}

/*
 * lock -- take the channel's lock.  Returns 0, or -1.
 * What cannot be locked (EINVAL, ENOLCK) is nothing that another mrecv could share.
 */
static int
lock(struct reader *r)
{
	if (io_flock(r->fd, r->deadline_ns) == -1 && errno != EINVAL && errno != ENOLCK) {
		r->shut_out = errno == ETIMEDOUT;
		return -1;
	}
	r->locked = true;
	return 0;
}

/* read_some -- read when there is something.  Returns the bytes, 0 at the end of the stream, or -1. */
static ssize_t
read_some(struct reader *r, void *to, size_t n)
{
	ssize_t got;
	int ready, ms = 1;

	for (;;) {
		ready = r->own ? 1 : reader_wait(r);
		if (ready <= 0)
			return ready;
		got = io_read(r->fd, to, n);
		if (got > 0)
			tally_add(TALLY_READ, (uint64_t)got);
		if (got != -1 || errno != EAGAIN)
			return got;
		/* or a reader that knows no lock was faster */
		if ((r->own ? reader_wait(r) : io_nap(r->deadline_ns, &ms, LOCK_MS)) == -1)
			return -1;
	}
}

/*
 * fill -- read into buf: n bytes at most where the stream is shared, else as many as there are.
 * Returns as read_some.
 */
static ssize_t
fill(struct reader *r, uint64_t n)
{
	size_t room;
	ssize_t got;

	if (r->start > 0) {
		memmove(r->buf, r->buf + r->start, buffered(r));
		r->end -= r->start;
		r->start = 0;
	}
	room = READER_BUF - r->end;
	if (r->mode != READER_ALL && n < room)
		room = (size_t)n;
	got = read_some(r, r->buf + r->end, room);
	if (got > 0)
		r->end += (size_t)got;
	return got;
}

/*
 * cut_short -- the stream ended inside a message.  What there is of it is dropped.
 * With follow it is kept: returns 0, as there is nothing whole yet.
 */
static int
cut_short(struct reader *r)
{
	if (r->follow)
		return 0;
	consume(r, buffered(r));
	r->in_message = false;
	settled(r);
	r->reason = "the stream ends inside a message";
	return fail_with(EBADMSG);
}

/*
 * settle -- READER_SHARED, after a read of all that was there: read the rest of the last message too, and unlock.
 * A last message that does not fit in the buffer, or comes in chunks as its sender makes them, keeps its rest in the
 * stream, and us the lock.
 * Returns 0, or -1.
 */
static int
settle(struct reader *r)
{
	/* inside a message, behind the newline of a chunk */
	size_t at = r->start + r->in_message;
	bool cont = r->in_message || (r->named && sight_rest(r->buf + at, r->end - at));
	uint64_t need;
	int err;

	while (at < r->end || cont) {
		enum scan seen = sight_scan(r->buf, r->end, &at, &cont, &need);

		if (seen == SCAN_BAD)
			break;
		if (seen == SCAN_WHOLE) {
			cont = false;
			continue;
		}
		if (need > READER_BUF - r->end
		    || (seen == SCAN_PART_CHUNKED && (at == r->end || io_wait(r->fd, POLLIN, 0) == -1)))
			return 0;
		ssize_t got = fill(r, need);    /* moves nothing: start is 0 */

		if (got == 0)
			break;                  /* reader_next finds it cut short when it gets there */
		if (got == -1) {
			err = errno;
			return err == ETIMEDOUT && reader_buffered(r) ? 0 : fail_with(err);
		}
	}
	unlock(r);
	return 0;
}

/*
 * begin -- read where a message begins and nothing is buffered.
 * Returns 1 when something has been read, 0 at the end of the stream, or -1.
 */
static int
begin(struct reader *r)
{
	uint64_t n = r->mode == READER_ONE ? SIGHT_FRAME_MIN : READER_BUF;
	ssize_t got;
	int ready, ms = 1;

	r->shut_out = r->partial = false;
	while (r->mode != READER_ALL && !r->locked) {
		ready = reader_wait(r);
		if (ready <= 0)
			return ready;
		if (lock(r) == -1)
			return -1;
		/* Another mrecv may have taken it meanwhile; it is no use to wait for more with the lock held. */
		if (io_wait(r->fd, POLLIN, 0) == -1)
			unlock(r);
		else if (r->mode == READER_ONE && r->ends != NULL && sight_stroke(r->fd, r->ends, false, &n) == 0) {
			unlock(r);      /* part of it: we take it when it is whole, or leave it to another */
			if ((r->partial = r->shut_out = io_nap(r->deadline_ns, &ms, LOCK_MS) == -1))
				return -1;
		}
	}
	got = fill(r, n);
	if (got <= 0) {
		unlock(r);
		return (int)got;
	}
	r->fresh = true;
	return r->mode == READER_SHARED && settle(r) == -1 ? -1 : 1;
}

/* hand_out -- a message whose frame is in buf. */
static int
hand_out(struct reader *r, struct message *m, const struct sight *s)
{
	const char *line = r->buf + r->start;

	if (line[s->total - 1] == FRAME_CUT)
		return cut_before(r, (size_t)s->total - 1);
	if (line[s->total - 1] != '\n')
		return bad_frame(r, (size_t)s->total - 1, "no newline follows the payload");
	message_of_frame(m, &s->frame, r->scratch);
	r->fresh = false;
	m->data = line + s->head_len;
	consume(r, (size_t)s->total);
	settled(r);
	return 1;
}

/* enter -- go past a header line, into the payload. */
static void
enter(struct reader *r, const struct sight *s)
{
	r->fresh = false;
	r->in_message = true;
	r->left = s->frame.len;
	r->more = s->frame.more;
	consume(r, s->head_len);
}

/* hand_out_stream -- a message whose payload comes by reader_payload. */
static int
hand_out_stream(struct reader *r, struct message *m, const struct sight *s)
{
	struct frame f;

	memcpy(r->head, r->buf + r->start, s->head_len);
	frame_parse(&f, r->head, s->head_len, NULL);
	message_of_frame(m, &f, r->scratch);
	m->reader = r;
	m->stream_read = reader_payload;
	enter(r, s);
	return 1;
}

/* skip -- read the rest of the current message and drop it; another reader's may end anyhow.  Returns 0, or -1. */
static int
skip(struct reader *r)
{
	char sink[16384];
	ssize_t got;

	do
		got = reader_payload(r, sink, sizeof(sink));
	while (got > 0);
	if (got == -1 && r->rest && errno == EBADMSG && !r->broken)
		got = 0;
	r->rest = r->rest && got == -1;
	return (int)got;
}

/*
 * stray -- no header.  A chunk is the rest of a FIFO's message whose reader died, and passed over; of one larger than
 * PIPE_BUF nobody knows where it ends, and all goes, for its writer waits for that.  Returns 0, or -1.
 */
static int
stray(struct reader *r, const struct sight *s)
{
	if (!r->named || !r->fresh)
		return bad_frame(r, s->bad, "malformed header");
	if (s->rest) {
		r->rest = true;
		enter(r, s);
		return 0;
	}
	consume(r, s->bad);
	r->dropped = buffered(r) + fifo_drop(r->fd);
	r->start = r->end = 0;
	unlock(r);
	r->reason = "malformed header; all that stood there is dropped";
	return fail_with(EBADMSG);
}

int
reader_next(struct reader *r, struct message *m)
{
	struct sight s;
	ssize_t got;
	int begun;

	r->offset += r->dropped;
	r->dropped = s.total = 0;
	for (;;) {
		if (r->in_message && skip(r) == -1)
			return -1;
		if (r->broken)
			return fail_with(EBADMSG);
		if (buffered(r) == 0 && (begun = begin(r)) <= 0)
			return begun;
		switch (sight_look(&s, r->buf + r->start, buffered(r), false)) {
		case LOOK_BAD:
			if (stray(r, &s) == 0)
				continue;
			return -1;
		case LOOK_CUT:
			if (s.bad > 0)
				return cut_before(r, s.bad);
			/* more of them than were missing, or not all of them were read */
			consume(r, sight_cuts(r->buf + r->start, buffered(r)));
			settled(r);
			continue;
		case LOOK_PART:
			break;
		case LOOK_HEAD:
			/* what is not taken at one stroke is taken in any case, from now on */
			if (s.frame.more || s.total > READER_BUF
			    || (r->mode == READER_ONE && r->ends != NULL && s.total > PIPE_BUF))
				return hand_out_stream(r, m, &s);
			if (s.total <= buffered(r))
				return hand_out(r, m, &s);
			s.need = s.total - buffered(r);
		}
		got = fill(r, s.need);
		if (got == -1 && errno == ETIMEDOUT && r->own && s.total > 0)
			return hand_out_stream(r, m, &s);       /* it has begun: the rest comes when it comes */
		if (got <= 0)
			return got == 0 ? cut_short(r) : -1;
	}
}

/* payload_fill -- fill inside a payload; a file that is followed is waited for.  Returns 0, or -1. */
static int
payload_fill(struct reader *r, uint64_t need)
{
	ssize_t got;
	int ms = 1;

	while ((got = fill(r, need)) == 0) {
		if (!r->follow)
			return cut_short(r);
		if (io_nap(r->deadline_ns, &ms, LOCK_MS) == -1)
			return -1;
	}
	return got > 0 ? 0 : -1;
}

/*
 * next_chunk -- from the end of a chunk's payload to the next chunk's.
 * Returns 1, 0 where it was the last one, or -1.
 */
static int
next_chunk(struct reader *r)
{
	struct sight s;
	enum look seen;
	uint64_t need = r->more && r->ends == NULL ? 1 + SIGHT_CONTINUATION_MIN : 1;
	bool all;
	int ms = 1;

	if (r->own && r->more && r->head_guess >= need)
		need = 1 + r->head_guess;       /* chunks mostly have lengths of as many digits */
	if (buffered(r) == 0 && payload_fill(r, need) == -1)
		return -1;
	if (r->buf[r->start] == FRAME_CUT)
		return cut_before(r, 0);
	if (r->buf[r->start] != '\n')
		return bad_frame(r, 0, "no newline follows the payload");
	if (!r->more) {
		consume(r, 1);
		r->in_message = false;
		settled(r);
		return 0;
	}
	while ((seen = sight_look(&s, r->buf + r->start + 1, buffered(r) - 1, true)) == LOOK_PART) {
		need = s.need;
		while (r->ends != NULL && buffered(r) == 1 && reader_wait(r) == 1
		    && sight_stroke(r->fd, r->ends, true, &need) == 0)
			if (io_nap(r->deadline_ns, &ms, LOCK_MS) == -1)
				return -1;
		/* a chunk that is read at one stroke: with all that stands behind it */
		all = r->mode == READER_SHARED && need > s.need;
		if (payload_fill(r, all ? READER_BUF : need) == -1 || (all && settle(r) == -1))
			return -1;
	}
	consume(r, 1);
	if (seen == LOOK_CUT)
		return cut_before(r, s.bad);
	if (seen == LOOK_BAD)
		return bad_frame(r, s.bad, "malformed header");
	if (!s.frame.continuation) {
		r->in_message = false;
		r->reason = "a new message begins where a continuation must follow";
		return fail_with(EBADMSG);
	}
	consume(r, s.head_len);
	r->head_guess = s.head_len;
	r->left = s.frame.len;
	r->more = s.frame.more;
	return 1;
}

ssize_t
reader_payload(struct reader *r, void *buf, size_t n)
{
	ssize_t got;
	int going;

	while (r->in_message && r->left == 0) {
		going = r->broken ? bad_frame(r, 0, r->reason) : next_chunk(r);
		if (going <= 0)
			return going;
	}
	if (!r->in_message || n == 0)
		return 0;
	if (n > r->left)
		n = (size_t)r->left;
	if (buffered(r) == 0 && n >= DIRECT_MIN && !r->follow) {
		got = read_some(r, buf, n);
		if (got <= 0)
			return got == 0 ? cut_short(r) : -1;
		r->offset += (uint64_t)got;
	} else {
		if (buffered(r) == 0 && payload_fill(r, r->left + 1) == -1)
			return -1;
		got = (ssize_t)(n < buffered(r) ? n : buffered(r));
		memcpy(buf, r->buf + r->start, (size_t)got);
		consume(r, (size_t)got);
	}
	r->left -= (uint64_t)got;
	return got;
}

bool
reader_buffered(const struct reader *r)
{
	size_t at = r->start;
	bool cont = false;
	uint64_t need;

	return !r->in_message && at < r->end
	    && (sight_whole(r->buf + at, r->end - at) || sight_scan(r->buf, r->end, &at, &cont, &need) == SCAN_WHOLE);
}
