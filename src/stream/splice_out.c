/* SPDX-License-Identifier: ISC */
/* pump: splice(2); where it does not go, read and write.  Its caller says what a crash leaves. */
#include "stream/splice_out.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/splice.h"
#include "base/tally.h"

enum {
	STEP = 1 << 24,                 /* bytes that one call may move */
	PIECE = 256 * 1024,             /* bytes that are copied at a time */
};

#define FOLLOW_NS UINT64_C(50000000)

/* is_pipe -- whether its bytes may go by reference.  A file's owner can still change what was read. */
static bool
is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* splice_file -- up to n bytes of a payload that is a file, as splice_move. */
static ssize_t
splice_file(struct message *m, int out, size_t n)
{
	off_t at = (off_t)m->fd_offset;
	uint64_t left = m->len - m->fd_offset;
	ssize_t got = splice_move(m->fd, &at, out, left < n ? (size_t)left : n);

	m->fd_offset = (uint64_t)at;
	return got;
}

/* gone -- n bytes of the current chunk have gone past the reader. */
static void
gone(struct reader *r, size_t n)
{
	r->left -= n;
	r->offset += n;
	tally_add(TALLY_READ, n);
}

/* splice_stream -- up to n bytes of the current chunk, where all that has been read ahead is gone; as splice_move. */
static ssize_t
splice_stream(struct reader *r, int out, size_t n)
{
	ssize_t got;
	int ms = 0;

	do
		got = splice_move_now(r->fd, out, r->left < n ? (size_t)r->left : n);
	while (got == -1 && errno == EAGAIN && reader_wait(r) != -1 && io_room(out, CLOCK_NEVER, &ms) != -1);
	if (got > 0)
		gone(r, (size_t)got);
	return got;
}

ssize_t
pump_some(struct message *m, int out, size_t n)
{
	static LARGE char piece[PIECE];
	struct reader *r = m->reader;
	ssize_t got = 0;

	/* to the next chunk, where this one is at its end */
	if (r != NULL && reader_payload(r, NULL, 0) == -1)
		return -1;
	if (m->fd != -1)
		got = splice_file(m, out, n);
	else if (r != NULL && r->left > 0 && r->start == r->end && is_pipe(r->fd))
		got = splice_stream(r, out, n);
	if (got > 0 || (got == -1 && errno != EINVAL))
		return got;
	/* it does not go this way; or this is the end, or one that came too soon, which message_read tells */
	got = message_read(m, piece, n < sizeof piece ? n : sizeof piece);
	return got > 0 && io_write(out, piece, (size_t)got) == -1 ? -1 : got;
}

bool
pump_splices(const struct reader *r)
{
	return is_pipe(r->fd);
}

ssize_t
pump_try(struct reader *r, int out, bool *splices)
{
	ssize_t got;
	char byte;

	/* a file that grows is looked at now and then: it can always be read */
	r->deadline_ns = r->follow ? clock_after(FOLLOW_NS) : 0;
	if (reader_payload(r, NULL, 0) == -1)
		return -1;
	if (!r->in_message)
		return 0;
	if (*splices && r->start == r->end) {
		got = splice_move_now(r->fd, out, r->left < STEP ? (size_t)r->left : STEP);
		*splices = got != -1 || errno != EINVAL;
		if (got > 0)
			gone(r, (size_t)got);
		if (got > 0 || (got == -1 && *splices))
			return got;
	}
	/* have some in its buffer: out takes as much of that as it has room for */
	if (r->start == r->end) {
		got = reader_payload(r, &byte, 1);
		if (got <= 0)
			return got;
		reader_untake(r, 1);
	}
	got = (ssize_t)(r->left < r->end - r->start ? r->left : r->end - r->start);
	got = write(out, r->buf + r->start, (size_t)got);
	if (got > 0)
		reader_untake(r, -got);
	return got;
}

int
pump_message(struct message *m, int out)
{
	ssize_t n;

	splice_widen(out);
	tally_payload(m->len);
	do {
		n = io_go_on() ? pump_some(m, out, STEP) : -1;
		if (n > 0)
			tally_add(TALLY_WRITTEN, (uint64_t)n);
	} while (n > 0);
	return (int)n;
}
