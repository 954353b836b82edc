/* SPDX-License-Identifier: ISC */
/* gather: small messages gathered in memory, and appended at one stroke.  append.h says what a crash leaves. */
#include <errno.h>

#include "base/clock.h"
#include "base/tally.h"
#include "mailbox/box/txn.h"
#include "mailbox/sending.h"

uint64_t
sending_deadline(const struct sender *s)
{
	if (s->timeout_ns == MAILBOX_ASK)
		return APPEND_ASK;
	return s->timeout_ns == MAILBOX_NOT_AT_ALL ? APPEND_NOW : clock_after(s->timeout_ns);
}

/* append_some -- append what of the batch has room, and tell of what is in.  Returns 0, or -1. */
static int
append_some(struct sender *s)
{
	struct sending *in = s->in;
	const uint32_t from = in->batch.from;
	int r = append_batch(&in->append, &in->batch, sending_deadline(s)), err = errno;

	if (s->committed == NULL || in->batch.from == from || (r == -1 && s->sync))
		return r;
	if (s->committed(in->many->own_id[in->batch.from - 1]) == -1)
		return -1;
	errno = err;
	return r;
}

int
sender_flush(struct sender *s)
{
	const struct append *p = &s->in->append;
	struct batch *b = &s->in->batch;
	uint32_t from = b->from;
	int r = 0;

	while (r == 0 && b->from < b->n)
		r = append_some(s);
	s->first_id = b->from > from ? p->last_id + 1 - (b->from - from) : 0;
	s->last_id = p->last_id;
	/* of a synchronous send what was not received was withdrawn */
	if (r == -1 && p->sync && (errno == ETIMEDOUT || errno == ECANCELED) && s->first_id != 0
	    && --s->last_id < s->first_id)
		s->first_id = 0;
	if (s->first_id != 0)
		tally_add(TALLY_SENT, s->last_id + 1 - s->first_id);
	if (b->from == b->n)
		batch_clear(b);
	return r;
}

/* set_name -- have the names of the batch be of the next message's incarnation: it is flushed for another. */
static int
set_name(struct sender *s)
{
	struct batch *b = &s->in->batch;
	const bool same = memcmp(b->incarnation, s->once.incarnation, sizeof b->incarnation) == 0;

	if (!same && sender_flush(s) == -1)
		return -1;
	memcpy(b->incarnation, s->once.incarnation, sizeof b->incarnation);
	return 0;
}

int
sending_head(struct sender *s, const struct message *head)
{
	int r = s->scope != NULL ? set_name(s) : 0;

	r = r == -1 ? -1 : batch_head(&s->in->batch, head);
	if (r == 0) {
		if (sender_flush(s) == -1)
			return -1;
		r = batch_head(&s->in->batch, head);
	}
	if (r != 1)
		txn_unlock(&s->in->m);  /* (soon) */
	return r == 1 ? 0 : -1;
}

int
sending_gather(struct sender *s, const struct message *head, const char *data, size_t len)
{
	struct batch *b = &s->in->batch;

	if (sending_head(s, head) == -1)
		return -1;
	if (batch_put(b, data, len) == 0) {
		if (sender_flush(s) == -1 || sending_head(s, head) == -1)
			return -1;
		batch_put(b, data, len);
	}
	if (s->committed != NULL)
		s->in->many->own_id[b->n - 1] = s->own_id;
	if (s->scope != NULL)
		b->many->once[b->n - 1] = s->once.id;
	return 0;
}

int
sender_put_records(struct sender *s, const struct message *head, const char **data, const char *limit, char mark)
{
	enum batch_stop why = BATCH_FULL;

	for (;;) {
		if (sending_head(s, head) == -1)
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
