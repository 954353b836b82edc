/* SPDX-License-Identifier: ISC */
/* pieces: one message of any length, sent in pieces.  spool.h, handover.h and put.h say what a crash leaves. */
#include <errno.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/tally.h"
#include "mailbox/box/txn.h"
#include "mailbox/sending.h"

enum { COPY_PIECE = 64 * 1024 };        /* bytes copied at a time where a payload can not be linked to */

/* writer -- the writer of a drop, whose waits that begin now end in time. */
static struct writer *
writer(struct sender *s)
{
	s->in->writer->deadline_ns = s->timeout_ns == MAILBOX_NOT_AT_ALL ? clock_mono_ns() :
	    s->timeout_ns == MAILBOX_ASK ? CLOCK_NEVER : clock_after(s->timeout_ns);
	return s->in->writer;
}

/* handover -- a handover, and what it writes with, that wait or not as the timeout says. */
static struct handover *
handover(struct sender *s)
{
	s->in->handover.ask = s->in->writer->ask = s->timeout_ns == MAILBOX_ASK;
	return &s->in->handover;
}

/* spool -- begin a payload in a file. */
static int
spool(struct sender *s)
{
	s->in->spooled = 0;
	hash_begin(&s->in->sum);
	s->in->fd = spool_open(&s->in->m, sending_deadline(s));
	if (s->in->fd == -1)
		return -1;
	/* not only once all of it has been read */
	if (!s->in->m.ctl.closed || s->scope != NULL)
		return 0;       /* it may have been taken before */
	sender_abort(s);
	return fail_with(ESHUTDOWN);
}

int
sender_head(struct sender *s, const struct message *head)
{
	return sender_flush(s) == -1 ? -1 : sending_head(s, head);
}

int
sender_begin(struct sender *s, const struct message *head)
{
	struct sending *in = s->in;

	in->begun_id = s->own_id;
	if (s->kind == SENDER_SENDS_ONLY)
		return put_begin(&in->put, writer(s), head);
	if (!in->handover.asked && sender_head(s, head) == -1)
		return -1;
	if (s->kind == SENDER_KEEPS) {
		in->many->batch.once[0] = s->scope != NULL ? s->once.id : 0;
		return spool(s);
	}
	s->last_id = 0;
	/* with sync the time is for all of it */
	in->handover.end_ns = s->sync && s->timeout_ns != MAILBOX_FOREVER ? clock_after(s->timeout_ns) : s->end_ns;
	in->handover.while_served = s->while_served;
	return handover_begin(handover(s), &in->batch, head, sending_deadline(s));
}

int
sender_data(struct sender *s, const char *data, size_t len)
{
	struct sending *in = s->in;

	if (s->kind == SENDER_HANDS_OVER)
		return handover_data(handover(s), data, len);
	if (s->kind == SENDER_SENDS_ONLY)
		return writer_data(writer(s), data, len);
	if (io_pwrite(in->fd, data, len, in->spooled) == -1)
		return -1;
	in->spooled += len;
	hash_add(&in->sum, data, len);
	return 0;
}

ssize_t
sender_give(struct sender *s, const char *data, size_t len)
{
	struct handover *t;

	if (s->kind == SENDER_HANDS_OVER) {
		t = handover(s);
		if (handover_push(t) == -1)
			return -1;
		if (!t->done && t->fd != -1 && len > writer_room(s->in->writer))
			len = writer_room(s->in->writer);
	}
	return len > 0 && sender_data(s, data, len) == -1 ? -1 : (ssize_t)len;
}

int
sender_feed(struct sender *s, int fd)
{
	return s->kind == SENDER_HANDS_OVER ? handover_feed(&s->in->handover, fd) : 0;
}

int
sender_share(struct sender *s, const struct sender *from)
{
	struct sending *in = s->in;
	char piece[COPY_PIECE];
	ssize_t n = 1;

	in->spooled = from->in->spooled;
	in->sum = from->in->sum;
	in->fd = spool_link(&from->in->m, from->in->fd, &in->m, sending_deadline(s));
	if (in->fd != -1)
		return 0;
	if (spool(s) == -1)
		return -1;
	while (n > 0) {
		n = io_pread(from->in->fd, piece, sizeof piece, in->spooled);
		if (n == -1 || sender_data(s, piece, (size_t)n) == -1) {
			sender_abort(s);
			return -1;
		}
	}
	return 0;
}

int
sender_end(struct sender *s)
{
	struct sending *in = s->in;
	int r, fd = in->fd;

	if (s->kind == SENDER_SENDS_ONLY) {
		r = put_end(&in->put, writer(s));
	} else if (s->kind == SENDER_HANDS_OVER) {
		r = handover_end(handover(s));
	} else {
		r = append_big(&in->append, &in->batch, fd, in->spooled, hash_end(&in->sum), sending_deadline(s));
		if (r == -1 && errno == EAGAIN && s->timeout_ns == MAILBOX_ASK)
			return -1;
		in->fd = -1;
		batch_clear(&in->batch);
	}
	tally_add(TALLY_SENT, r == 0);
	if (r == 0 && s->kind != SENDER_SENDS_ONLY)
		s->first_id = s->last_id = in->append.last_id;
	return r == 0 && s->committed != NULL ? s->committed(in->begun_id) : r;
}

int
sender_again(struct sender *s, const struct message *head)
{
	return handover_again(handover(s), head);
}

void
sender_abort(struct sender *s)
{
	struct sending *in = s->in;

	if (in == NULL)
		return;
	txn_unlock(&in->m);             /* (soon) */
	if (in->fd != -1)
		spool_drop(&in->m, in->fd);
	in->fd = -1;
	if (s->kind == SENDER_HANDS_OVER)
		handover_abort(&in->handover);
	if (s->kind == SENDER_SENDS_ONLY && in->put.fd != -1)
		put_abort(&in->put, in->writer);
}

/* put_whole -- send a message at once; handed over, it is offered again where its receiver fails. */
static int
put_whole(struct sender *s, const struct message *head, const char *data, size_t len)
{
	struct message whole = *head;
	int r;

	whole.len = len;
	r = sender_begin(s, &whole);
	while (r == 0) {
		r = sender_data(s, data, len) == -1 ? -1 : sender_end(s);
		if (r == 0 || errno != EPIPE)
			break;
		r = sender_again(s, &whole);
	}
	if (r == -1)
		sender_abort(s);
	return r;
}

int
sender_put(struct sender *s, const struct message *head, const char *data, size_t len)
{
	return s->kind == SENDER_KEEPS ? sending_gather(s, head, data, len) : put_whole(s, head, data, len);
}

/* ---- how it stands ---- */

int
sender_asked_fd(const struct sender *s)
{
	return s->in->m.waiter.fifo_fd;
}

int
sender_give_fd(const struct sender *s, short *events)
{
	const struct handover *t = &s->in->handover;

	*events = s->kind == SENDER_HANDS_OVER && !t->asked && t->fd != -1 ? writer_events(s->in->writer) : 0;
	return s->kind == SENDER_HANDS_OVER && !t->asked ? t->fd : -1;
}

uint64_t
sender_length(const struct sender *s)
{
	return s->kind == SENDER_HANDS_OVER ? s->in->handover.sent : s->in->spooled;
}

bool
sender_done(const struct sender *s)
{
	return s->kind == SENDER_HANDS_OVER && (s->in->handover.done || s->in->handover.fd == -1);
}
