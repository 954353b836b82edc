/* SPDX-License-Identifier: ISC */
/* meet: an offer, then a stream.  A crash leaves an offer of the dead, or a stream that ends too soon. */
#include "meet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "clock.h"
#include "feed.h"
#include "move.h"
#include "settle.h"
#include "sync.h"
#include "wake.h"

static void
close_fifo(struct meet *t)
{
	int err = errno;

	if (t->fd != -1)
		close(t->fd);
	t->fd = -1;
	errno = err;
}

int
meet_begin(struct meet *t, struct batch *b, const struct message *head, uint64_t deadline_ns)
{
	struct post *p = t->post;
	int r;

	t->sent = 0;
	batch_put(b, "", 0);
	r = post_offer(p, b, deadline_ns);
	batch_clear(b);
	if (r == -1)
		return -1;
	t->fd = p->offer_fd;
	/* POST_NOW: somebody was there to be woken; if he leaves all the same, nobody was */
	r = sync_await(p->m, p->last_id, deadline_ns == POST_NOW ? clock_after(WAKE_LOOK_NS) : deadline_ns, SYNC_TAKEN);
	if (r == -1) {
		if (errno == ETIMEDOUT && deadline_ns == POST_NOW)
			errno = EAGAIN;
		close_fifo(t);
		return -1;
	}
	move_widen(t->fd);
	if (writer_init(t->writer, t->fd) == -1)
		return -1;
	t->writer->kind = WRITER_PIPE;          /* it is ours alone */
	t->writer->deadline_ns = CLOCK_NEVER;
	return writer_begin(t->writer, head);
}

/* lost -- the receiver is gone: unless it had finished, the message has failed.  Returns 0, or -1 with EPIPE. */
static int
lost(struct meet *t)
{
	struct mbox *m = t->post->m;
	struct item item;
	enum state_status status;
	int end, err;

	close_fifo(t);
	if (mbox_lock(m, CLOCK_NEVER) == -1)
		return -1;
	end = sync_outcome(m, t->post->last_id);
	err = end == STATE_DROPPED ? ECANCELED : EPIPE;
	if (end == STATE_CLAIMED && settle_find(m, t->post->last_id, &item, &status) == 1 && mbox_begin(m) == 0
	    && settle_gone(m, &item, 1, status, STATE_DROPPED, 0) == -1)
		err = errno;
	if (wake_down(m) == 0 && m->changing)
		mbox_commit(m);
	mbox_unlock(m);
	errno = err;
	return end == STATE_DONE ? 0 : -1;
}

/* failed -- what a failed write means. */
static int
failed(struct meet *t)
{
	int err = errno;

	if (err == EPIPE)
		return lost(t);
	meet_abort(t);
	errno = err;
	return -1;
}

int
meet_data(struct meet *t, const char *data, size_t len)
{
	if (writer_data(t->writer, data, len) == -1)
		return failed(t);
	t->sent += len;
	return 0;
}

int
meet_feed(struct meet *t, int in)
{
	int r = feed_stream(t->writer, in, &t->sent);

	return r == -1 ? failed(t) : r;
}

int
meet_end(struct meet *t)
{
	struct mbox *m = t->post->m;
	int end;

	if (writer_end(t->writer) == -1 || writer_flush(t->writer) == -1)
		return failed(t);
	for (;;) {
		struct pollfd polled[2] = { { .fd = m->bell_fd, .events = POLLIN }, { .fd = t->fd } };

		/* the bell says that it has ended, the FIFO that its reader has gone; the look is for what was missed */
		if (poll(polled, 2, (int)(WAKE_LOOK_NS / 1000000)) == -1 && errno != EINTR)
			return failed(t);
		if (polled[1].revents & POLLERR)
			return lost(t);
		if (mbox_lock(m, CLOCK_NEVER) == -1)
			return -1;
		end = sync_outcome(m, t->post->last_id);
		if (end == STATE_CLAIMED) {
			end = sync_post(m, t->post->last_id) == 0 && (!m->changing || mbox_commit(m) == 0)
			    ? want_mark(m->want_fd, m->want_index, STATE_CLAIMED) : -1;
			mbox_unlock(m);
			if (end == -1)
				return -1;
			continue;
		}
		mbox_unlock(m);
		return lost(t);
	}
}

void
meet_abort(struct meet *t)
{
	int err = errno;

	if (t->fd == -1)
		return;
	close_fifo(t);
	wake_leave(t->post->m);
	errno = err;
}
