/* SPDX-License-Identifier: ISC */
/*
 * sender: the sending end of a mailbox of each kind: one that keeps messages, one that hands them over, one that we may
 * only send to.  append.h, handover.h and put.h say what a crash leaves.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/memory.h"
#include "mailbox/box/shut.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/replydir.h"
#include "mailbox/drop/put.h"
#include "mailbox/mailbox.h"
#include "mailbox/queue/request.h"
#include "mailbox/send/append.h"
#include "mailbox/send/handover.h"
#include "mailbox/send/spool.h"
#include "mailbox/wait/wait.h"
#include "mailbox/wait/wake.h"

enum { COPY_PIECE = 64 * 1024 };        /* bytes copied at a time where a payload can not be linked to */

/* What a sender has besides what it shows.  Small things stand first: each page is a fault in a one-shot. */
struct sending {
	int fd;                         /* SENDER_KEEPS: the spool of the message begun; -1 */
	uint64_t spooled;               /* bytes in it */
	struct hash sum;                /* of those */
	struct handover handover;       /* SENDER_HANDS_OVER */
	struct put put;                 /* SENDER_SENDS_ONLY */
	struct writer *writer;          /* of these two */
	struct mbox m;
	struct append append;
	struct batch batch;
};

/* ---- open and close ---- */

/* open_put -- the mailbox may not be opened, but perhaps we may only send there. */
static int
open_put(struct sender *s, const char *path)
{
	if (put_open(&s->in->put, path) == -1) {
		if (errno == ENOENT)
			errno = EACCES;         /* it has no drop/ */
		return -1;
	}
	s->kind = SENDER_SENDS_ONLY;
	s->dir_fd = s->in->put.dir_fd;
	return 0;
}

/* open_kind -- see whether the mailbox, which is open, keeps messages or hands them over. */
static int
open_kind(struct sender *s)
{
	struct mbox *m = &s->in->m;
	struct ctl c;

	if (ctl_read(m->ctl_fd, &c) == -1)
		return -1;
	s->dir_fd = m->dir_fd;
	s->kind = c.cap_messages == 0 ? SENDER_HANDS_OVER : SENDER_KEEPS;
	s->at_once = c.cap_messages == 0 || c.policy == MAILBOX_LATEST;
	m->name = s->name;
	m->txn.told = s->locked;
	return 0;
}

int
sender_open(struct sender *s, const char *path)
{
	struct sending *in = memory_new(sizeof *in);
	int r;

	s->kind = SENDER_KEEPS;
	s->dir_fd = -1;
	s->first_id = s->last_id = 0;
	s->in = in;
	if (in == NULL)
		return -1;
	in->m = (struct mbox)MBOX_CLOSED;
	s->damage = &in->m.damage;
	in->fd = -1;
	append_init(&in->append, &in->m);
	in->append.sync = s->sync;
	batch_clear(&in->batch);
	r = mbox_open(&in->m, path) == 0 ? open_kind(s) : errno == EACCES ? open_put(s, path) : -1;
	if (r == -1 || s->kind == SENDER_KEEPS)
		return r;
	in->writer = memory_new(sizeof *in->writer);
	in->handover = (struct handover){ .append = &in->append, .writer = in->writer, .fd = -1 };
	return in->writer == NULL ? -1 : 0;
}

/* close_box -- close the mailbox to all senders.  Returns 0, or -1. */
static int
close_box(struct sender *s)
{
	struct mbox *m = &s->in->m;

	if (s->kind == SENDER_SENDS_ONLY)
		return fail_with(EACCES);
	if (txn_lock(m, clock_after(s->timeout_ns > WAKE_LOOK_NS ? s->timeout_ns : WAKE_LOOK_NS)) == -1
	    || txn_end(m, shut_close(m)) == -1)
		return -1;
	return m->ctl.durable ? io_sync_data(m->ctl_fd) : 0;
}

int
sender_close(struct sender *s)
{
	struct sending *in = s->in;
	int r;

	sender_abort(s);
	if (in == NULL)
		return 0;
	r = s->closes ? close_box(s) : 0;
	if (s->kind == SENDER_SENDS_ONLY)
		put_close(&in->put);
	wait_leave(&in->m);
	mbox_close(&in->m);
	memory_free(in->writer);
	memory_free(in);
	s->dir_fd = -1;
	s->in = NULL;
	s->damage = NULL;
	return r;
}

/* deadline -- when a wait for room, or for a receiver, that begins now must end. */
static uint64_t
deadline(const struct sender *s)
{
	if (s->timeout_ns == MAILBOX_ASK)
		return APPEND_ASK;
	return s->timeout_ns == MAILBOX_NOT_AT_ALL ? APPEND_NOW : clock_after(s->timeout_ns);
}

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

/* ---- messages in memory ---- */

int
sender_flush(struct sender *s)
{
	struct append *p = &s->in->append;
	struct batch *b = &s->in->batch;
	uint32_t from = b->from;
	int r = 0;

	while (r == 0 && b->from < b->n)
		r = append_batch(p, b, deadline(s));
	s->first_id = b->from > from ? p->last_id + 1 - (b->from - from) : 0;
	s->last_id = p->last_id;
	/* of a synchronous send what was not received was withdrawn */
	if (r == -1 && p->sync && (errno == ETIMEDOUT || errno == ECANCELED) && s->first_id != 0
	    && --s->last_id < s->first_id)
		s->first_id = 0;
	if (b->from == b->n)
		batch_clear(b);
	return r;
}

/* set_head -- make head the batch's, which is flushed for it where it must be.  Returns 0, or -1. */
static int
set_head(struct sender *s, const struct message *head)
{
	int r = batch_head(&s->in->batch, head);

	if (r == 0) {
		if (sender_flush(s) == -1)
			return -1;
		r = batch_head(&s->in->batch, head);
	}
	return r == 1 ? 0 : -1;
}

/* gather -- add a message to the batch. */
static int
gather(struct sender *s, const struct message *head, const char *data, size_t len)
{
	if (set_head(s, head) == -1)
		return -1;
	if (batch_put(&s->in->batch, data, len) == 1)
		return 0;
	if (sender_flush(s) == -1 || set_head(s, head) == -1)
		return -1;
	batch_put(&s->in->batch, data, len);
	return 0;
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
	return s->kind == SENDER_KEEPS ? gather(s, head, data, len) : put_whole(s, head, data, len);
}

int
sender_put_records(struct sender *s, const struct message *head, const char **data, const char *limit, char mark)
{
	enum batch_stop why = BATCH_FULL;

	for (;;) {
		if (set_head(s, head) == -1)
			return -1;
		*data = batch_put_records(&s->in->batch, *data, limit, mark, &why);
		if (why != BATCH_FULL)
			return why == BATCH_LONG;
		if (sender_flush(s) == -1)
			return -1;
	}
}

uint32_t
sender_waiting(const struct sender *s)
{
	return s->in->batch.n - s->in->batch.from;
}

void
sender_drop_first(struct sender *s)
{
	struct batch *b = &s->in->batch;

	if (b->from < b->n && ++b->from == b->n)
		batch_clear(b);
}

/* ---- a message in pieces ---- */

/* spool -- begin a payload in a file. */
static int
spool(struct sender *s)
{
	s->in->spooled = 0;
	hash_begin(&s->in->sum);
	s->in->fd = spool_open(&s->in->m, deadline(s));
	if (s->in->fd == -1)
		return -1;
	/* not only once all of it has been read */
	if (!s->in->m.ctl.closed)
		return 0;
	sender_abort(s);
	return fail_with(ESHUTDOWN);
}

int
sender_head(struct sender *s, const struct message *head)
{
	return sender_flush(s) == -1 ? -1 : set_head(s, head);
}

int
sender_begin(struct sender *s, const struct message *head)
{
	struct sending *in = s->in;

	if (s->kind == SENDER_SENDS_ONLY)
		return put_begin(&in->put, writer(s), head);
	if (!in->handover.asked && sender_head(s, head) == -1)
		return -1;
	if (s->kind == SENDER_KEEPS)
		return spool(s);
	s->last_id = 0;
	/* with sync the time is for all of it */
	in->handover.end_ns = s->sync && s->timeout_ns != MAILBOX_FOREVER ? clock_after(s->timeout_ns) : s->end_ns;
	in->handover.while_served = s->while_served;
	return handover_begin(handover(s), &in->batch, head, deadline(s));
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
	in->fd = spool_link(&from->in->m, from->in->fd, &in->m, deadline(s));
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

	if (s->kind == SENDER_SENDS_ONLY)
		return put_end(&in->put, writer(s));
	if (s->kind == SENDER_HANDS_OVER) {
		r = handover_end(handover(s));
	} else {
		r = append_big(&in->append, &in->batch, fd, in->spooled, hash_end(&in->sum), deadline(s));
		if (r == -1 && errno == EAGAIN && s->timeout_ns == MAILBOX_ASK)
			return -1;
		in->fd = -1;
		batch_clear(&in->batch);
	}
	if (r == 0)
		s->first_id = s->last_id = in->append.last_id;
	return r;
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
	if (in->fd != -1)
		spool_drop(&in->m, in->fd);
	in->fd = -1;
	if (s->kind == SENDER_HANDS_OVER)
		handover_abort(&in->handover);
	if (s->kind == SENDER_SENDS_ONLY && in->put.fd != -1)
		put_abort(&in->put, in->writer);
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

int
sender_room(struct sender *s, struct slice tag, struct slice source, uint64_t *room)
{
	struct mbox *m = &s->in->m;
	const struct ctl *c = &m->ctl;
	bool hands_over = s->kind == SENDER_HANDS_OVER;

	*room = s->kind == SENDER_SENDS_ONLY ? UINT64_MAX : 0;
	if (s->kind == SENDER_SENDS_ONLY)
		return 0;
	if (txn_lock(m, clock_after(WAKE_LOOK_NS)) == -1)
		return -1;
	if (c->closed) {
		txn_unlock(m);
		return fail_with(ESHUTDOWN);
	}
	if (hands_over ? wake_wanted(m, tag, source) == 1 : c->live == 0)
		*room = UINT64_MAX;
	else if (!hands_over && c->live < c->cap_messages && c->live_bytes < c->cap_bytes)
		*room = c->cap_bytes - c->live_bytes;
	txn_unlock(m);
	return 0;
}

_Static_assert((int)REQUEST_BOX_NAME == (int)REPLYDIR_NAME_MAX, "a name has room");

int
request_box(struct sender *s, char *name)
{
	return request_make_box(&s->in->m, name, deadline(s));
}

void
request_unbox(struct sender *s)
{
	request_remove_box(&s->in->m);
}

int
request_look(struct sender *s, struct slice tag, struct slice source)
{
	return request_find(&s->in->m, s->last_id, tag, source);
}

int
request_withdraw(struct sender *s)
{
	return s->kind == SENDER_SENDS_ONLY ? put_withdraw(&s->in->put) : request_take_back(&s->in->m, s->last_id);
}
