/* SPDX-License-Identifier: ISC */
/* input: the sending end of a tool.  A message sent in pieces does not exist before its last piece. */
#include "channel/input.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/splice.h"

/* failed -- note where; gives up a message begun.  Returns -1, errno as it was. */
static int
failed(struct input *in, const char *at, const char *on)
{
	int err = errno;

	sink_abort(in->sink);
	in->failed_at = at;
	in->failed_on = on;
	errno = err;
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

/* read_some -- io_read of standard input, which somebody else may have made one that does not wait. */
static ssize_t
read_some(void *buf, size_t n)
{
	ssize_t got;

	do
		got = io_read(STDIN_FILENO, buf, n);
	while (got == -1 && errno == EAGAIN && io_wait(STDIN_FILENO, POLLIN, CLOCK_NEVER) != -1);
	return got;
}

/* read_full -- read_some until there are n bytes, or its end.  Returns the bytes, or -1. */
static ssize_t
read_full(char *buf, size_t n)
{
	size_t have = 0;
	ssize_t got;

	while (have < n && (got = read_some(buf + have, n - have)) != 0) {
		if (got == -1)
			return -1;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

/* tell -- tell the ids of what was sent last.  Returns 0, or -1. */
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

/* put -- send one message that is in memory; it may wait in the sink for others. */
static int
put(struct input *in, const struct message *head, const char *data, size_t len)
{
	/* a batch that fills up is sent by sink_put, which does not tell */
	if (in->sent != NULL && sink_waiting(in->sink) > 0 && flush(in) == -1)
		return -1;
	if (sink_put(in->sink, head, data, len) == -1)
		return cannot_send(in);
	return sink_hands_over(in->sink) ? tell(in) : 0;
}

/* stamp -- messages read from now on expire so long from now.  Returns 0, or -1. */
static int
stamp(struct input *in)
{
	char time[32];
	char stamped[FRAME_HEADER_MAX];
	long n;

	if (in->lifetime_us == 0)
		return 0;
	n = frame_set_header(stamped, in->head.extra, "expire",
	    (struct slice){ time, frame_time(time, clock_wall_us() + in->lifetime_us) });
	if (n == -1)
		return cannot_send(in);
	memcpy(in->extra, stamped, (size_t)n);
	in->head.extra = (struct slice){ in->extra, (size_t)n };
	return 0;
}

/* begin -- begin one message in pieces. */
static int
begin(struct input *in, const struct message *head)
{
	if (in->sent != NULL && sink_waiting(in->sink) > 0 && flush(in) == -1)
		return -1;
	return sink_begin(in->sink, head) == -1 ? cannot_send(in) : 0;
}

/* ---- standard input, read twice ---- */

enum { UNREADABLE = 1 };                /* what the functions that send pieces return where standard input fails */

/* start_of -- where standard input stands, where it can be read again from there; else -1. */
static off_t
start_of(void)
{
	struct stat st;

	return fstat(STDIN_FILENO, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
	    ? lseek(STDIN_FILENO, 0, SEEK_CUR) : -1;
}

/*
 * again -- sending pieces has failed: where it was for a receiver that failed, and the payload can be read again, the
 * message is offered again, and standard input stands at the payload's start.  Returns 0, or -1, reported.
 */
static int
again(struct input *in, const struct message *head, off_t start)
{
	if (errno != EPIPE || start == -1)
		return cannot_send(in);
	if (sink_again(in->sink, head) == -1)
		return cannot_send(in);
	return lseek(STDIN_FILENO, start, SEEK_SET) == -1 ? cannot_read(in) : 0;
}

/* put_any -- send one message that is in memory, of any length. */
static int
put_any(struct input *in, const char *data, size_t len)
{
	in->head.len = len;
	if (stamp(in) == -1)
		return -1;
	if (len <= MAILBOX_INLINE || sink_hands_over(in->sink))
		return put(in, &in->head, data, len);
	if (begin(in, &in->head) == -1)
		return -1;
	return sink_data(in->sink, data, len) == -1 || sink_end(in->sink) == -1 ? cannot_send(in) : tell(in);
}

/* put_record -- send one record. */
static int
put_record(struct input *in, const char *data, size_t len)
{
	return len <= MAILBOX_INLINE ? put(in, &in->head, data, len) : put_any(in, data, len);
}

int
input_words(struct input *in, char *const *words)
{
	size_t len = 0;
	char *text, *p;
	int r;

	for (char *const *w = words; *w != NULL; w++)
		len += strlen(*w) + 1;
	/* what nothing has been read into serves as well as malloc(3), which is dear to begin with */
	text = in->buf;
	if (len >= INPUT_BUF) {
		text = malloc(len + 1);
		if (text == NULL)
			return cannot_send(in);
	}
	p = text;
	for (char *const *w = words; *w != NULL; w++) {
		p = stpcpy(p, *w);
		*p++ = w[1] != NULL ? ' ' : '\n';
	}
	r = put_any(in, text, len);
	if (text != in->buf)
		free(text);
	return r == -1 ? -1 : flush(in);
}

/* whole_pieces -- send n bytes in in->buf and what follows them.  Returns 0, -1 not sent, or UNREADABLE. */
static int
whole_pieces(struct input *in, ssize_t n)
{
	int fed;

	if (sink_data(in->sink, in->buf, (size_t)n) == -1)
		return -1;
	splice_widen(STDIN_FILENO);
	fed = sink_feed(in->sink, STDIN_FILENO);
	/* who has had enough of it has had it all */
	while (fed == 0 && !sink_done(in->sink) && (n = read_some(in->buf, INPUT_BUF)) > 0)
		if (sink_data(in->sink, in->buf, (size_t)n) == -1)
			return -1;
	return fed == -1 ? -1 : n == -1 ? UNREADABLE : sink_end(in->sink);
}

int
input_whole(struct input *in)
{
	off_t start = sink_hands_over(in->sink) ? start_of() : -1;
	ssize_t n = read_full(in->buf, MAILBOX_INLINE + 1);
	int r;

	if (n == -1)
		return cannot_read(in);
	if (n <= MAILBOX_INLINE)
		return put_any(in, in->buf, (size_t)n) == -1 ? -1 : flush(in);
	in->head.len = MESSAGE_LEN_UNKNOWN;
	if (stamp(in) == -1 || begin(in, &in->head) == -1)
		return -1;
	while ((r = whole_pieces(in, n)) == -1) {
		if (again(in, &in->head, start) == -1)
			return -1;
		n = read_some(in->buf, INPUT_BUF);
		if (n == -1)
			return cannot_read(in);
	}
	return r == UNREADABLE ? cannot_read(in) : tell(in);
}

/*
 * long_pieces -- send a record of which in->buf is full and which goes on.
 * Leaves what follows it at the start of in->buf.  have: gets how much that is.  Returns as whole_pieces.
 */
static int
long_pieces(struct input *in, char mark, size_t *have)
{
	const char *at = NULL;
	size_t len = INPUT_BUF;
	ssize_t n = INPUT_BUF;

	while (at == NULL && n > 0) {
		if (sink_data(in->sink, in->buf, len) == -1)
			return -1;
		n = read_some(in->buf, INPUT_BUF);
		if (n == -1)
			return UNREADABLE;
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

/* long_record -- send in pieces a record of which in->buf is full.  Leaves what follows it, as long_pieces.  0, or -1. */
static int
long_record(struct input *in, char mark, size_t *have)
{
	off_t start = sink_hands_over(in->sink) ? start_of() : -1;
	ssize_t n;
	int r;

	if (start != -1)
		start -= INPUT_BUF;
	in->head.len = MESSAGE_LEN_UNKNOWN;
	if (stamp(in) == -1 || begin(in, &in->head) == -1)
		return -1;
	while ((r = long_pieces(in, mark, have)) == -1) {
		if (again(in, &in->head, start) == -1)
			return -1;
		n = read_full(in->buf, INPUT_BUF);
		if (n >= 0 && n < INPUT_BUF)
			errno = EIO;            /* the file has become shorter */
		if (n < INPUT_BUF)
			return cannot_read(in);
	}
	return r == UNREADABLE ? cannot_read(in) : tell(in);
}

/* tell_records -- whole_records where each record's number is told: one by one. */
static int
tell_records(struct input *in, const char **p, const char *limit, char mark)
{
	const char *at;

	for (; (at = find_byte(*p, limit, mark)) != NULL; *p = at + 1)
		if (put_record(in, *p, (size_t)(at - *p)) == -1)
			return -1;
	return 0;
}

/* whole_records -- send the records that end in in->buf[0..*have), and keep what follows them.  Returns 0, or -1. */
static int
whole_records(struct input *in, char mark, size_t *have)
{
	const char *p = in->buf, *limit = in->buf + *have, *at;
	int r;

	if (in->sent != NULL && tell_records(in, &p, limit, mark) == -1)
		return -1;
	while (in->sent == NULL && (r = sink_put_records(in->sink, &in->head, &p, limit, mark)) != 0) {
		if (r == -1)
			return cannot_send(in);
		at = find_byte(p, limit, mark);
		if (put_any(in, p, (size_t)(at - p)) == -1)
			return -1;
		p = at + 1;
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

	while ((n = read_some(in->buf + have, INPUT_BUF - have)) > 0) {
		have += (size_t)n;
		if (stamp(in) == -1 || whole_records(in, mark, &have) == -1)
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

/* read_first -- the first bytes of a payload, as many as a message in memory may have and one more.  Returns them, or -1. */
static ssize_t
read_first(struct input *in, struct message *m)
{
	ssize_t n, have = 0;

	while (have <= MAILBOX_INLINE && (n = message_read(m, in->buf + have, (size_t)(MAILBOX_INLINE + 1 - have))) != 0) {
		if (n == -1)
			return -1;
		have += n;
	}
	return have;
}

/* frame_pieces -- send n bytes of a payload that stand in in->buf, and what follows them.  Returns as whole_pieces. */
static int
frame_pieces(struct input *in, struct message *m, ssize_t n)
{
	for (; n > 0; n = message_read(m, in->buf, INPUT_BUF))
		if (sink_data(in->sink, in->buf, (size_t)n) == -1)
			return -1;
	return n == -1 ? UNREADABLE : sink_end(in->sink);
}

/* put_frame -- send one message of the frame stream on.  base: where the stream began in standard input; -1 unknown. */
static int
put_frame(struct input *in, struct message *m, off_t base)
{
	struct reader *r = &in->reader;
	uint64_t left = r->left, offset = r->offset;
	bool more = r->more;
	ssize_t n = 0;
	int sent;

	m->id = 0;
	m->attempt = 0;
	m->uid = -1;
	if (m->data != NULL && (m->len <= MAILBOX_INLINE || sink_hands_over(in->sink)))
		return put(in, m, m->data, (size_t)m->len);
	if (sink_is_mailbox(in->sink) && !sink_leaves(in->sink) && (n = read_first(in, m)) <= MAILBOX_INLINE) {
		m->len = (uint64_t)n;
		return n == -1 ? cannot_read(in) : put(in, m, in->buf, (size_t)n);
	}
	if (begin(in, m) == -1)
		return -1;
	if (n == 0)
		n = message_read(m, in->buf, INPUT_BUF);
	while ((sent = frame_pieces(in, m, n)) == -1) {
		if (again(in, m, base == -1 ? -1 : base + (off_t)offset) == -1)
			return -1;
		reader_reset(r, offset, left, more);
		n = message_read(m, in->buf, INPUT_BUF);
	}
	return sent == UNREADABLE ? cannot_read(in) : tell(in);
}

int
input_frames(struct input *in)
{
	struct message m;
	off_t base = sink_hands_over(in->sink) ? start_of() : -1;
	int r, err;

	reader_init(&in->reader, STDIN_FILENO, READER_ALL);
	do {
		if (!reader_buffered(&in->reader) && flush(in) == -1)
			return -1;
		r = reader_next(&in->reader, &m);
	} while (r == 1 && put_frame(in, &m, base) == 0);
	if (r == 1)
		return -1;
	err = errno;
	if (flush(in) == -1)
		return -1;
	errno = err;
	return r == -1 ? cannot_read(in) : 0;
}
