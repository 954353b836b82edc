/* SPDX-License-Identifier: ISC */
/* deliver: from hand to output or command.  A crash in it leaves the messages claimed by a dead process. */
#include "deliver.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "handler.h"
#include "io.h"

enum {
	RETRY_FIRST_US = 100000,        /* a message that failed is not given again for 0.1 s x 2^tries */
	PAUSE_MS = 100,                 /* after a command that put its message back, before the next */
};

/* put_back -- deliver failed: note where, and give back items from on. */
static int
put_back(struct deliver *d, uint32_t from, const char *at, const char *on)
{
	int err = errno;

	d->failed_at = at;
	d->failed_on = on;
	sources_settle(d->sources, from, CLAIM_BACK, 0);
	errno = err;
	return -1;
}

/* ---- to the output ---- */

/* write_item -- item i of the run in hand. */
static int
write_item(struct deliver *d, uint32_t i)
{
	struct sources *s = d->sources;
	struct message m;
	char scratch[FRAME_HEADER_MAX];
	const char *payload;
	int r;

	if (d->output->form <= OUTPUT_NULS && !(s->run.items[i].slot.flags & SLOT_BIG)) {
		payload = claim_payload(&s->run, i);
		return payload == NULL ? -1 : output_payload(d->output, payload, s->run.items[i].slot.len);
	}
	if (claim_message(&s->from->claim, &s->run, i, &m, scratch) == -1)
		return -1;
	r = output_message(d->output, s->from->name, &m);
	if (m.fd != -1)
		close(m.fd);
	return r;
}

static int
write_run(struct deliver *d, uint64_t *n)
{
	struct sources *s = d->sources;

	for (uint32_t i = 0; i < s->run.n; i++)
		if (write_item(d, i) == -1) {
			if (errno == EBADMSG || errno == EILSEQ)
				return put_back(d, 0, "read", s->from->name);
			return put_back(d, 0, "write to", "standard output");
		}
	if (output_flush(d->output) == -1)
		return put_back(d, 0, "write to", "standard output");
	*n = s->run.n;
	return 1;
}

static int
write_message(struct deliver *d, uint64_t *n)
{
	struct sources *s = d->sources;
	bool more = reader_buffered(s->from->reader);

	if (output_message(d->output, s->from->name, &s->message) == -1)
		return put_back(d, 0, errno == EBADMSG || errno == EILSEQ ? "read" : "write to",
		    errno == EBADMSG || errno == EILSEQ ? s->from->name : "standard output");
	if (!more && output_flush(d->output) == -1)
		return put_back(d, 0, "write to", "standard output");
	*n = 1;
	return 1;
}

/* ---- dead letters ---- */

/* send_copy -- send a message on, payload and all. */
static int
send_copy(struct sink *to, struct message *m)
{
	char piece[BATCH_INLINE];
	ssize_t n;

	if (m->data != NULL && m->len <= BATCH_INLINE)
		return sink_put(to, m, m->data, m->len) == -1 ? -1 : sink_flush(to);
	if (sink_begin(to, m) == -1)
		return -1;
	while ((n = message_read(m, piece, sizeof piece)) > 0)
		if (sink_data(to, piece, (size_t)n) == -1)
			break;
	if (n != 0) {
		sink_abort(to);
		return -1;
	}
	return sink_end(to);
}

/*
 * label -- add to a dead letter's headers what became of it: why, after how many tries, and where it came from.
 * extra: FRAME_HEADER_MAX bytes, which m->extra will point into.
 */
static int
label(struct message *m, const char *from, const char *why, uint64_t tries, char *extra)
{
	char next[FRAME_HEADER_MAX], value[FRAME_HEADER_MAX];
	/* without its expiry: a dead letter stays */
	const char *const keys[] = { "expire", "status", "tries", "origin", "origin-id" };
	long n;

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		n = i == 0 ? 0 : i == 1 ? frame_encode(value, sizeof value, slice_of(why))
		    : i == 3 ? frame_encode(value, sizeof value, slice_of(from))
		    : (long)frame_number(value, i == 2 ? tries : m->id);
		if (n == -1 || (n = frame_set_header(next, m->extra, keys[i],
		    (struct slice){ i == 0 ? NULL : value, (size_t)n })) == -1)
			return -1;
		memcpy(extra, next, (size_t)n);
		m->extra = (struct slice){ extra, (size_t)n };
	}
	return 0;
}

/* bury -- the message in hand goes to the dead letters, and leaves its mailbox.  why: its header status. */
static int
bury(struct deliver *d, const char *why, uint64_t tries)
{
	struct sources *s = d->sources;
	struct message m;
	char scratch[FRAME_HEADER_MAX], extra[FRAME_HEADER_MAX];
	int r;

	if (claim_message(&s->from->claim, &s->run, 0, &m, scratch) == -1)
		return put_back(d, 0, "read", s->from->name);
	r = label(&m, s->from->name, why, tries, extra) == -1 ? -1 : send_copy(d->dead, &m);
	if (m.fd != -1)
		close(m.fd);
	if (r == -1)
		return put_back(d, 0, "send to", d->dead->name);
	return sources_settle(s, 0, CLAIM_DROPPED, 0) == -1 ? put_back(d, 0, "receive from", s->from->name) : 1;
}

/* ---- to a command ---- */

/* retry_delay_us -- how long the message in hand, having failed once more, is kept back. */
static uint64_t
retry_delay_us(unsigned tries)
{
	uint64_t delay = RETRY_FIRST_US;

	for (unsigned i = 0; i < tries && delay < CLAIM_DELAY_MAX_US; i++)
		delay *= 2;
	return delay < CLAIM_DELAY_MAX_US ? delay : CLAIM_DELAY_MAX_US;
}

/* settle -- what a command's end means for the message in hand.  Returns as deliver_run. */
static int
settle(struct deliver *d, int end, int status)
{
	struct sources *s = d->sources;
	unsigned tries = s->from->kind == CHANNEL_MAILBOX ? s->run.items[0].tries : 0;
	int ms = PAUSE_MS;
	char why[16];

	if (status != 0)
		d->status = status;
	switch (end) {
	case HANDLER_DONE:
		return 1;
	case HANDLER_FAILED:
		if (d->max_tries > 0 && !s->streamed && tries + 1 >= d->max_tries) {
			snprintf(why, sizeof why, "%d", status);
			return bury(d, why, tries + 1);
		}
		if (sources_settle(s, 0, CLAIM_FAILED, retry_delay_us(tries + 1)) == -1)
			return put_back(d, 0, "put back to", s->from->name);
		return 1;
	case HANDLER_BACK:
		if (sources_settle(s, 0, CLAIM_BACK, 0) == -1)
			return put_back(d, 0, "put back to", s->from->name);
		if (!d->follow)
			return 0;
		/* it is the next again: give what it waits for a moment to come */
		io_nap(CLOCK_NEVER, &ms, PAUSE_MS);
		return 1;
	default:
		return put_back(d, 0, "run", d->command[0]);
	}
}

static int
run_command(struct deliver *d, uint64_t *n)
{
	struct sources *s = d->sources;
	struct message taken, *m = &s->message;
	char scratch[FRAME_HEADER_MAX];
	int end, status = 0, err;

	if (!s->streamed) {
		m = &taken;
		if (claim_message(&s->from->claim, &s->run, 0, m, scratch) == -1)
			return put_back(d, 0, "read", s->from->name);
	}
	end = handler_run(d->command, s->from->name, m, &status);
	err = errno;
	if (m->fd != -1)
		close(m->fd);
	errno = err;
	if (end == -1)
		return put_back(d, 0, err == EBADMSG ? "read" : "run", err == EBADMSG ? s->from->name : d->command[0]);
	*n = 1;
	return settle(d, end, status);
}

int
deliver_run(struct deliver *d, uint64_t *n)
{
	*n = 0;
	if (d->sources->from->kind == CHANNEL_MAILBOX && d->sources->run.expired)
		return bury(d, "expired", d->sources->run.items[0].tries);
	if (d->command != NULL)
		return run_command(d, n);
	return d->sources->streamed ? write_message(d, n) : write_run(d, n);
}
