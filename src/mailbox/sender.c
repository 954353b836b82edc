/* SPDX-License-Identifier: ISC */
/*
 * sender: the sending end of a mailbox of each kind: one that keeps messages, one that hands them over, one that we may
 * only send to.  append.h, handover.h and put.h say what a crash leaves.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/memory.h"
#include "mailbox/box/shut.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/replydir.h"
#include "mailbox/queue/request.h"
#include "mailbox/sending.h"
#include "mailbox/wait/wait.h"
#include "mailbox/wait/wake.h"

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
	const struct ctl *c = &m->ctl;

	if ((s->soon ? txn_soon(m) : ctl_read(m->ctl_fd, &m->ctl)) == -1)
		return -1;
	s->dir_fd = m->dir_fd;
	s->kind = c->cap_messages == 0 ? SENDER_HANDS_OVER : SENDER_KEEPS;
	s->at_once = c->cap_messages == 0 || c->policy == MAILBOX_LATEST;
	m->name = s->name;
	if (s->kind == SENDER_HANDS_OVER)
		txn_unlock(m);          /* what that needs is made first */
	return 0;
}

int
sender_open(struct sender *s, const char *path)
{
	const int dir_fd = mbox_dir(path), err = errno;
	struct sending *in;
	int r;

	s->kind = SENDER_KEEPS;
	s->dir_fd = -1;
	s->first_id = s->last_id = 0;
	if (dir_fd == -1 && err == ENOTDIR)
		return -1;
	s->in = in = memory_new(sizeof *in);
	if (in == NULL || (in->many = memory_many(sizeof *in->many)) == NULL) {
		memory_free(in);
		s->in = NULL;
		io_close(dir_fd);
		return -1;
	}
	in->m = (struct mbox)MBOX_CLOSED;
	in->m.dir_fd = dir_fd;
	s->damage = &in->m.damage;
	in->fd = -1;
	append_init(&in->append, &in->m, &in->many->names);
	if (s->scope != NULL && (in->append.fresh = fresh_new(&in->m, s->scope)) == NULL)
		return -1;
	in->append.sync = s->sync;
	batch_init(&in->batch, &in->many->batch);
	errno = err;
	r = mbox_open_in(&in->m, dir_fd, false) == 0 ? open_kind(s) : errno == EACCES ? open_put(s, path) : -1;
	in->m.waiter.told_fd = s->told_fd > 0 ? s->told_fd : -1;
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
	if (s->ends)
		return r;
	fresh_free(in->append.fresh);
	latest_free(&in->append.latest);
	s->at_close = in->m.damage;
	s->damage = &s->at_close;
	mbox_close(&in->m);
	memory_free(in->writer);
	memory_free(in->many);
	memory_free(in);
	s->dir_fd = -1;
	s->in = NULL;
	return r;
}

/* ---- how it stands ---- */

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
	return request_make_box(&s->in->m, name, sending_deadline(s));
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
