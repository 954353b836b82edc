/* SPDX-License-Identifier: ISC */
/*
 * transmit: see transmit.h.
 *
 * On a FIFO, and with a deadline, every write is at most PIPE_BUF bytes, so that it goes whole or not at all.  A crash
 * leaves in a FIFO whole frames and chunks, in a file and in an ordinary pipe what the next writer ends (mend.h).
 */
#include "stream/transmit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/splice.h"
#include "base/waiting.h"
#include "stream/fifo.h"
#include "stream/mend.h"

enum { LOCK_MS = 50 };                  /* from one try for the lock to the next, at most */

bool
transmit_bounded(const struct writer *w)
{
	return w->kind == WRITER_FIFO || (w->kind == WRITER_PIPE && w->deadline_ns != CLOCK_NEVER);
}

void
transmit_unlock(struct writer *w)
{
	struct flock whole = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (w->marked > 0 && !w->torn) {
		mend_mark(w->fd, 0);
		w->marked = 0;
	}
	if (w->locked)
		fcntl(w->fd, F_SETLK, &whole);
	io_close(w->lent);
	w->lent = -1;
	w->locked = false;
}

void
transmit_mark(struct writer *w, uint64_t bytes)
{
	if (!w->unnamed || bytes <= PIPE_BUF || bytes <= w->marked || transmit_bounded(w))
		return;
	mend_mark(w->fd, bytes);
	w->marked = bytes;
}

/* await_lock -- wait for the lock, and nothing else (io_block). */
static int
await_lock(void *of)
{
	const struct writer *w = of;
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(w->fd, F_SETLKW, &whole);
}

/* take_lock -- transmit_lock, but for what the lock shows.  Returns 0, or -1. */
static int
take_lock(struct writer *w)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	bool sleeps = w->deadline_ns == CLOCK_NEVER && !w->ask, tried = false;
	int ms = 1;

	while ((tried && sleeps ? io_block(await_lock, w, CLOCK_NEVER) : fcntl(w->fd, F_SETLK, &whole)) == -1) {
		if (w->kind == WRITER_PIPE && (errno == EINVAL || errno == ENOLCK || errno == EBADF))
			break;          /* a terminal, a socket: nothing that another writer could lock either */
		if (errno == EINTR && !io_stop)
			continue;
		/* processes that wait for each other's locks, it says; ours holds no other, or it will be let go */
		sleeps = sleeps && errno != EDEADLK;
		if (errno == EACCES || errno == EDEADLK)
			errno = EAGAIN;
		if (errno != EAGAIN || w->ask)
			return -1;
		waiting_for(WAITING_WRITER, w->name);
		tried = true;
		if (!sleeps && io_nap(w->deadline_ns, &ms, LOCK_MS) == -1)
			return -1;
	}
	if (tried)
		waiting_over();
	w->locked = true;
	return 0;
}

void
transmit_give_up(struct writer *w)
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
		if (w->kind == WRITER_FIFO)
			fifo_void(w->fd, w->begun);
	}
	transmit_unlock(w);
	w->used = 0;
	w->in_message = false;
	errno = saved;
}

int
transmit_fail(struct writer *w)
{
	if (!w->ask || errno != EAGAIN)
		transmit_give_up(w);
	return -1;
}

/*
 * wait_room -- wait until the next write goes.  What goes whole may wait in a FIFO for its reader.  Returns 0, or -1.
 * On a FIFO, and with a deadline, at most TRANSMIT_PIECE bytes go when poll(2) has seen room: a blocking write(2) of more
 * could wait beyond the deadline for the rest.  Source: pipe(7), and pipe_poll() in Linux, where POLLOUT is room for
 * a page, the PIPE_BUF of Linux.
 */
static int
wait_room(struct writer *w)
{
	if (w->kind == WRITER_FIFO) {
		waiting_for(WAITING_READER, w->name);
		if (fifo_room(w->fd, w->begun, w->ask ? 0 : w->deadline_ns, w->in_message ? NULL : &w->lent) == -1)
			return -1;
		waiting_over();
		return 0;
	}
	/* with nothing to be in time for, write(2) waits as well */
	if (w->kind == WRITER_FILE || w->deadline_ns == CLOCK_NEVER)
		return 0;
	return io_wait(w->fd, POLLOUT, w->deadline_ns) == -1 ? -1 : 0;
}

int
transmit_bytes(struct writer *w, const char *p, size_t n)
{
	ssize_t put;
	int ms = 0, nap_ms = 1;

	while (n > 0) {
		if (wait_room(w) == -1)
			return -1;
		put = write(w->fd, p, transmit_bounded(w) && n > TRANSMIT_PIECE ? TRANSMIT_PIECE : n);
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
 * has_room -- how many bytes a channel takes now without a wait: a page, if any; a pipe what it holds, less
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
		return TRANSMIT_PIECE;       /* wait_room says when there is none */
	if (io_wait(w->fd, POLLOUT, 0) == -1)
		return 0;
	if (transmit_bounded(w) || ioctl(w->fd, FIONREAD, &unread) == -1)
		return TRANSMIT_PIECE;
	taken = unread == 0 ? 0 : ((size_t)unread / TRANSMIT_PIECE + 1) * 2 * TRANSMIT_PIECE;
	return size >= taken + TRANSMIT_PIECE ? size - taken : TRANSMIT_PIECE;
}

/* end_left -- end the frame in an ordinary pipe that a writer left which was killed.  Returns 0, or -1. */
static int
end_left(struct writer *w)
{
	char cuts[TRANSMIT_GATHER];
	size_t n;

	if (w->fill == 0)
		return 0;
	memset(cuts, FRAME_CUT, sizeof cuts);
	for (; w->fill > 0; w->fill -= n) {
		n = w->ask ? has_room(w) : sizeof cuts;
		n = n < sizeof cuts ? n : sizeof cuts;
		n = n < w->fill ? n : (size_t)w->fill;
		if (n == 0)
			return fail_with(EAGAIN);
		if (transmit_bytes(w, cuts, n) == -1)
			return -1;
	}
	return 0;
}

/* find_end -- where a plain file's frames end, once what a writer left there is ended.  Returns 0, or -1. */
static int
find_end(struct writer *w)
{
	const uint64_t left_at = w->file_start + w->written;
	struct stat st;
	off_t at;

	if (fstat(w->fd, &st) == -1 || (at = w->append ? st.st_size : lseek(w->fd, 0, SEEK_CUR)) == -1)
		return -1;
	w->file_start = (uint64_t)at;
	return w->file_start == left_at ? 0 : mend_end(w->fd, &w->look_fd, &w->file_start);
}

int
transmit_lock(struct writer *w)
{
	if (w->locked)
		return end_left(w);
	if (take_lock(w) == -1)
		return -1;
	if (w->kind == WRITER_FILE && find_end(w) == -1) {
		transmit_unlock(w);
		return -1;
	}
	w->written = 0;
	w->fill = w->unnamed ? mend_marked(w->fd) : 0;
	w->marked = w->fill;
	return end_left(w);
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
		r = n == 0 ? fail_with(EAGAIN) : transmit_bytes(w, w->buf + sent, n);
	}
	if (r == -1 && errno == ETIMEDOUT)
		errno = EAGAIN;
	w->used -= sent;
	memmove(w->buf, w->buf + sent, w->used);
	return r;
}

int
transmit_gathered(struct writer *w)
{
	if (w->used == 0 || (w->ask && transmit_bounded(w) && w->in_message && !w->chunked))
		return 0;
	if (transmit_lock(w) == -1)
		return -1;
	transmit_mark(w, w->used);
	if (!w->ask && transmit_bytes(w, w->buf, w->used) == -1)
		return -1;
	if (w->ask)
		return push(w);
	w->used = 0;
	return 0;
}

int
transmit_with_gathered(struct writer *w, const char *p, size_t n)
{
	struct iovec two[2] = { { w->buf, w->used }, { NULL, n } };
	ssize_t put;

	/* writev(2) only reads what its type would let it change */
	memcpy(&two[1].iov_base, &p, sizeof p);
	if (transmit_lock(w) == -1)
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
		return transmit_bytes(w, p + (two[1].iov_len - n), n);
	}
	if (put > 0) {
		w->used -= (size_t)put;
		memmove(w->buf, w->buf + put, w->used);
	}
	return transmit_gathered(w) == -1 ? -1 : transmit_bytes(w, p, two[1].iov_len);
}
