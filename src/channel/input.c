/* SPDX-License-Identifier: ISC */
/* input: see input.h.  A message sent in pieces exists only from its last piece on: a crash leaves none of it. */
#include "channel/input.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/splice.h"
#include "base/tally.h"

#define PAUSE_NS UINT64_C(20000000)     /* an input from which nothing comes for so long pauses */

/* failed -- note what failed, and give up a message begun.  Returns -1, errno as it was. */
static int
failed(struct input *in, const char *at, const char *on)
{
	sink_abort(in->sink);
	in->failed_at = at;
	in->failed_on = on;
	return -1;
}

static int
cannot_send(struct input *in)
{
	return failed(in, "send to", in->sink->name);
}

static int
cannot_read(struct input *in)
{
	return failed(in, "read", "standard input");
}

/* rest -- let others write to a FIFO while there is nothing to read in standard input. */
static void
rest(struct input *in)
{
	if (in->sink->kind == CHANNEL_FIFO && io_ready(STDIN_FILENO, POLLIN) == 0)
		sink_rest(in->sink);
}

/* read_some -- io_read of standard input, which another process may have made non-blocking. */
static ssize_t
read_some(struct input *in, void *buf, size_t n)
{
	ssize_t got;

	rest(in);
	if (!io_go_on() || io_await_input() == -1)
		return -1;
	do
		got = io_read(STDIN_FILENO, buf, n);
	while (got == -1 && errno == EAGAIN && io_wait(STDIN_FILENO, POLLIN, CLOCK_NEVER) != -1);
	if (got > 0) {
		tally_add(TALLY_READ, (uint64_t)got);
		sink_rest(in->sink);    /* before more of ours it is the turn of others */
	}
	return got;
}

/* read_piece -- message_read into in->buf. */
static ssize_t
read_piece(struct input *in, struct message *m)
{
	return io_go_on() ? message_read(m, in->buf, INPUT_BUF) : -1;
}

/* read_full -- read n bytes of m, NULL standard input, into in->buf; fewer only at its end.  Returns them, or -1. */
static ssize_t
read_full(struct input *in, struct message *m, size_t n)
{
	size_t have = 0;
	ssize_t got = 1;

	while (have < n && got > 0) {
		got = m != NULL ? message_read(m, in->buf + have, n - have) : read_some(in, in->buf + have, n - have);
		if (got == -1)
			return -1;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

/*
 * read_start -- read_full of standard input, for one payload.  Where the channel passes it on as it comes, it is not kept
 * back while the input pauses: then there are fewer bytes, and *more says that they may not be all.
 */
static ssize_t
read_start(struct input *in, size_t n, bool *more)
{
	/* a message that is too late is not to have gone in part; and a file is not locked while there is nothing to write */
	const struct sink *s = in->sink;
	const bool passes = s->timeout_ns == MAILBOX_FOREVER
	    && (sink_is_mailbox(s) ? sink_hands_over(s) : s->writer->kind != WRITER_FILE);
	size_t have = 0;
	ssize_t got;

	do {
		got = read_some(in, in->buf + have, n - have);
		if (got == -1)
			return -1;
		have += (size_t)got;
		*more = got > 0;
	} while (*more && have < n && !(passes && io_wait(STDIN_FILENO, POLLIN, clock_after(PAUSE_NS)) == -1));
	return (ssize_t)have;
}

/* tell -- report the ids of what was sent last.  Returns 0, or -1. */
static int
tell(struct input *in)
{
	if (in->sent == NULL || in->sink->sender.first_id == 0
	    || in->sent(in->sink->sender.first_id, in->sink->sender.last_id) == 0)
		return 0;
	return failed(in, "write to", "standard output");
}

static int
flush(struct input *in)
{
	int r = sink_flush(in->sink), err = errno;

	/* some may have gone before it failed */
	if (tell(in) == -1)
		return -1;
	errno = err;
	return r == -1 ? cannot_send(in) : 0;
}

/* flush_told -- flush first where ids are told: a batch that fills up is sent by sink_put, which does not tell. */
static int
flush_told(struct input *in)
{
	return in->sent != NULL && sink_keeps(in->sink) && sender_waiting(&in->sink->sender) > 0 ? flush(in) : 0;
}

/* put -- send one message that is in memory; it may be gathered. */
static int
put(struct input *in, const struct message *head, const char *data, size_t len)
{
	if (flush_told(in) == -1)
		return -1;
	if (sink_put(in->sink, head, data, len) == -1) {
		/* those before one that is too large are sent */
		if (errno == EMSGSIZE && flush(in) == 0)
			errno = EMSGSIZE;
		return cannot_send(in);
	}
	return sink_hands_over(in->sink) ? tell(in) : 0;
}

/* set_header -- have a header in m's, which move to in->extra; value.p NULL: have it not.  Returns 0, or -1. */
static int
set_header(struct input *in, struct message *m, const char *key, struct slice value)
{
	char stamped[FRAME_HEADER_MAX];
	long n = frame_set_header(stamped, m->extra, key, value);

	if (n == -1)
		return cannot_send(in);
	memcpy(in->extra, stamped, (size_t)n);
	m->extra = (struct slice){ in->extra, (size_t)n };
	return 0;
}

/* set_time -- set_header for a time; 0: have it not. */
static int
set_time(struct input *in, struct message *m, const char *key, uint64_t us)
{
	char time[32];

	return set_header(in, m, key, (struct slice){ us == 0 ? NULL : time, us == 0 ? 0 : frame_time(time, us) });
}

/* stamp -- set in m's headers when it expires, and when it is due.  Returns 0, or -1. */
static int
stamp(struct input *in, struct message *m)
{
	const bool after = in->due == INPUT_DUE_AFTER && in->due_us > 0;
	const uint64_t now = in->lifetime_us > 0 || after ? clock_wall_us() : 0;

	if (in->lifetime_us > 0 && set_time(in, m, "expire", now + in->lifetime_us) == -1)
		return -1;
	return in->due == INPUT_DUE_ASIS ? 0 : set_time(in, m, "due", now + in->due_us);
}

/* begin -- begin a message in pieces. */
static int
begin(struct input *in, const struct message *head)
{
	if (flush_told(in) == -1)
		return -1;
	return sink_begin(in->sink, head) == -1 ? cannot_send(in) : 0;
}

/* put_any -- send one message that is in memory, of any length. */
static int
put_any(struct input *in, const char *data, size_t len)
{
	in->head.len = len;
	if (stamp(in, &in->head) == -1)
		return -1;
	if (len <= MAILBOX_INLINE || sink_hands_over(in->sink))
		return put(in, &in->head, data, len);
	if (begin(in, &in->head) == -1)
		return -1;
	return sink_data(in->sink, data, len) == -1 || sink_end(in->sink) == -1 ? cannot_send(in) : tell(in);
}

/* ---- standard input, read twice ---- */

/* start_of -- the offset of standard input, where a receiver may fail and it can be read again from there; else -1. */
static off_t
start_of(const struct input *in)
{
	struct stat st;

	return sink_begins_again(in->sink) && fstat(STDIN_FILENO, &st) == 0
	    && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) ? lseek(STDIN_FILENO, 0, SEEK_CUR) : -1;
}

/*
 * again -- a function that sends pieces has failed.  Where the receiver failed and the payload can be read again, offer
 * the message again, with standard input at the payload's start.  Returns 0, or -1, reported.
 */
static int
again(struct input *in, const struct message *head, off_t start)
{
	if (in->failed_at != NULL)      /* the read failed */
		return -1;
	if (errno != EPIPE || start == -1 || sink_again(in->sink, head) == -1)
		return cannot_send(in);
	return lseek(STDIN_FILENO, start, SEEK_SET) == -1 ? cannot_read(in) : 0;
}

/* ---- the forms of input ---- */

int
input_words(struct input *in, char *const *words)
{
	size_t len = 0;
	char *text, *p;
	int r;

	for (char *const *w = words; *w != NULL; w++)
		len += strlen(*w) + 1;
	/* the buffer is still unused: a first malloc(3) costs more */
	text = in->buf;
	if (len >= INPUT_BUF) {
		text = malloc(len + 1);
		if (text == NULL) {
			sink_abort(in->sink);
			return cannot_send(in);
		}
	}
	p = text;
	for (char *const *w = words; *w != NULL; w++) {
		p = stpcpy(p, *w);
		*p++ = w[1] != NULL ? ' ' : '\n';
	}
	tally_add(TALLY_READ, len);
	r = put_any(in, text, len);
	if (text != in->buf)
		free(text);
	return r == -1 ? -1 : flush(in);
}

/*
 * whole_pieces -- send the n bytes in in->buf, and what follows them.
 * n: -1 where they could not be read.  Returns 0, or -1: not sent (errno), or not read (reported).
 */
static int
whole_pieces(struct input *in, ssize_t n)
{
	int moved = 0;

	if (n != -1) {
		if (sink_data(in->sink, in->buf, (size_t)n) == -1)
			return -1;
		splice_widen(STDIN_FILENO);
		moved = sink_feed(in->sink, STDIN_FILENO);
	}
	/* a receiver that is done needs no more */
	while (n != -1 && moved == 0 && !sender_done(&in->sink->sender) && (n = read_some(in, in->buf, INPUT_BUF)) > 0)
		if (sink_data(in->sink, in->buf, (size_t)n) == -1)
			return -1;
	return moved == -1 ? -1 : n == -1 ? cannot_read(in) : sink_end(in->sink);
}

int
input_whole(struct input *in)
{
	off_t start = start_of(in);
	bool more;
	ssize_t n = read_start(in, MAILBOX_INLINE + 1, &more);

	if (n == -1)
		return cannot_read(in);
	if (n <= MAILBOX_INLINE && !more)
		return put_any(in, in->buf, (size_t)n) == -1 ? -1 : flush(in);
	in->head.len = MESSAGE_LEN_UNKNOWN;
	if (stamp(in, &in->head) == -1 || begin(in, &in->head) == -1)
		return -1;
	for (; whole_pieces(in, n) == -1; n = read_some(in, in->buf, INPUT_BUF))
		if (again(in, &in->head, start) == -1)
			return -1;
	return tell(in);
}

/*
 * long_pieces -- send a record of which n bytes, all of in->buf, have been read, and which goes on.
 * Moves what follows it to the start of in->buf.  have: gets how much that is.  Returns as whole_pieces.
 */
static int
long_pieces(struct input *in, char mark, ssize_t n, size_t *have)
{
	const char *at = NULL;
	size_t len = INPUT_BUF;

	if (n >= 0 && n < INPUT_BUF)
		errno = EIO;            /* the file has become shorter */
	if (n < INPUT_BUF)
		return cannot_read(in);
	while (at == NULL && n > 0) {
		if (sink_data(in->sink, in->buf, len) == -1)
			return -1;
		n = read_some(in, in->buf, INPUT_BUF);
		if (n == -1)
			return cannot_read(in);
		at = memchr(in->buf, mark, (size_t)n);
		len = at == NULL ? (size_t)n : (size_t)(at - in->buf);
	}
	if (at != NULL && sink_data(in->sink, in->buf, len) == -1)
		return -1;
	if (sink_end(in->sink) == -1)
		return -1;
	*have = at != NULL ? (size_t)n - len - 1 : 0;
	memmove(in->buf, at != NULL ? at + 1 : in->buf, *have);
	return 0;
}

/* long_record -- send a record of which in->buf is full.  have: as of long_pieces.  Returns 0, or -1. */
static int
long_record(struct input *in, char mark, size_t *have)
{
	off_t start = start_of(in);
	ssize_t n = INPUT_BUF;

	if (start != -1)
		start -= INPUT_BUF;
	in->head.len = MESSAGE_LEN_UNKNOWN;
	if (stamp(in, &in->head) == -1 || begin(in, &in->head) == -1)
		return -1;
	for (; long_pieces(in, mark, n, have) == -1; n = read_full(in, NULL, INPUT_BUF))
		if (again(in, &in->head, start) == -1)
			return -1;
	return tell(in);
}

/* whole_records -- send the records that end in in->buf[0..*have), and keep what follows them.  Returns 0, or -1. */
static int
whole_records(struct input *in, char mark, size_t *have)
{
	const char *p = in->buf, *limit = in->buf + *have, *at;

	for (;; p = at + 1) {
		/* one by one where their ids are told, else down to the next long one */
		if (in->sent == NULL && sink_keeps(in->sink)
		    && sender_put_records(&in->sink->sender, &in->head, &p, limit, mark) == -1)
			return cannot_send(in);
		at = find_byte(p, limit, mark);
		if (at == NULL)
			break;
		if (put_any(in, p, (size_t)(at - p)) == -1)
			return -1;
	}
	*have = (size_t)(limit - p);
	memmove(in->buf, p, *have);
	return flush(in);
}

int
input_records(struct input *in, char mark)
{
	size_t have = 0;
	ssize_t n;

	while ((n = read_some(in, in->buf + have, INPUT_BUF - have)) > 0) {
		have += (size_t)n;
		if (stamp(in, &in->head) == -1 || whole_records(in, mark, &have) == -1)
			return -1;
		while (have == INPUT_BUF)
			if (long_record(in, mark, &have) == -1 || whole_records(in, mark, &have) == -1)
				return -1;
	}
	if (n == -1)
		return cannot_read(in);
	if (have > 0 && put_any(in, in->buf, have) == -1)
		return -1;
	return flush(in);
}

/* frame_pieces -- send the n bytes of a payload that stand in in->buf, and what follows them.  As whole_pieces. */
static int
frame_pieces(struct input *in, struct message *m, ssize_t n)
{
	for (; n > 0; n = read_piece(in, m))
		if (sink_data(in->sink, in->buf, (size_t)n) == -1)
			return -1;
	return n == -1 ? cannot_read(in) : sink_end(in->sink);
}

/* put_frame -- send one message of the frame stream on.  base: where the stream began in standard input; -1 unknown. */
static int
put_frame(struct input *in, struct message *m, off_t base)
{
	struct reader *r = &in->reader;
	uint64_t left = r->left, offset = r->offset;
	bool more = r->more;
	ssize_t n = 0;

	sink_rest(in->sink);
	in->sink->sender.own_id = m->id;
	in->sink->sender.once = m->once;
	if (in->sink->sender.scope != NULL && m->via.len > 0)
		message_keep_via(m, in->extra);
	message_anew(m);
	if (stamp(in, m) == -1)
		return -1;
	if (m->data != NULL && (m->len <= MAILBOX_INLINE || sink_hands_over(in->sink)))
		return put(in, m, m->data, (size_t)m->len);
	if (sink_is_mailbox(in->sink) && !sink_sends_only(in->sink)
	    && (n = read_full(in, m, MAILBOX_INLINE + 1)) <= MAILBOX_INLINE) {
		m->len = (uint64_t)n;
		return n == -1 ? cannot_read(in) : put(in, m, in->buf, (size_t)n);
	}
	if (begin(in, m) == -1)
		return -1;
	if (n == 0)
		n = read_piece(in, m);
	for (; frame_pieces(in, m, n) == -1; n = read_piece(in, m)) {
		if (again(in, m, base == -1 ? -1 : base + (off_t)offset) == -1)
			return -1;
		reader_reset(r, offset, left, more);
	}
	return tell(in);
}

/* lacks -- whether the message, whose frame begins at byte `at', has not what it must have here; in->reader says so. */
static bool
lacks(struct input *in, const struct message *m, uint64_t at)
{
	const struct sender *s = &in->sink->sender;

	if ((s->committed == NULL || m->id != 0) && (s->scope == NULL || m->once.id != 0))
		return false;
	in->reader.reason = s->committed != NULL && m->id == 0 ? "the frame has no id to be acknowledged by"
	    : "the frame has no header once by which it could be sent once";
	in->reader.offset = at;
	errno = EBADMSG;
	return true;
}

int
input_frames(struct input *in)
{
	struct message m;
	off_t base = start_of(in);
	uint64_t at;
	int r, err;

	reader_init(&in->reader, STDIN_FILENO, READER_ALL);
	do {
		if (!reader_buffered(&in->reader)) {
			if (flush(in) == -1)
				return -1;
			rest(in);
			if (io_await_input() == -1)
				return cannot_read(in);
		}
		at = in->reader.offset;
		r = reader_next(&in->reader, &m);
		if (r == 1 && lacks(in, &m, at))
			r = -1;
	} while (r == 1 && put_frame(in, &m, base) == 0);
	if (r == 1)
		return -1;
	err = errno;
	if (flush(in) == -1)
		return -1;
	errno = err;
	return r == -1 ? cannot_read(in) : 0;
}
