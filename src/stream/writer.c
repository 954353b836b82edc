/* SPDX-License-Identifier: ISC */
/*
 * writer: see writer.h.
 *
 * Small frames are gathered in buf without the lock; then the lock is taken, they are written, it is let go.  Between
 * writer_begin and writer_end the lock is kept.  A message goes in one frame where the length is known and nothing
 * bounds a write; in chunks where it is not, and wherever a write must be whole or not at all: on a FIFO, and on a
 * pipe with a deadline.  There every write is at most PIPE_BUF bytes of whole frames, so that a writer that is killed
 * or out of time leaves the stream between two frames: a message that lacks chunks is seen to be cut short by the
 * header that follows.  What a killed writer leaves of a frame elsewhere the next one ends (mend.h).
 */
#include "stream/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/splice.h"
#include "base/waiting.h"
#include "stream/fifo.h"
#include "stream/mend.h"

enum {
	CHUNK_MAX = 256 * 1024,         /* payload bytes of a chunk where nothing bounds a write */
	CHUNK_DIGITS = 6,               /* decimal digits of a chunk's length, at most */
	PIECE_MAX = 1000 * 1000 + FRAME_HEADER_MAX,     /* bytes of a chunk with so many, its header and newline included */
	ASK_MAX = 32 * 1024,            /* payload bytes gathered at a time where we do not wait */
	WIDE_MIN = 64 * 1024,           /* a longer message is worth a larger pipe */
	HEAD_LENGTH_END = 4,            /* bytes of "M1 0" */
};

/* is_named -- whether the pipe has a name.  Where that cannot be told, it has: that is the careful way. */
static bool
is_named(int fd)
{
#ifdef __linux__
	enum { PIPEFS = 0x50495045 };   /* PIPEFS_MAGIC of linux/magic.h */
	struct statfs fs;

	return fstatfs(fd, &fs) == -1 || fs.f_type != PIPEFS;
#else
	(void)fd;
	return true;
#endif
}

int
writer_init(struct writer *w, int fd)
{
	struct stat st;
	int flags;

	memset(w, 0, offsetof(struct writer, buf));
	w->fd = fd;
	w->look_fd = -1;
	w->lent = -1;
	w->deadline_ns = CLOCK_NEVER;
	if (fstat(fd, &st) == -1 || (flags = fcntl(fd, F_GETFL)) == -1)
		return -1;
	w->append = (flags & O_APPEND) != 0;
	if (S_ISREG(st.st_mode))
		w->kind = WRITER_FILE;
	else
		w->kind = S_ISFIFO(st.st_mode) && is_named(fd) ? WRITER_FIFO : WRITER_PIPE;
	w->unnamed = w->kind == WRITER_PIPE && S_ISFIFO(st.st_mode) && (flags & O_ASYNC) == 0;
	return 0;
}

int
writer_flush(struct writer *w)
{
	if (!w->in_message && w->used > 0)
		w->begun = 0;
	if (transmit_gathered(w) == -1)
		return transmit_fail(w);
	if (!w->in_message && !(w->turn && w->kind == WRITER_FIFO))
		transmit_unlock(w);
	return 0;
}

void
writer_rest(struct writer *w)
{
	if (!w->in_message)
		transmit_unlock(w);
}

/* put_large -- a message whose payload is not worth gathering.  A FIFO's next reader gets what one left half-way. */
static int
put_large(struct writer *w, const struct message *head, const char *data, size_t len)
{
	struct message m = *head;
	int r;

	m.len = len;
	do
		r = writer_begin(w, &m) == -1 || writer_data(w, data, len) == -1 ? -1 : writer_end(w);
	while (r == -1 && errno == EPIPE && w->kind == WRITER_FIFO);
	return r;
}

int
writer_put(struct writer *w, const struct message *head, const char *data, size_t len)
{
	size_t limit = transmit_bounded(w) ? TRANSMIT_PIECE : WRITER_BUF, head_len;
	char *to;

	if (w->kind == WRITER_FILE && mend_unlike_header(data, len) < len)
		return put_large(w, head, data, len);
	if (len > limit - 1 || len > WRITER_BUF - FRAME_HEADER_MAX - 1)
		return put_large(w, head, data, len);
	if (w->used + FRAME_HEADER_MAX + len + 1 > WRITER_BUF && writer_flush(w) == -1)
		return -1;
	to = w->buf + w->used;
	head_len = message_head(to, head, len, false);
	if (head_len == 0)
		return -1;
	if (head_len + len + 1 > limit)
		return put_large(w, head, data, len);
	if (w->used + head_len + len + 1 > limit) {
		if (writer_flush(w) == -1)
			return -1;
		memmove(w->buf, to, head_len);
		to = w->buf;
	}
	if (len > 0)
		memcpy(to + head_len, data, len);
	to[head_len + len] = '\n';
	w->used += head_len + len + 1;
	return 0;
}

/* make_head -- the header line of the message's next chunk.  Returns its bytes. */
static size_t
make_head(struct writer *w, char *out, uint64_t len, bool more)
{
	size_t n = frame_continuation(out, len, more), rest;

	if (w->head_len > 0) {
		rest = w->head_len - HEAD_LENGTH_END;
		memcpy(out + n - 1, w->head + HEAD_LENGTH_END, rest);
		n += rest - 1;
	}
	w->head_len = 0;
	return n;
}

int
writer_begin(struct writer *w, const struct message *head)
{
	char number[20];
	bool known = head->len != MESSAGE_LEN_UNKNOWN;
	size_t digits = known ? num_decimal(number, head->len) : CHUNK_DIGITS + 1, whole;

	if (writer_flush(w) == -1)
		return -1;
	if (w->kind == WRITER_PIPE && head->len > WIDE_MIN)
		splice_widen(w->fd);
	w->head_len = message_head(w->head, head, 0, false);
	if (w->head_len == 0)
		return -1;
	whole = w->head_len - 1 + digits;
	w->chunked = !known || w->kind == WRITER_FILE
	    || (transmit_bounded(w) && (head->len >= TRANSMIT_PIECE || whole + head->len + 1 > TRANSMIT_PIECE));
	if (w->chunked && w->kind == WRITER_FILE)
		whole = w->head_len + 1;
	if (w->chunked && transmit_bounded(w))
		whole = w->head_len + 2 <= TRANSMIT_PIECE ? 0 : FRAME_HEADER_MAX + 1;       /* "M1 0+ ...", a newline */
	if (whole > FRAME_HEADER_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	/* what shows that a reader leaves is that there is none */
	if (w->lent != -1)
		transmit_unlock(w);
	if (transmit_lock(w) == -1)
		return transmit_fail(w);
	transmit_mark(w, w->chunked ? PIECE_MAX : w->head_len + digits + head->len + 1);
	w->in_message = true;
	w->begun = 0;
	w->left = head->len;
	if (!w->chunked)
		w->used = make_head(w, w->buf, head->len, false);
	return 0;
}

/* put_bytes -- gather a few bytes, or write many, after those that were gathered. */
static int
put_bytes(struct writer *w, const char *p, size_t n)
{
	if (n > TRANSMIT_GATHER && !transmit_bounded(w) && !w->ask)
		return transmit_with_gathered(w, p, n);
	if (((n > TRANSMIT_GATHER && !w->ask) || w->used + n > WRITER_BUF) && transmit_gathered(w) == -1)
		return -1;
	if (n > TRANSMIT_GATHER && !w->ask)
		return transmit_bytes(w, p, n);
	if (n > 0)
		memcpy(w->buf + w->used, p, n);
	w->used += n;
	return 0;
}

/* chunk_room -- how many payload bytes the next chunk may have. */
static size_t
chunk_room(const struct writer *w)
{
	size_t head = (w->head_len > 0 ? w->head_len - 1 : HEAD_LENGTH_END) + CHUNK_DIGITS + 1;

	if (!transmit_bounded(w))
		return head <= FRAME_HEADER_MAX ? CHUNK_MAX : 0;
	return head + 1 < TRANSMIT_PIECE ? TRANSMIT_PIECE - head - 1 : 0;
}

/* put_chunk -- one chunk with its header; bounded: in one write. */
static int
put_chunk(struct writer *w, const char *data, size_t len, bool more)
{
	char head[FRAME_HEADER_MAX];
	size_t head_len = make_head(w, head, len, more);

	if (put_bytes(w, head, head_len) == -1 || put_bytes(w, data, len) == -1 || put_bytes(w, "\n", 1) == -1)
		return -1;
	return transmit_bounded(w) && !w->ask ? transmit_gathered(w) : 0;
}

size_t
writer_room(const struct writer *w)
{
	size_t room = w->chunked ? chunk_room(w) : ASK_MAX;

	return room < ASK_MAX ? room : ASK_MAX;
}

short
writer_events(const struct writer *w)
{
	/* a FIFO's next reader is no event */
	return w->locked && w->used > 0 && (io_wait(w->fd, POLLOUT, 0) & POLLERR) == 0 ? POLLOUT : 0;
}

int
writer_data(struct writer *w, const char *data, size_t len)
{
	bool known = w->left != MESSAGE_LEN_UNKNOWN;
	size_t n;

	if (known && len > w->left) {
		errno = EMSGSIZE;
		return transmit_fail(w);
	}
	if (known)
		w->left -= len;
	if (!w->chunked)
		return put_bytes(w, data, len) == -1 ? transmit_fail(w) : 0;
	/* a header that leaves no room for payload goes alone */
	if (chunk_room(w) == 0 && put_chunk(w, NULL, 0, true) == -1)
		return transmit_fail(w);
	while (len > 0) {
		n = chunk_room(w);
		if (n > len)
			n = len;
		if (w->kind == WRITER_FILE)
			n = mend_unlike_header(data, n);
		len -= n;
		if (put_chunk(w, data, n, !known || w->left + len > 0) == -1)
			return transmit_fail(w);
		data += n;
	}
	return !known && !w->ask && transmit_gathered(w) == -1 ? transmit_fail(w) : 0;
}

int
writer_start(struct writer *w)
{
	return (w->chunked && put_chunk(w, NULL, 0, true) == -1) || transmit_gathered(w) == -1 ? transmit_fail(w) : 0;
}

bool
writer_takes_pieces(const struct writer *w)
{
	return w->in_message && w->kind != WRITER_FILE && w->deadline_ns == CLOCK_NEVER
	    && (w->chunked || w->kind == WRITER_PIPE);
}

size_t
writer_piece(struct writer *w, char *head, size_t n, bool *newline)
{
	size_t gathered = w->used;

	if (w->left != MESSAGE_LEN_UNKNOWN)
		w->left -= n;
	*newline = w->chunked;
	if (w->chunked)
		return make_head(w, head, n, w->left > 0);
	/* the header of the whole, which stands in front of the first piece */
	memcpy(head, w->buf, gathered);
	w->used = 0;
	return gathered;
}

int
writer_end(struct writer *w)
{
	if (!w->in_message)     /* we were asked before */
		return writer_flush(w);
	if (w->left != MESSAGE_LEN_UNKNOWN && w->left > 0) {
		errno = EBADMSG;
		return transmit_fail(w);
	}
	if (!w->chunked ? put_bytes(w, "\n", 1) == -1 :
	    (w->left == MESSAGE_LEN_UNKNOWN || w->head_len > 0) && put_chunk(w, NULL, 0, false) == -1)
		return transmit_fail(w);
	w->in_message = false;
	return writer_flush(w);
}

void
writer_abort(struct writer *w)
{
	transmit_give_up(w);
}

int
writer_drain(struct writer *w, uint64_t *unread)
{
	int r;

	*unread = 0;
	if (w->kind != WRITER_FIFO)
		return w->kind == WRITER_PIPE ? io_taken(w->fd) : 0;
	w->ask = false;
	waiting_for(WAITING_READER, w->name);
	/* without the lock, what others write behind it would look like ours */
	r = fifo_read_out(w->fd, w->begun, transmit_lock(w) == -1 ? 0 : w->deadline_ns, unread);
	transmit_unlock(w);
	waiting_over();
	return r;
}
