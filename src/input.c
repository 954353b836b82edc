/* SPDX-License-Identifier: ISC */
/* input: the sending end of a tool.  A message sent in pieces does not exist before its last piece. */
#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "io.h"

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

/* tell -- tell the ids of what was sent last.  Returns 0, or -1. */
static int
tell(struct input *in)
{
	if (in->sent == NULL || in->sink->first_id == 0 || in->sent(in->sink->first_id, in->sink->last_id) == 0)
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
	return in->sink->handover ? tell(in) : 0;
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

/* begin, piece, end -- send one message in pieces. */
static int
begin(struct input *in, const struct message *head)
{
	if (in->sent != NULL && sink_waiting(in->sink) > 0 && flush(in) == -1)
		return -1;
	return sink_begin(in->sink, head) == -1 ? cannot_send(in) : 0;
}

static int
piece(struct input *in, const char *data, size_t len)
{
	return sink_data(in->sink, data, len) == -1 ? cannot_send(in) : 0;
}

static int
end(struct input *in)
{
	if (sink_end(in->sink) == -1)
		return cannot_send(in);
	return tell(in);
}

/* put_any -- send one message that is in memory, of any length. */
static int
put_any(struct input *in, const char *data, size_t len)
{
	in->head.len = len;
	if (stamp(in) == -1)
		return -1;
	if (len <= BATCH_INLINE)
		return put(in, &in->head, data, len);
	return begin(in, &in->head) == -1 || piece(in, data, len) == -1 ? -1 : end(in);
}

/* put_record -- send one record. */
static int
put_record(struct input *in, const char *data, size_t len)
{
	return len <= BATCH_INLINE ? put(in, &in->head, data, len) : put_any(in, data, len);
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
	p = text = len < INPUT_BUF ? in->buf : malloc(len + 1);
	if (text == NULL)
		return cannot_send(in);
	for (char *const *w = words; *w != NULL; w++) {
		p = stpcpy(p, *w);
		*p++ = w[1] != NULL ? ' ' : '\n';
	}
	r = put_any(in, text, len);
	if (text != in->buf)
		free(text);
	return r == -1 ? -1 : flush(in);
}

int
input_whole(struct input *in)
{
	ssize_t n = io_read_full(STDIN_FILENO, in->buf, BATCH_INLINE + 1);
	int moved;

	if (n == -1)
		return cannot_read(in);
	if (n <= BATCH_INLINE)
		return put_any(in, in->buf, (size_t)n) == -1 ? -1 : flush(in);
	in->head.len = MESSAGE_LEN_UNKNOWN;
	if (stamp(in) == -1 || begin(in, &in->head) == -1)
		return -1;
	if (piece(in, in->buf, (size_t)n) == -1)
		return -1;
	moved = sink_feed(in->sink, STDIN_FILENO);
	if (moved == -1)
		return cannot_send(in);
	while (moved == 0 && (n = io_read(STDIN_FILENO, in->buf, INPUT_BUF)) > 0)
		if (piece(in, in->buf, (size_t)n) == -1)
			return -1;
	return n == -1 ? cannot_read(in) : end(in);
}

/*
 * long_record -- send in pieces a record of which in->buf is full and which goes on.
 * Leaves what follows it at the start of in->buf.  have: gets how much that is.  Returns 0, or -1.
 */
static int
long_record(struct input *in, char mark, size_t *have)
{
	const char *at = NULL;
	size_t len = INPUT_BUF;
	ssize_t n = INPUT_BUF;

	in->head.len = MESSAGE_LEN_UNKNOWN;
	if (stamp(in) == -1 || begin(in, &in->head) == -1)
		return -1;
	while (at == NULL && n > 0) {
		if (piece(in, in->buf, len) == -1)
			return -1;
		n = io_read(STDIN_FILENO, in->buf, INPUT_BUF);
		if (n == -1)
			return cannot_read(in);
		at = memchr(in->buf, mark, (size_t)n);
		len = at == NULL ? (size_t)n : (size_t)(at - in->buf);
	}
	*have = 0;
	if (at != NULL) {
		if (piece(in, in->buf, len) == -1)
			return -1;
		*have = (size_t)n - len - 1;
		memmove(in->buf, at + 1, *have);
	}
	return end(in);
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

	while ((n = io_read(STDIN_FILENO, in->buf + have, INPUT_BUF - have)) > 0) {
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

/* put_frame -- send one message of the frame stream on. */
static int
put_frame(struct input *in, struct message *m)
{
	ssize_t n;

	m->id = 0;
	m->attempt = 0;
	m->uid = -1;
	if (m->data != NULL && m->len <= BATCH_INLINE)
		return put(in, m, m->data, m->len);
	if (begin(in, m) == -1)
		return -1;
	while ((n = message_read(m, in->buf, INPUT_BUF)) > 0)
		if (piece(in, in->buf, (size_t)n) == -1)
			return -1;
	return n == -1 ? cannot_read(in) : end(in);
}

int
input_frames(struct input *in)
{
	struct message m;
	int r, err;

	reader_init(&in->reader, STDIN_FILENO, READER_ALL);
	do {
		if (!reader_buffered(&in->reader) && flush(in) == -1)
			return -1;
		r = reader_next(&in->reader, &m);
	} while (r == 1 && put_frame(in, &m) == 0);
	if (r == 1)
		return -1;
	err = errno;
	if (flush(in) == -1)
		return -1;
	errno = err;
	return r == -1 ? cannot_read(in) : 0;
}
