/* SPDX-License-Identifier: ISC */
/*
 * writer: see writer.h.
 *
 * Small frames are gathered in buf without the lock; then the lock is taken, they are written, it is let go.  Between
 * writer_begin and writer_end the lock is kept.  A message goes in one frame where the length is known and nothing
 * bounds a write; in chunks where it is not, and wherever a write must be whole or not at all: on a FIFO, and on a
 * pipe with a deadline.  There every write is at most PIPE_BUF bytes of whole frames, so that a writer that is killed
 * or out of time leaves the stream between two frames: a message that lacks chunks is seen to be cut short by the
 * header that follows.  On an ordinary pipe without deadline a killed writer ends the stream inside a frame.
 */
#include "stream/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/splice.h"
#include "stream/fifo.h"
#include "stream/mend.h"

enum {
	LOCK_MS = 50,                   /* from one try for the lock to the next, at most */
	CHUNK_MAX = 256 * 1024,         /* payload bytes of a chunk where nothing bounds a write */
	CHUNK_DIGITS = 6,               /* decimal digits of a chunk's length, at most */
	GATHER_MAX = 4096,              /* payload bytes that are copied rather than written from where they are */
	ASK_MAX = 32 * 1024,            /* payload bytes gathered at a time where we do not wait */
	PIECE_MAX = PIPE_BUF < GATHER_MAX ? PIPE_BUF : GATHER_MAX,      /* bytes of a write: whole or not at all */
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
	return 0;
}

/* bounded -- whether each write must be whole frames of at most PIPE_BUF bytes. */
static bool
bounded(const struct writer *w)
{
	return w->kind == WRITER_FIFO || (w->kind == WRITER_PIPE && w->deadline_ns != CLOCK_NEVER);
}

static void
unlock(struct writer *w)
{
	struct flock whole = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (w->locked)
		fcntl(w->fd, F_SETLK, &whole);
	io_close(w->lent);
	w->lent = -1;
	w->locked = false;
}

/* lock -- take the channel's lock; a new batch begins.  Returns 0, or -1. */
static int
lock(struct writer *w)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int command = w->deadline_ns == CLOCK_NEVER && !w->ask ? F_SETLKW : F_SETLK, ms = 1;
	const uint64_t left_at = w->file_start + w->written;
	struct stat st;
	off_t at;

	if (w->locked)
		return 0;
	while (fcntl(w->fd, command, &whole) == -1) {
		if (w->kind == WRITER_PIPE && (errno == EINVAL || errno == ENOLCK || errno == EBADF))
			break;          /* a terminal, a socket: nothing that another writer could lock either */
		if (errno == EINTR && !io_stop)
			continue;
		/* processes that wait for each other's locks, it says; ours holds no other, or it will be let go */
		if (errno == EDEADLK)
			command = F_SETLK;
		if (errno == EACCES || errno == EDEADLK)
			errno = EAGAIN;
		if (errno != EAGAIN || w->ask || io_nap(w->deadline_ns, &ms, LOCK_MS) == -1)
			return -1;
	}
	w->locked = true;
	w->written = 0;
	if (w->kind != WRITER_FILE)
		return 0;
	if (fstat(w->fd, &st) == -1 || (at = w->append ? st.st_size : lseek(w->fd, 0, SEEK_CUR)) == -1) {
		unlock(w);
		return -1;
	}
	w->file_start = (uint64_t)at;
	if (w->file_start == left_at || mend_end(w->fd, &w->look_fd, &w->file_start) == 0)
		return 0;
	unlock(w);
	return -1;
}

/*
 * give_up -- after an error, or for a message that ended too early: what the batch left in a file is taken back
 * (where nobody without a lock has written behind it), nothing is gathered, the lock is free.
 */
static void
give_up(struct writer *w)
{
	int saved = errno;
	struct stat st;
	bool cut_back;

	if (w->locked && w->written > 0) {
		cut_back = w->kind == WRITER_FILE && fstat(w->fd, &st) == 0 &&
		    (uint64_t)st.st_size == w->file_start + w->written &&
		    ftruncate(w->fd, (off_t)w->file_start) == 0;
		if (!cut_back)
			w->torn = true;
		else if (!w->append)
			lseek(w->fd, (off_t)w->file_start, SEEK_SET);
	}
	unlock(w);
	w->used = 0;
	w->in_message = false;
	errno = saved;
}

/* fail -- what failed has the message at hand fail; not so where we were only asked. */
static int
fail(struct writer *w)
{
	if (!w->ask || errno != EAGAIN)
		give_up(w);
	return -1;
}

/*
 * wait_room -- wait until the next write goes.  What goes whole may wait in a FIFO for its reader.  Returns 0, or -1.
 * On a FIFO, and with a deadline, at most PIECE_MAX bytes go when poll(2) has seen room: a blocking write(2) of more
 * could wait beyond the deadline for the rest.  Source: pipe(7), and pipe_poll() in Linux, where POLLOUT is room for
 * a page, the PIPE_BUF of Linux.
 */
static int
wait_room(struct writer *w)
{
	if (w->kind == WRITER_FIFO)
		return fifo_room(w->fd, w->begun, w->ask ? 0 : w->deadline_ns, w->in_message ? NULL : &w->lent);
	/* with nothing to be in time for, write(2) waits as well */
	if (w->kind == WRITER_FILE || w->deadline_ns == CLOCK_NEVER)
		return 0;
	return io_wait(w->fd, POLLOUT, w->deadline_ns) == -1 ? -1 : 0;
}

/* send_bytes -- write all n bytes, under the lock. */
static int
send_bytes(struct writer *w, const char *p, size_t n)
{
	ssize_t put;
	int ms = 0, nap_ms = 1;

	while (n > 0) {
		if (wait_room(w) == -1)
			return -1;
		put = write(w->fd, p, bounded(w) && n > PIECE_MAX ? PIECE_MAX : n);
		if (put >= 0) {
			w->written += (uint64_t)put;
			w->begun += w->in_message ? (uint64_t)put : 0;
			p += put;
			n -= (size_t)put;
			ms = 0;
		} else if (errno == EAGAIN) {
			if (io_room(w->fd, w->deadline_ns, &ms) == -1)
				return -1;
		} else if (errno == EPIPE && w->kind == WRITER_FIFO) {
			if (io_nap(w->deadline_ns, &nap_ms, LOCK_MS) == -1)
				return -1;
		} else if (errno != EINTR || io_stop) {
			return -1;
		}
	}
	return 0;
}

/*
 * has_room -- how many bytes a channel takes now without a wait: a page, if any (send_bytes); a pipe what it holds, less
 * twice what is in it, which is at least half of each of its pages.
 */
static size_t
has_room(const struct writer *w)
{
	size_t size = splice_size(w->fd), taken;
	int unread = 0;

	if (w->kind == WRITER_FILE)
		return WRITER_BUF;
	if (w->kind == WRITER_FIFO)
		return PIECE_MAX;       /* wait_room says when there is none */
	if (io_wait(w->fd, POLLOUT, 0) == -1)
		return 0;
	if (bounded(w) || ioctl(w->fd, FIONREAD, &unread) == -1)
		return PIECE_MAX;
	taken = unread == 0 ? 0 : ((size_t)unread / PIECE_MAX + 1) * 2 * PIECE_MAX;
	return size >= taken + PIECE_MAX ? size - taken : PIECE_MAX;
}

/* push -- write as much of buf as goes without a wait, and keep the rest.  Returns 0, or -1: EAGAIN there is a rest. */
static int
push(struct writer *w)
{
	size_t sent = 0, n;
	int r = 0;

	for (; r == 0 && sent < w->used; sent += r == 0 ? n : 0) {
		n = has_room(w);
		n = n < w->used - sent ? n : w->used - sent;
		r = n == 0 ? fail_with(EAGAIN) : send_bytes(w, w->buf + sent, n);
	}
	if (r == -1 && errno == ETIMEDOUT)
		errno = EAGAIN;
	w->used -= sent;
	memmove(w->buf, w->buf + sent, w->used);
	return r;
}

/* send_gathered -- write what is in buf.  Takes the lock where it is not taken yet. */
static int
send_gathered(struct writer *w)
{
	if (w->used == 0 || (w->ask && bounded(w) && w->in_message && !w->chunked))
		return 0;
	if (lock(w) == -1 || (!w->ask && send_bytes(w, w->buf, w->used) == -1))
		return -1;
	if (w->ask)
		return push(w);
	w->used = 0;
	return 0;
}

/* send_with_gathered -- write what is gathered and n bytes more, together. */
static int
send_with_gathered(struct writer *w, const char *p, size_t n)
{
	struct iovec two[2] = { { w->buf, w->used }, { NULL, n } };
	ssize_t put;

	/* writev(2) only reads what its type would let it change */
	memcpy(&two[1].iov_base, &p, sizeof p);
	if (lock(w) == -1)
		return -1;
	put = writev(w->fd, two, 2);
	if (put == -1 && errno != EINTR && errno != EAGAIN)
		return -1;
	if (put > 0)
		w->written += (uint64_t)put;
	/* what a first call left goes the plain way */
	n += w->used;
	if (put > 0 && (size_t)put >= w->used) {
		w->used = 0;
		n -= (size_t)put;
		return send_bytes(w, p + (two[1].iov_len - n), n);
	}
	if (put > 0) {
		w->used -= (size_t)put;
		memmove(w->buf, w->buf + put, w->used);
	}
	return send_gathered(w) == -1 ? -1 : send_bytes(w, p, two[1].iov_len);
}

int
writer_flush(struct writer *w)
{
	if (!w->in_message && w->used > 0)
		w->begun = 0;
	if (send_gathered(w) == -1)
		return fail(w);
	if (!w->in_message && !(w->turn && w->kind == WRITER_FIFO))
		unlock(w);
	return 0;
}

void
writer_rest(struct writer *w)
{
	if (!w->in_message)
		unlock(w);
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
	size_t limit = bounded(w) ? PIECE_MAX : WRITER_BUF, head_len;
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
	    || (bounded(w) && (head->len >= PIECE_MAX || whole + head->len + 1 > PIECE_MAX));
	if (w->chunked && w->kind == WRITER_FILE)
		whole = w->head_len + 1;
	if (w->chunked && bounded(w))
		whole = w->head_len + 2 <= PIECE_MAX ? 0 : FRAME_HEADER_MAX + 1;       /* "M1 0+ ...", a newline */
	if (whole > FRAME_HEADER_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	/* what shows that a reader leaves is that there is none */
	if (w->lent != -1)
		unlock(w);
	if (lock(w) == -1)
		return fail(w);
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
	if (n > GATHER_MAX && !bounded(w) && !w->ask)
		return send_with_gathered(w, p, n);
	if (((n > GATHER_MAX && !w->ask) || w->used + n > WRITER_BUF) && send_gathered(w) == -1)
		return -1;
	if (n > GATHER_MAX && !w->ask)
		return send_bytes(w, p, n);
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

	if (!bounded(w))
		return head <= FRAME_HEADER_MAX ? CHUNK_MAX : 0;
	return head + 1 < PIECE_MAX ? PIECE_MAX - head - 1 : 0;
}

/* put_chunk -- one chunk with its header; bounded: in one write. */
static int
put_chunk(struct writer *w, const char *data, size_t len, bool more)
{
	char head[FRAME_HEADER_MAX];
	size_t head_len = make_head(w, head, len, more);

	if (put_bytes(w, head, head_len) == -1 || put_bytes(w, data, len) == -1 || put_bytes(w, "\n", 1) == -1)
		return -1;
	return bounded(w) && !w->ask ? send_gathered(w) : 0;
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
		return fail(w);
	}
	if (known)
		w->left -= len;
	if (!w->chunked)
		return put_bytes(w, data, len) == -1 ? fail(w) : 0;
	/* a header that leaves no room for payload goes alone */
	if (chunk_room(w) == 0 && put_chunk(w, NULL, 0, true) == -1)
		return fail(w);
	while (len > 0) {
		n = chunk_room(w);
		if (n > len)
			n = len;
		if (w->kind == WRITER_FILE)
			n = mend_unlike_header(data, n);
		len -= n;
		if (put_chunk(w, data, n, !known || w->left + len > 0) == -1)
			return fail(w);
		data += n;
	}
	return !known && !w->ask && send_gathered(w) == -1 ? fail(w) : 0;
}

int
writer_start(struct writer *w)
{
	return (w->chunked && put_chunk(w, NULL, 0, true) == -1) || send_gathered(w) == -1 ? fail(w) : 0;
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
		return fail(w);
	}
	if (!w->chunked ? put_bytes(w, "\n", 1) == -1 :
	    (w->left == MESSAGE_LEN_UNKNOWN || w->head_len > 0) && put_chunk(w, NULL, 0, false) == -1)
		return fail(w);
	w->in_message = false;
	return writer_flush(w);
}

void
writer_abort(struct writer *w)
{
	give_up(w);
}

int
writer_drain(struct writer *w, uint64_t *unread)
{
	int r;

	*unread = 0;
	if (w->kind != WRITER_FIFO)
		return w->kind == WRITER_PIPE ? io_taken(w->fd) : 0;
	w->ask = false;
	/* without the lock, what others write behind it would look like ours */
	r = fifo_read_out(w->fd, w->begun, lock(w) == -1 ? 0 : w->deadline_ns, unread);
	unlock(w);
	return r;
}
