/* SPDX-License-Identifier: ISC */
/* intake: see intake.h.  A reader whose deadline has passed looks once, and goes on where it stopped. */
#include "link/intake.h"

#include <stdlib.h>

#include "base/fail.h"

enum {
	ROOM_MIN = 64 * 1024,           /* bytes asked for at a time, at least */
	ROOM_KEPT = 1024 * 1024,        /* of a larger payload the memory is given back */
};

void
intake_init(struct intake *in, int fd, uint64_t limit)
{
	*in = (struct intake){ .limit = limit };
	reader_init(&in->reader, fd, READER_ALL);
	in->reader.deadline_ns = 1;
}

/* room -- have room for n more bytes.  Returns 0, or -1 with ENOMEM. */
static int
room(struct intake *in, size_t n)
{
	size_t wanted = in->used + n;
	char *larger;

	if (wanted <= in->room)
		return 0;
	if (wanted < 2 * in->room)
		wanted = 2 * in->room;
	larger = realloc(in->buf, wanted);
	if (larger == NULL)
		return -1;
	in->buf = larger;
	in->room = wanted;
	return 0;
}

/* gather -- read on in the payload of in->message.  Returns 1 at its end, 0 not yet, or -1. */
static int
gather(struct intake *in)
{
	ssize_t got;

	for (;;) {
		if (in->over)
			in->used = 0;
		if (room(in, ROOM_MIN) == -1)
			return -1;
		got = reader_payload(&in->reader, in->buf + in->used, in->room - in->used);
		if (got == -1)
			return errno == ETIMEDOUT ? 0 : -1;
		if (got == 0)
			return 1;
		in->used += (size_t)got;
		in->over = in->over || in->used > in->limit;
	}
}

/* take -- a message whose payload is whole, or too large. */
static int
take(struct intake *in, struct message *m, const char *data, uint64_t len)
{
	*m = in->message;
	m->reader = NULL;
	m->data = len > in->limit || in->over ? NULL : len > 0 ? data : "";
	m->len = len;
	return 1;
}

int
intake_next(struct intake *in, struct message *m)
{
	int r;

	if (!in->gathering) {
		if (in->room > ROOM_KEPT) {
			free(in->buf);
			in->buf = NULL;
			in->room = 0;
		}
		in->over = false;
		r = in->ended ? 0 : reader_next(&in->reader, &in->message);
		if (r == 0)
			in->ended = true;
		if (r == -1)
			return errno == ETIMEDOUT ? 0 : -1;
		if (r == 0)
			return 0;
		if (in->message.reader == NULL)
			return take(in, m, in->message.data, in->message.len);
		in->gathering = true;
		in->used = 0;
		in->over = in->message.len != MESSAGE_LEN_UNKNOWN && in->message.len > in->limit;
	}
	r = gather(in);
	if (r <= 0)
		return r;
	in->gathering = false;
	return take(in, m, in->buf, in->over && in->message.len != MESSAGE_LEN_UNKNOWN ? in->message.len : in->used);
}
