/* SPDX-License-Identifier: ISC */
/* inlet: one interface to mailboxes and streams at the receiving end.  For what a crash leaves: mailbox.h, reader.h. */
#include "channel/inlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"

/* ---- opening ---- */

static int
open_mailbox(struct select *s, struct inlet *new)
{
	struct receiver *r = &new->receiver;

	r->name = new->name;
	r->tell_unjudged = s->tell_unjudged;
	r->tell_why = s->tell_why;
	r->filter = &s->filter;
	r->id = s->id;
	r->peek = s->peek;
	r->all = s->all;
	r->all_tries = s->all_tries;
	r->take_expired = s->expired;
	r->once = s->once;
	r->timeout_ns = s->timeout_ns;
	if (receiver_open(r, new->path) == 0)
		return run_make(&s->run);
	receiver_close(r);
	return errno == EALREADY ? 1 : -1;
}

static int
open_stream(struct select *s, struct inlet *new)
{
	struct stat st;
	enum reader_mode mode = s->single || s->counted ? READER_ONE : READER_SHARED;

	new->fd = open_read(new->path);
	if (new->fd == -1)
		return -1;
	if (fstat(new->fd, &st) == 0 && S_ISREG(st.st_mode))
		mode = READER_ALL;
	if ((s->peek && mode != READER_ALL) || s->id != 0) {
		close(new->fd);
		errno = EINVAL;
		return -1;
	}
	new->reader = memory_new(sizeof *new->reader);
	if (new->reader == NULL)
		return -1;
	reader_init(new->reader, new->fd, mode);
	new->reader->named = new->kind == CHANNEL_FIFO;
	if (mode == READER_ONE || new->reader->named)
		new->reader->ends = s->ahead;
	new->reader->follow = s->follow && new->kind == CHANNEL_FILE;
	return 0;
}

int
inlet_open(struct select *s, struct inlet *new)
{
	int r;

	new->fd = -1;
	new->named = strcmp(new->path, "-") != 0;
	new->kind = CHANNEL_MAILBOX;
	r = new->named ? open_mailbox(s, new) : fail_with(ENOTDIR);
	if (r != -1 || errno != ENOTDIR)
		return r;
	if (open_kind(new->path, &new->kind) == -1)
		return -1;
	return new->kind != CHANNEL_MAILBOX ? open_stream(s, new) : fail_with(ENOENT);  /* made just now */
}

/* ---- mailboxes ---- */

#define SECOND_NS UINT64_C(1000000000)

void
inlet_place(const struct inlet *one, struct message *m, char *place)
{
	char path[PATH_MAX], value[FRAME_HEADER_MAX];
	struct message placed = *m;
	struct slice name;
	long n;

	if (m->extra.len == 0 || frame_header(m->extra, "reply", &name) == 0 || name.len < 3 || memcmp(name.p, "./", 2) != 0
	    || memchr(name.p + 2, '/', name.len - 2) != NULL || realpath(one->path, path) == NULL
	    || !receiver_is_at(&one->receiver, path))
		return;
	n = frame_encode(value, sizeof value - name.len, slice_of(path));
	if (n == -1)
		return;
	memcpy(value + n, name.p + 1, name.len - 1);
	n = frame_set_header(place, m->extra, "reply", (struct slice){ value, (size_t)n + name.len - 1 });
	placed.extra = (struct slice){ place, n > 0 ? (size_t)n : 0 };
	if (n > 0 && sender_head_fits(&placed))
		m->extra = placed.extra;
}

int
inlet_mailbox(struct select *s, struct inlet *one, struct receiver_ask ask, uint64_t deadline_ns)
{
	bool look = s->timeout_ns == 0 || deadline_ns == INLET_LOOK;
	int r;

	/* wait a second at least for the lock where something in hand is to be settled */
	ask.deadline_ns = look ? clock_after(SECOND_NS) : s->run.n > 0 && deadline_ns != CLOCK_NEVER
	    ? clock_at_least(deadline_ns, SECOND_NS) : deadline_ns;
	ask.wait = !look && !s->all;
	r = receiver_next(&one->receiver, &s->run, &ask, &s->message);
	s->streamed = s->run.offer;
	if (r == 1 && s->streamed)
		inlet_place(one, &s->message, s->place);
	one->reader = one->receiver.reader;
	one->ended = one->receiver.ended;
	one->looked = one->looked || r != -1;
	return r;
}

/* ---- streams ---- */

/* reopen -- open a FIFO anew whose writers have gone, to wait for the next. */
static int
reopen(struct inlet *one)
{
	int fd = open_read(one->path);

	if (fd == -1)
		return -1;
	/* the new end is open before the old one closes: what a writer put in between is not lost */
	close(one->fd);
	one->fd = one->reader->fd = fd;
	return 0;
}

int
inlet_stream(struct select *s, struct inlet *one, uint64_t deadline_ns)
{
	int r;

	/* do not wait here where other inlets, or anything else, are waited for too */
	one->reader->deadline_ns = s->n > 1 || s->also != NULL || s->timeout_ns == 0 || deadline_ns == INLET_LOOK
	    ? clock_mono_ns() : deadline_ns;
	do
		r = reader_next(one->reader, &s->message);
	while (r == 1 && (!filter_match(&s->filter, s->message.tag, s->message.source)
	    || message_expired(&s->message)));
	s->streamed = true;
	if (r == 1)
		return 1;
	if (r == -1)
		return errno == ETIMEDOUT ? 0 : -1;
	if (one->kind == CHANNEL_FIFO && !s->all)
		return reopen(one);
	one->ended = !one->reader->follow;
	return 0;
}
