/* SPDX-License-Identifier: ISC */
/*
 * sender: the sending end of a mailbox, of whatever kind: one that keeps messages, one that hands them over, one to which
 * we may only send.  What a crash leaves is told in append.h, handover.h and put.h.
 */
#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "mailbox/box/txn.h"
#include "mailbox/queue/request.h"
#include "mailbox/send/spool.h"
#include "mailbox/wait/wait.h"
#include "mailbox/wait/wake.h"
#include "mailbox/way.h"

enum { COPY_PIECE = 64 * 1024 };        /* bytes copied at a time where a payload can not be linked to */

/* ---- a mailbox that keeps messages ---- */

int
sender_flush(struct sender *s)
{
	s->first_id = s->last_id = 0;
	return s->kind == SENDER_KEEPS ? way_flush(s) : 0;
}

static int
keep_put(struct sender *s, const struct message *head, const char *data, size_t len)
{
	if (way_head(s, head) == -1)
		return -1;
	if (batch_put(&s->in->batch, data, len) == 1)
		return 0;
	if (way_flush(s) == -1 || way_head(s, head) == -1)
		return -1;
	batch_put(&s->in->batch, data, len);
	return 0;
}

int
sender_put_records(struct sender *s, const struct message *head, const char **data, const char *limit, char mark)
{
	enum batch_stop why = BATCH_FULL;

	for (;;) {
		if (way_head(s, head) == -1)
			return -1;
		*data = batch_put_records(&s->in->batch, *data, limit, mark, &why);
		if (why != BATCH_FULL)
			return why == BATCH_LONG;
		if (way_flush(s) == -1)
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

/* spool -- begin a payload in a file. */
static int
spool(struct sender *s)
{
	s->in->spooled = 0;
	hash_begin(&s->in->sum);
	s->in->fd = spool_open(&s->in->m, way_deadline(s));
	return s->in->fd == -1 ? -1 : 0;
}

int
sender_head(struct sender *s, const struct message *head)
{
	return way_flush(s) == -1 ? -1 : way_head(s, head);
}

static int
keep_begin(struct sender *s, const struct message *head)
{
	return sender_head(s, head) == -1 ? -1 : spool(s);
}

static int
keep_data(struct sender *s, const char *data, size_t len)
{
	if (io_pwrite(s->in->fd, data, len, s->in->spooled) == -1)
		return -1;
	s->in->spooled += len;
	hash_add(&s->in->sum, data, len);
	return 0;
}

static int
keep_end(struct sender *s)
{
	struct sending *in = s->in;
	int fd = in->fd, r;

	in->fd = -1;
	r = append_big(&in->post, &in->batch, fd, in->spooled, hash_end(&in->sum), way_deadline(s));
	batch_clear(&in->batch);
	if (r == 0)
		s->first_id = s->last_id = in->post.last_id;
	return r;
}

static void
keep_abort(struct sender *s)
{
	if (s->in->fd != -1)
		spool_drop(&s->in->m, s->in->fd);
	s->in->fd = -1;
}

int
sender_share(struct sender *s, const struct sender *from)
{
	char piece[COPY_PIECE];
	ssize_t n = 1;

	s->in->spooled = from->in->spooled;
	s->in->sum = from->in->sum;
	s->in->fd = spool_link(&from->in->m, from->in->fd, &s->in->m, way_deadline(s));
	if (s->in->fd != -1)
		return 0;
	if (spool(s) == -1)
		return -1;
	while (n > 0) {
		n = io_pread(from->in->fd, piece, sizeof piece, s->in->spooled);
		if (n == -1 || keep_data(s, piece, (size_t)n) == -1) {
			keep_abort(s);
			return -1;
		}
	}
	return 0;
}

static int
keep_room(struct sender *s, struct slice tag, struct slice source, uint64_t *room)
{
	const struct ctl *c = &s->in->m.ctl;

	(void)tag;
	(void)source;
	if (txn_lock(&s->in->m, clock_after(WAKE_LOOK_NS)) == -1)
		return -1;
	if (c->live == 0)
		*room = UINT64_MAX;
	else if (c->live < c->cap_messages && c->live_bytes < c->cap_bytes)
		*room = c->cap_bytes - c->live_bytes;
	txn_unlock(&s->in->m);
	return 0;
}

static const struct way way_keep = { keep_put, keep_begin, keep_data, keep_end, keep_abort, keep_room };

/* ---- open and close ---- */

/* open_leaving -- the mailbox may not be opened, but messages may be left there. */
static int
open_leaving(struct sender *s, const char *path)
{
	if (put_open(&s->in->leave, path) == -1) {
		if (errno == ENOENT)
			errno = EACCES;         /* nobody may only send there */
		return -1;
	}
	s->kind = SENDER_LEAVES;
	s->in->way = &way_leave;
	s->dir_fd = s->in->leave.dir_fd;
	return 0;
}

/* open_kind -- see whether the mailbox, which is open, keeps messages or hands them over. */
static int
open_kind(struct sender *s)
{
	struct sending *in = s->in;
	struct ctl c;

	if (ctl_read(in->m.ctl_fd, &c) == -1)
		return -1;
	s->dir_fd = in->m.dir_fd;
	s->kind = c.cap_messages == 0 ? SENDER_HANDS_OVER : SENDER_KEEPS;
	in->way = s->kind == SENDER_KEEPS ? &way_keep : &way_hand;
	in->m.name = s->name;
	in->m.txn.told = s->locked;
	return 0;
}

int
sender_open(struct sender *s, const char *path)
{
	struct sending *in = memory_new(sizeof *in);
	int r;

	s->dir_fd = -1;
	s->first_id = s->last_id = 0;
	s->in = in;
	if (in == NULL)
		return -1;
	in->m = (struct mbox)MBOX_CLOSED;
	s->damage = &in->m.damage;
	in->fd = -1;
	in->leave.fd = in->leave.drop_fd = in->leave.dir_fd = -1;
	append_init(&in->post, &in->m);
	in->post.sync = s->sync;
	batch_clear(&in->batch);
	r = mbox_open(&in->m, path) == 0 ? open_kind(s) : errno == EACCES ? open_leaving(s, path) : -1;
	if (r == -1 || s->kind == SENDER_KEEPS)
		return r;
	in->writer = memory_new(sizeof *in->writer);
	in->meet = (struct handover){ .post = &in->post, .writer = in->writer, .fd = -1 };
	return in->writer == NULL ? -1 : 0;
}

void
sender_close(struct sender *s)
{
	struct sending *in = s->in;

	if (in == NULL)
		return;
	if (s->dir_fd != -1 && s->kind == SENDER_LEAVES) {
		put_close(&in->leave);
	} else if (s->dir_fd != -1) {
		if (s->kind == SENDER_HANDS_OVER)
			handover_abort(&in->meet);
		wait_leave(&in->m);
	}
	mbox_close(&in->m);
	memory_free(in->writer);
	memory_free(in);
	s->dir_fd = -1;
	s->in = NULL;
	s->damage = NULL;
}

/* ---- any ---- */

int
sender_put(struct sender *s, const struct message *head, const char *data, size_t len)
{
	return s->in->way->put(s, head, data, len);
}

int
sender_begin(struct sender *s, const struct message *head)
{
	return s->in->way->begin(s, head);
}

int
sender_data(struct sender *s, const char *data, size_t len)
{
	return s->in->way->data(s, data, len);
}

int
sender_feed(struct sender *s, int in)
{
	return s->kind == SENDER_HANDS_OVER ? handover_feed(&s->in->meet, in) : 0;
}

int
sender_end(struct sender *s)
{
	return s->in->way->end(s);
}

void
sender_abort(struct sender *s)
{
	int err = errno;

	if (s->dir_fd != -1)
		s->in->way->abort(s);
	errno = err;
}

int
sender_room(struct sender *s, struct slice tag, struct slice source, uint64_t *room)
{
	*room = 0;
	return s->in->way->room(s, tag, source, room);
}

uint64_t
sender_length(const struct sender *s)
{
	return s->kind == SENDER_HANDS_OVER ? s->in->meet.sent : s->in->spooled;
}

int
sender_again(struct sender *s, const struct message *head)
{
	if (s->kind == SENDER_HANDS_OVER)
		return handover_again(&s->in->meet, head);
	errno = EPIPE;
	return -1;
}

bool
sender_done(const struct sender *s)
{
	return s->kind == SENDER_HANDS_OVER && (s->in->meet.done || s->in->meet.fd == -1);
}

int
request_look(struct sender *s, struct slice tag, struct slice source)
{
	return request_find(&s->in->m, s->last_id, tag, source);
}

int
request_withdraw(struct sender *s)
{
	return s->kind == SENDER_LEAVES ? put_withdraw(&s->in->leave) : request_take_back(&s->in->m, s->last_id);
}
