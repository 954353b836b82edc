/* SPDX-License-Identifier: ISC */
/* way: what all ways have in common, sending to a mailbox of capacity 0, and to one to which we may only send. */
#include "mailbox/way.h"

#include <errno.h>

#include "base/clock.h"
#include "mailbox/box/txn.h"
#include "mailbox/wait/wake.h"

uint64_t
way_deadline(const struct sender *s)
{
	return s->timeout_ns == MAILBOX_NOT_AT_ALL ? APPEND_NOW : clock_after(s->timeout_ns);
}

int
way_flush(struct sender *s)
{
	struct append *p = &s->in->post;
	struct batch *b = &s->in->batch;
	uint32_t from = b->from;
	int r = 0;

	while (r == 0 && b->from < b->n)
		r = append_batch(p, b, way_deadline(s));
	s->first_id = b->from > from ? p->last_id + 1 - (b->from - from) : 0;
	s->last_id = p->last_id;
	/* what nobody received was withdrawn */
	if (r == -1 && p->sync && (errno == ETIMEDOUT || errno == ECANCELED) && s->first_id != 0
	    && --s->last_id < s->first_id)
		s->first_id = 0;
	if (b->from == b->n)
		batch_clear(b);
	return r;
}

int
way_head(struct sender *s, const struct message *head)
{
	int r = batch_head(&s->in->batch, head);

	if (r == 0) {
		if (way_flush(s) == -1)
			return -1;
		r = batch_head(&s->in->batch, head);
	}
	return r == 1 ? 0 : -1;
}

/* writer -- the writer of a message that goes through a file or a FIFO, whose waits that begin now end in time. */
static struct writer *
writer(struct sender *s)
{
	struct writer *w = s->in->writer;

	w->deadline_ns = s->timeout_ns == MAILBOX_NOT_AT_ALL ? clock_mono_ns() : clock_after(s->timeout_ns);
	return w;
}

/* ---- a mailbox of capacity 0 ---- */

static int
hand_begin(struct sender *s, const struct message *head)
{
	struct handover *t = &s->in->meet;

	s->first_id = s->last_id = 0;
	t->end_ns = s->end_ns;
	t->while_served = s->while_served;
	return way_head(s, head) == -1 ? -1 : handover_begin(t, &s->in->batch, head, way_deadline(s));
}

static int
hand_data(struct sender *s, const char *data, size_t len)
{
	return handover_data(&s->in->meet, data, len);
}

static int
hand_end(struct sender *s)
{
	if (handover_end(&s->in->meet) == -1)
		return -1;
	s->first_id = s->last_id = s->in->post.last_id;
	return 0;
}

static void
hand_abort(struct sender *s)
{
	handover_abort(&s->in->meet);
}

/* hand_put -- a message that is in memory: where its receiver fails, it is offered again. */
static int
hand_put(struct sender *s, const struct message *head, const char *data, size_t len)
{
	struct message whole = *head;
	int r;

	whole.len = len;
	r = hand_begin(s, &whole);
	while (r == 0) {
		r = hand_data(s, data, len) == -1 ? -1 : hand_end(s);
		if (r == 0 || errno != EPIPE)
			break;
		r = handover_again(&s->in->meet, &whole);
	}
	if (r == -1)
		hand_abort(s);
	return r;
}

static int
hand_room(struct sender *s, struct slice tag, struct slice source, uint64_t *room)
{
	if (txn_lock(&s->in->m, clock_after(WAKE_LOOK_NS)) == -1)
		return -1;
	*room = wake_wanted(&s->in->m, tag, source) == 1 ? UINT64_MAX : 0;
	txn_unlock(&s->in->m);
	return 0;
}

const struct way way_hand = { hand_put, hand_begin, hand_data, hand_end, hand_abort, hand_room };

/* ---- a mailbox to which we may only send ---- */

static int
leaving_put(struct sender *s, const struct message *head, const char *data, size_t len)
{
	return put_message(&s->in->leave, writer(s), head, data, len);
}

static int
leaving_begin(struct sender *s, const struct message *head)
{
	return put_begin(&s->in->leave, writer(s), head);
}

static int
leaving_data(struct sender *s, const char *data, size_t len)
{
	return writer_data(writer(s), data, len);
}

static int
leaving_end(struct sender *s)
{
	return put_end(&s->in->leave, writer(s));
}

static void
leaving_abort(struct sender *s)
{
	if (s->in->leave.fd != -1)
		put_abort(&s->in->leave, s->in->writer);
}

static int
leaving_room(struct sender *s, struct slice tag, struct slice source, uint64_t *room)
{
	(void)s;
	(void)tag;
	(void)source;
	*room = UINT64_MAX;
	return 0;
}

const struct way way_leave = { leaving_put, leaving_begin, leaving_data, leaving_end, leaving_abort, leaving_room };
