/* SPDX-License-Identifier: ISC */
/* deliver: see deliver.h.  A crash leaves the messages in hand claimed by a dead process: they are given out again. */
#include "deliver/deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "stream/splice_out.h"

#define SECOND_US UINT64_C(1000000)
#define ROOM_NS UINT64_C(1000000000)            /* how long a dead letter waits for room, with its message claimed */

/* put_back -- put back the messages in hand from item `from` on.  Returns as deliver_failed. */
static int
put_back(struct deliver *d, uint32_t from, const char *at, const char *on)
{
	int err = errno;

	d->cut = d->sources->streamed && err == EBADMSG;
	if (d->cut)
		deliver_cut(d, d->sources->from->reader);
	d->sources->run.delivered = from;
	/* where its sender lives, it may offer the message again */
	select_settle(d->sources, from, d->cut && !d->sources->from->reader->stalled ? RECEIVER_DROPPED : RECEIVER_BACK, 0);
	errno = err;
	return deliver_failed(d, at, on);
}

/* ---- to the output ---- */

/* write_any -- write a message, in whatever form, wherever its payload is. */
static int
write_any(struct deliver *d, struct message *m)
{
	if (d->output->form != OUTPUT_RAW || m->data != NULL)
		return output_message(d->output, d->sources->from->name, m);
	if (output_flush(d->output) == -1 || pump_message(m, d->output->fd) == -1)
		return -1;
	d->output->to.out += m->reader == NULL ? m->len : 0;
	return 0;
}

/* ended_by -- how many messages of the run in hand end at that byte of the output, or before. */
static uint32_t
ended_by(const struct deliver *d, uint64_t at)
{
	uint32_t n = d->ended;

	while (n > 0 && d->ends[n - 1] > at)
		n--;
	return n;
}

static int
cannot_read(struct deliver *d)
{
	return put_back(d, ended_by(d, d->output->to.out), "read", d->sources->from->name);
}

void
deliver_read(struct deliver *d)
{
	const struct output *o = d->output;

	/* what a pipe still has was not read; after EINTR it may be; of what a socket's peer had nothing is known */
	d->sources->run.delivered = o->file || errno == EINTR ? ended_by(d, o->to.out)
	    : o->pipe ? ended_by(d, output_read(o)) : 0;
}

static int
cannot_write(struct deliver *d)
{
	if (errno == EBADMSG || errno == EILSEQ)
		return cannot_read(d);
	deliver_read(d);
	return put_back(d, d->sources->run.delivered, "write to", "standard output");
}

/*
 * write_item -- write item i of the run in hand.
 * Returns 1; 0 where we only look, and the message has been received meanwhile; or -1, all put back.
 */
static int
write_item(struct deliver *d, uint32_t i)
{
	struct select *s = d->sources;
	struct receiver *from = &s->from->receiver;
	struct message m;
	char scratch[FRAME_HEADER_MAX];
	int r;

	if (select_message(s, i, &m, scratch) == -1) {
		if (from->peek && errno == ENOENT) {
			if (!receiver_has(from, run_id(&s->run, i)))
				return 0;
			errno = EBADMSG;
		}
		return cannot_read(d);
	}
	r = write_any(d, &m);
	io_close(m.fd);
	return r == -1 ? cannot_write(d) : 1;
}

/* write_run -- write the run in hand.  n: is raised by how many were written.  Returns 1, or -1. */
static int
write_run(struct deliver *d, uint64_t *n)
{
	const struct run *run = &d->sources->run;
	const bool plain = d->output->form <= OUTPUT_NULS;
	struct slice payload;
	int r;

	if (run->n > DELIVER_FEW && d->many_ends == NULL
	    && (d->many_ends = memory_new(RUN_MESSAGES * sizeof *d->many_ends)) == NULL)
		return cannot_write(d);
	d->ends = run->n > DELIVER_FEW ? d->many_ends : d->few_ends;
	for (uint32_t i = 0; i < run->n; i++) {
		if (!plain || !run_payload(run, i, &payload))
			r = write_item(d, i);
		else
			r = output_payload(d->output, payload.p, payload.len) == 0 ? 1 : cannot_write(d);
		if (r == -1)
			return -1;
		*n += (uint64_t)r;
		d->ends[d->ended++] = outbuf_end(&d->output->to);
	}
	return output_flush(d->output) == -1 ? cannot_write(d) : 1;
}

void
deliver_begun(struct message *m)
{
	struct reader *r = m->reader;

	if (r == NULL)
		return;
	r->deadline_ns = CLOCK_NEVER;
	/* where nothing bounds the waits: a blocking end lets splice(2) wait for whichever side it must */
	if (r->own && r->patience_ns == 0)
		(void)fcntl(r->fd, F_SETFL, 0);
}

/* write_message -- write the message of a stream.  Returns as write_run. */
static int
write_message(struct deliver *d, uint64_t *n)
{
	struct select *s = d->sources;
	bool more = reader_buffered(s->from->reader);

	deliver_begun(&s->message);
	if (write_any(d, &s->message) == -1 || (!more && output_flush(d->output) == -1))
		return cannot_write(d);
	*n = 1;
	return 1;
}

/* ---- dead letters ---- */

/*
 * put_label -- set a header of a dead letter, or with value NULL remove it.
 * extra: FRAME_HEADER_MAX bytes, which m->extra will point into.  Returns 0, or -1 with EMSGSIZE, and m as it was.
 */
static int
put_label(struct message *m, const char *key, const char *value, char *extra)
{
	char next[FRAME_HEADER_MAX], encoded[FRAME_HEADER_MAX];
	struct message labelled = *m;
	long n = value == NULL ? 0 : frame_encode(encoded, sizeof encoded, slice_of(value));

	if (n != -1)
		n = frame_set_header(next, m->extra, key, (struct slice){ value == NULL ? NULL : encoded, (size_t)n });
	if (n == -1)
		return -1;
	labelled.extra = (struct slice){ next, (size_t)n };
	if (value != NULL && !sender_head_fits(&labelled))
		return -1;
	memcpy(extra, next, (size_t)n);
	m->extra = (struct slice){ extra, (size_t)n };
	return 0;
}

/* last_header -- find the last header of the sender's.  key: FRAME_KEY_MAX + 1 bytes.  Returns whether there is one. */
static bool
last_header(const struct message *m, char *key)
{
	struct slice rest = m->extra, name, value;
	bool found = false;

	while (frame_next_header(&rest, &name, &value)) {
		if (slice_is(name, "status") || slice_is(name, "tries") || slice_is(name, "origin-id"))
			continue;
		memcpy(key, name.p, name.len);
		key[name.len] = '\0';
		found = true;
	}
	return found;
}

/*
 * label -- add to a dead letter's headers what became of it: why, after how many tries, and where it came from.
 * A header line is bounded, and any message must make a dead letter: the sender's headers go, the last first, until
 * status, tries and origin-id are in; origin is left out where it does not fit then.
 * extra: FRAME_HEADER_MAX bytes, which m->extra will point into.
 */
static int
label(struct message *m, const char *from, const char *why, uint64_t tries, char *extra)
{
	/* expire, due: a dead letter stays, and is there at once; the others: what the sender put under our names */
	static const char *const gone[] = { "expire", "due", "origin", "status", "tries", "origin-id" };
	static const char *const *const keys = gone + 3;
	char numbers[2][24], key[FRAME_KEY_MAX + 1];
	const char *const values[] = { why, numbers[0], numbers[1] };

	snprintf(numbers[0], sizeof numbers[0], "%llu", (unsigned long long)tries);
	snprintf(numbers[1], sizeof numbers[1], "%llu", (unsigned long long)m->id);
	for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
		if (put_label(m, gone[i], NULL, extra) == -1)
			return -1;
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
		while (put_label(m, keys[i], values[i], extra) == -1)
			if (!last_header(m, key) || put_label(m, key, NULL, extra) == -1)
				return -1;
	put_label(m, "origin", from, extra);
	return 0;
}

void
deliver_note(struct told *t, const struct message *m, char *tag)
{
	t->id = m->id;
	t->n = 1;
	memcpy(tag, m->tag.p, m->tag.len);
	t->tag = (struct slice){ tag, m->tag.len };
}

/*
 * no_room -- the dead letters have no room: the message in hand is put back for a while, as it was, for another last try.
 * Returns as deliver_run.
 */
static int
no_room(struct deliver *d, struct told *t)
{
	t->again_us = t->expired != NULL ? d->backoff_most_us : clock_backoff(d->backoff_us, d->backoff_most_us, t->tries);
	if (t->again_us < SECOND_US)
		t->again_us = SECOND_US;
	if (!d->dead_full)
		d->tell_full(d->dead->name);
	/* others, that need no room there, do not wait for this again and again */
	d->dead_full = true;
	/* where all that is there now is to be received, it is not waited for */
	d->sources->from->receiver.all_tries = 0;
	if (select_settle(d->sources, 0, RECEIVER_BACK, t->again_us) == -1)
		return deliver_failed(d, "put back to", d->sources->from->name);
	if (d->tell != NULL)
		d->tell(d, d->sources->from->name, TOLD_FULL, t);
	return 1;
}

/* What is said of a message that is a dead letter for no failure. */
static const char *const reasons[] = {
	[RUN_ON_ITS_WAY] = "expired", [RUN_LOOP] = "loop", [RUN_HOPS] = "hops", [RUN_LONG] = "long",
};

int
deliver_bury(struct deliver *d, int status)
{
	struct select *s = d->sources;
	struct message m;
	char scratch[FRAME_HEADER_MAX], extra[FRAME_HEADER_MAX], number[16], tag[FRAME_NAME_MAX];
	const char *why = status == DELIVER_EXPIRED ? reasons[s->run.stray] : status == DELIVER_REFUSED ? "refused" : number;
	struct told t = { .expired = status == DELIVER_EXPIRED ? why : NULL, .refused = status == DELIVER_REFUSED,
		.status = status };
	int r;

	if (select_message(s, 0, &m, scratch) == -1)
		return put_back(d, 0, "read", s->from->name);
	deliver_note(&t, &m, tag);
	t.tries = run_tries(&s->run, 0) + (t.expired == NULL);
	snprintf(number, sizeof number, "%d", status);
	d->dead->timeout_ns = d->dead_full ? MAILBOX_NOT_AT_ALL : ROOM_NS;
	r = label(&m, s->from->name, why, t.tries, extra) == -1 ? -1
	    : sink_message(d->dead, &m);
	io_close(m.fd);
	if (r == -1 && (errno == EAGAIN || errno == ETIMEDOUT || errno == EBUSY))
		return no_room(d, &t);
	if (r == -1)
		return put_back(d, 0, "send to", d->dead->name);
	d->dead_full = false;
	if (select_settle(s, 0, RECEIVER_BURIED, 0) == -1)
		return put_back(d, 0, "receive from", s->from->name);
	if (d->tell != NULL)
		d->tell(d, s->from->name, TOLD_BURIED, &t);
	return 1;
}

int
deliver_run(struct deliver *d, uint64_t *n)
{
	*n = 0;
	d->ended = 0;
	if (!d->sources->streamed && d->sources->run.expired)
		return deliver_bury(d, DELIVER_EXPIRED);
	if ((d->sources->streamed ? write_message(d, n) : write_run(d, n)) == -1)
		return -1;
	d->sources->run.delivered = d->sources->run.n;
	return 1;
}
