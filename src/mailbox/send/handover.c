/* SPDX-License-Identifier: ISC */
/* handover: an offer, then a stream.  A crash leaves an offer of a dead process, or a stream that ends too soon. */
#include "mailbox/send/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/waiting.h"
#include "mailbox/box/txn.h"
#include "mailbox/queue/evict.h"
#include "mailbox/queue/offer.h"
#include "mailbox/queue/request.h"
#include "mailbox/send/completion.h"
#include "mailbox/wait/wait.h"
#include "mailbox/wait/wake.h"
#include "stream/splice_in.h"

static void
close_fifo(struct handover *t)
{
	io_close(t->fd);
	t->fd = -1;
}

/* keep_waiting -- with the lock held: post our want anew, commit and unlock.  Returns 0, or -1. */
static int
keep_waiting(struct handover *t)
{
	return txn_end(t->append->m, wait_post(t->append->m, WANT_END, NULL, t->append->last_id));
}

/*
 * over -- with the lock held, or the mailbox removed: the offer has ended, or is given up.  Commits and unlocks.
 * err: errno afterwards.
 */
static int
over(struct handover *t, int err)
{
	t->offered = t->back = false;
	close_fifo(t);
	if (t->append->m->txn.locked && txn_end(t->append->m, wait_down(t->append->m)) == -1)
		err = errno;
	errno = err;
	return -1;
}

/* give_up -- with the lock held: no receiver has the offer: it is withdrawn.  As over. */
static int
give_up(struct handover *t, int err)
{
	if (completion_withdraw(t->append->m, t->append->last_id) == -1)
		err = errno;
	return over(t, err);
}

/* ours_again -- with the lock held: note that we have the offer again, and why it was put back.  Returns 0, or -1. */
static int
ours_again(struct handover *t, int state, struct item *item)
{
	close_fifo(t);
	if (state == COMPLETION_LOST && offer_ours(t->append->m, item) == -1)
		return -1;
	/* a try was counted, and no receiver died: its command has failed, and is not to fail again at once */
	if (!t->back && state == COMPLETION_BACK && (item->tries > t->tries || item->tries == STATE_TRIES_MAX))
		t->pause_ns = clock_after(1000 * clock_backoff(MAILBOX_BACKOFF_US, MAILBOX_BACKOFF_MOST_US, item->tries));
	t->tries = item->tries;
	t->back = true;
	return 0;
}

/*
 * note -- with the lock held, unless state is -1 or COMPLETION_RECEIVED: take note of what has become of the offer.
 * Returns state, COMPLETION_LOST as COMPLETION_BACK; unlocked: COMPLETION_RECEIVED, or -1 (ECANCELED where it was
 * dropped).
 */
static int
note(struct handover *t, int state, struct item *item)
{
	t->taken = t->taken || state == COMPLETION_TAKEN || state == COMPLETION_BACK || state == COMPLETION_LOST;
	if (state == COMPLETION_WAITS || state == COMPLETION_TAKEN)
		return state;
	if (state == COMPLETION_BACK || state == COMPLETION_LOST)
		return ours_again(t, state, item) == -1 ? over(t, errno) : COMPLETION_BACK;
	if (state == -1)
		return t->append->m->txn.locked ? over(t, errno) : -1;
	t->done = state == COMPLETION_RECEIVED;
	over(t, ECANCELED);
	return t->done ? COMPLETION_RECEIVED : -1;
}

/* unserved -- with the lock held: why not to wait for a receiver, as errno; 0: wait. */
static int
unserved(struct handover *t)
{
	struct mbox *m = t->append->m;
	int served;

	/* one that a receiver has had is as a message that was put back */
	if (m->ctl.closed && !t->taken)
		return ESHUTDOWN;
	served = t->tries == 0 || !t->while_served ? 1 : request_served(m, t->tag, t->source);
	return served == 1 ? 0 : served == 0 ? EOWNERDEAD : errno;
}

/* offer_anew -- with the lock held, and the offer ours: it is ready again.  Unlocks.  Returns 0, or -1. */
static int
offer_anew(struct handover *t)
{
	struct mbox *m = t->append->m;
	struct item item = { .tries = 0 };
	int why = unserved(t), state;

	if (why != 0)
		return give_up(t, why);
	state = completion_state(m, t->append->last_id, &item);
	if (state != COMPLETION_BACK)
		return over(t, state == -1 ? errno : ECANCELED);
	t->fd = offer_again(m, &item);
	if (t->fd == -1)
		return over(t, errno);
	t->back = false;
	return keep_waiting(t);
}

/*
 * look -- the offer is not taken yet: see how it stands.  r: wait_sleep's.
 * Returns 1 it is taken, or has been received, 0 go on waiting, or -1.
 */
static int
look(struct handover *t, int r)
{
	struct mbox *m = t->append->m;
	struct item item = { .tries = 0 };
	int why, state = completion_look(m, t->append->last_id, r, t->deadline_ns, &item, &why);

	state = note(t, state, &item);
	if (state == COMPLETION_TAKEN)
		return txn_end(m, 1);           /* what had expired is gone */
	if (state == COMPLETION_RECEIVED || state == -1)
		return state == -1 ? -1 : 1;
	if (r != 1)
		return give_up(t, why);
	/* taken and put back: nothing of it has been read, and we still have it all */
	if (state == COMPLETION_BACK)
		return clock_mono_ns() < t->pause_ns ? keep_waiting(t) : offer_anew(t);
	why = unserved(t);
	return why != 0 ? give_up(t, why) : keep_waiting(t);
}

/* await_taken -- sleep until the offer, which stands or is ours again, is taken.  Returns 0, or -1. */
static int
await_taken(struct handover *t)
{
	uint64_t until;
	int r;

	io_catch_stop();
	completion_told(t->append->m, t->append->last_id, COMPLETION_WAITS);
	do {
		until = t->back && t->pause_ns < t->deadline_ns ? t->pause_ns : t->deadline_ns;
		r = t->ask ? 1 : wait_sleep(t->append->m, until);
		/* the end of the pause is not the deadline */
		r = look(t, r == 0 && until < t->deadline_ns ? 1 : r);
	} while (r == 0 && !t->ask);
	if (r != 0)
		waiting_over();
	t->asked = r == 0;
	if (r == -1)
		close_fifo(t);
	if (t->asked || (r == -1 && errno == ETIMEDOUT && t->now))
		errno = EAGAIN;
	return r == 1 ? 0 : -1;
}

/* begin_writing -- the offer is taken.  Returns 0, or -1. */
static int
begin_writing(struct handover *t, const struct message *head)
{
	t->sent = 0;
	t->ended = false;
	if (t->done)
		return 0;
	if (writer_init(t->writer, t->fd) == -1)
		return -1;
	t->writer->kind = WRITER_PIPE;          /* no other process writes to it */
	t->writer->ask = t->ask;
	t->writer->deadline_ns = t->end_ns != 0 ? t->end_ns : CLOCK_NEVER;
	if (writer_begin(t->writer, head) == -1)
		return -1;
	/* a large payload may be long in coming: its receiver sees that we have begun, or else gives the offer back */
	if (head->len > MAILBOX_INLINE && writer_start(t->writer) == -1) {
		if (errno != EPIPE)
			return -1;
		close_fifo(t);          /* handover_end tells what becomes of it */
	}
	return 0;
}

int
handover_begin(struct handover *t, struct batch *b, const struct message *head, uint64_t deadline_ns)
{
	struct append *p = t->append;
	int r;

	if (t->asked)
		return await_taken(t) == -1 ? -1 : begin_writing(t, head);
	handover_abort(t);
	batch_put(b, "", 0);
	r = append_offer(p, b, deadline_ns);
	batch_clear(b);
	if (r == -1)
		return -1;
	t->fd = p->offer_fd;
	t->offered = true;
	t->tag = head->tag;
	t->source = head->source;
	t->done = t->back = t->taken = false;
	t->tries = 0;
	t->pause_ns = 0;
	/* APPEND_NOW: a receiver was there to be woken; should it go away all the same, none was */
	t->now = deadline_ns == APPEND_NOW;
	t->deadline_ns = t->now ? clock_after(WAKE_LOOK_NS) : t->ask ? CLOCK_NEVER : deadline_ns;
	t->asked = t->ask;
	if (t->asked) {
		io_catch_stop();
		errno = EAGAIN;
		return -1;
	}
	return await_taken(t) == -1 ? -1 : begin_writing(t, head);
}

int
handover_again(struct handover *t, const struct message *head)
{
	if (!t->back) {
		errno = EPIPE;
		return -1;
	}
	return await_taken(t) == 0 ? begin_writing(t, head) : -1;
}

/*
 * hear -- once it was taken: see how the offer stands.
 * Returns 1 its receiver has it, 0 it has been received, or -1: EPIPE it is ours again, ECANCELED, or errno.
 */
static int
hear(struct handover *t)
{
	struct mbox *m = t->append->m;
	struct item item = { .tries = 0 };
	int state;

	if (txn_lock(m, t->end_ns != 0 ? completion_lock_deadline(t->end_ns) : CLOCK_NEVER) == -1)
		state = completion_locked_out(m);
	else
		state = completion_state(m, t->append->last_id, &item);
	state = note(t, state, &item);
	if (state == COMPLETION_RECEIVED)
		return 0;
	if (state == COMPLETION_TAKEN)
		return keep_waiting(t) == -1 ? -1 : 1;
	if (state == COMPLETION_BACK && keep_waiting(t) == 0)
		errno = EPIPE;
	return state == COMPLETION_WAITS ? over(t, EPIPE) : -1;
}

/* written -- what became of a write, r: a broken pipe may be the end of a receiver that is done, or wants no more. */
static int
written(struct handover *t, int r)
{
	if (r == 0 || errno != EPIPE)
		return r;
	close_fifo(t);
	return hear(t) == -1 ? -1 : 0;
}

int
handover_data(struct handover *t, const char *data, size_t len)
{
	/* it has no reader any more: handover_end tells what becomes of it */
	if (t->done || t->fd == -1)
		return 0;
	if (writer_data(t->writer, data, len) == -1)
		return written(t, -1);
	t->sent += len;
	return 0;
}

int
handover_feed(struct handover *t, int in)
{
	int r = t->done || t->fd == -1 ? 1 : feed_stream(t->writer, in, &t->sent);

	return r != -1 ? r : written(t, -1) == -1 ? -1 : 1;
}

int
handover_push(struct handover *t)
{
	return t->done || t->fd == -1 ? 0 : written(t, writer_flush(t->writer));
}

int
handover_end(struct handover *t)
{
	struct mbox *m = t->append->m;
	int r = 1, n;

	if (!t->done && t->fd != -1 && !t->ended) {
		t->ended = true;
		if (written(t, writer_end(t->writer)) == -1)
			return -1;
	}
	if (handover_push(t) == -1)
		return -1;
	while (r == 1 && !t->done) {
		struct pollfd polled[2] = { { .fd = m->waiter.fifo_fd, .events = POLLIN }, { .fd = t->fd } };
		int ms = clock_left_ms(t->end_ns == 0 ? CLOCK_NEVER : t->end_ns, (int)(WAKE_LOOK_NS / 1000000));

		if (ms == 0 || io_stop) {
			errno = ms == 0 ? ETIMEDOUT : EINTR;
			return -1;
		}
		ms = t->ask ? 0 : ms;
		completion_told(m, t->append->last_id, COMPLETION_TAKEN);
		/* our wake FIFO says that it has ended, its own that its reader has gone; the look is for what was missed */
		n = poll(polled, 2, ms);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n == 0)
			waiting_slept(ms);
		if (polled[1].revents & POLLERR)
			close_fifo(t);
		r = hear(t);
		if (r == 1 && t->ask) {
			errno = EAGAIN;
			r = -1;
		}
	}
	if (!t->ask || r == 0)
		waiting_over();
	return r == -1 ? -1 : 0;
}

void
handover_abort(struct handover *t)
{
	int err = errno;

	close_fifo(t);
	if (t->offered && txn_lock(t->append->m, completion_lock_deadline(0)) == 0)
		give_up(t, err);
	t->offered = t->asked = t->back = false;
	errno = err;
}
