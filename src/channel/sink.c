/* SPDX-License-Identifier: ISC */
/* sink: one face for mailboxes and streams.  What a crash leaves is theirs to say. */
#include "channel/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "mailbox/send/spool.h"
#include "mailbox/wait/wait.h"
#include "mailbox/wait/wake.h"
#include "stream/splice_in.h"

enum { COPY_PIECE = 64 * 1024 };        /* bytes copied at a time where a payload can not be linked to */

/* deadline -- when a wait that begins now must end. */
static uint64_t
deadline(const struct sink *s)
{
	return s->patience_ns == SINK_NOT_AT_ALL ? POST_NOW : clock_after(s->patience_ns);
}

/* open_handover -- see whether the mailbox is one of capacity 0, and prepare for that. */
static int
open_handover(struct sink *s)
{
	struct ctl c;

	if (ctl_read(s->m.ctl_fd, &c) == -1)
		return -1;
	s->handover = c.cap_messages == 0;
	if (!s->handover)
		return 0;
	s->writer = malloc(sizeof *s->writer);
	s->meet = (struct meet){ .post = &s->post, .writer = s->writer, .fd = -1 };
	return s->writer == NULL ? -1 : 0;
}

/* open_drop -- the mailbox may not be opened, but messages may be left there. */
static int
open_drop(struct sink *s, const char *path)
{
	if (leave_open(&s->leave, path) == -1) {
		if (errno == ENOENT)
			errno = EACCES;         /* nobody may only send there */
		return -1;
	}
	s->kind = CHANNEL_DROP;
	s->writer = malloc(sizeof *s->writer);
	if (s->writer != NULL)
		return 0;
	leave_close(&s->leave);
	return -1;
}

int
sink_open(struct sink *s, const char *name, const char *path, bool truncate, uint64_t patience_ns)
{
	/* s->post is large, and to set all of it would cost a one-shot more than to send */
	s->name = name;
	s->patience_ns = patience_ns;
	s->fd = -1;
	s->first_id = s->last_id = s->unread = s->spooled = 0;
	s->handover = false;
	s->writer = NULL;
	s->m = (struct mbox)MBOX_CLOSED;
	post_init(&s->post, &s->m);
	if (channel_kind_of(path, &s->kind) == -1)
		return -1;
	if (s->kind == CHANNEL_MAILBOX) {
		if (s->batch == NULL)
			s->batch = malloc(sizeof *s->batch);
		if (s->batch == NULL)
			return -1;
		if (mbox_open(&s->m, path) == -1)
			return errno == EACCES ? open_drop(s, path) : -1;
		batch_clear(s->batch);
		return open_handover(s);
	}
	s->writer = malloc(sizeof *s->writer);
	if (s->writer == NULL)
		return -1;
	s->fd = channel_open_write(path, s->kind, truncate, deadline(s));
	return s->fd == -1 ? -1 : writer_init(s->writer, s->fd);
}

/* ---- mailboxes ---- */

static int
flush_batch(struct sink *s)
{
	struct batch *b = s->batch;
	uint32_t from = b->from;
	int r = 0;

	while (r == 0 && b->from < b->n)
		r = post_batch(&s->post, b, deadline(s));
	s->first_id = b->from > from ? s->post.last_id + 1 - (b->from - from) : 0;
	s->last_id = s->post.last_id;
	/* what nobody received was withdrawn */
	if (r == -1 && s->post.sync && (errno == ETIMEDOUT || errno == ECANCELED) && s->first_id != 0
	    && --s->last_id < s->first_id)
		s->first_id = 0;
	if (b->from == b->n)
		batch_clear(b);
	return r;
}

/* set_head -- make head the batch's, which is flushed for it where it must be. */
static int
set_head(struct sink *s, const struct message *head)
{
	int r = batch_head(s->batch, head);

	if (r == 0) {
		if (flush_batch(s) == -1)
			return -1;
		r = batch_head(s->batch, head);
	}
	return r == 1 ? 0 : -1;
}

static int
put_batch(struct sink *s, const struct message *head, const char *data, size_t len)
{
	if (set_head(s, head) == -1)
		return -1;
	if (batch_put(s->batch, data, len) == 1)
		return 0;
	if (flush_batch(s) == -1 || set_head(s, head) == -1)
		return -1;
	batch_put(s->batch, data, len);
	return 0;
}

/* ---- mailboxes of capacity 0 ---- */

static int
meet_open(struct sink *s, const struct message *head)
{
	s->first_id = s->last_id = 0;
	return set_head(s, head) == -1 ? -1 : meet_begin(&s->meet, s->batch, head, deadline(s));
}

static int
meet_close(struct sink *s)
{
	if (meet_end(&s->meet) == -1)
		return -1;
	s->first_id = s->last_id = s->post.last_id;
	return 0;
}

/* hand_over -- a message that is in memory: where its receiver fails, it is offered again. */
static int
hand_over(struct sink *s, const struct message *head, const char *data, size_t len)
{
	struct message whole = *head;
	int r;

	whole.len = len;
	r = meet_open(s, &whole);
	while (r == 0) {
		r = meet_data(&s->meet, data, len) == -1 ? -1 : meet_close(s);
		if (r == 0 || errno != EPIPE)
			break;
		r = meet_again(&s->meet, &whole);
	}
	if (r == -1)
		meet_abort(&s->meet);
	return r;
}

uint32_t
sink_waiting(const struct sink *s)
{
	return s->kind == CHANNEL_MAILBOX ? s->batch->n - s->batch->from : 0;
}

void
sink_drop(struct sink *s)
{
	if (sink_waiting(s) > 0 && ++s->batch->from == s->batch->n)
		batch_clear(s->batch);
}

/* ---- both ---- */

/* set_patience -- a stream's waits that begin now end in time. */
static struct writer *
set_patience(struct sink *s)
{
	s->writer->deadline_ns = s->patience_ns == SINK_NOT_AT_ALL ? clock_mono_ns() : clock_after(s->patience_ns);
	return s->writer;
}

int
sink_put(struct sink *s, const struct message *head, const char *data, size_t len)
{
	if (s->handover)
		return hand_over(s, head, data, len);
	if (s->kind == CHANNEL_MAILBOX)
		return put_batch(s, head, data, len);
	if (s->kind == CHANNEL_DROP)
		return leave_put(&s->leave, set_patience(s), head, data, len);
	return writer_put(set_patience(s), head, data, len);
}

int
sink_put_records(struct sink *s, const struct message *head, const char **data, const char *limit, char mark)
{
	const char *at;
	enum batch_stop why = BATCH_FULL;

	if (s->kind != CHANNEL_MAILBOX || s->handover) {
		for (; (at = find_byte(*data, limit, mark)) != NULL; *data = at + 1)
			if (at - *data > BATCH_INLINE || sink_put(s, head, *data, (size_t)(at - *data)) == -1)
				return at - *data > BATCH_INLINE ? 1 : -1;
		return 0;
	}
	for (;;) {
		if (set_head(s, head) == -1)
			return -1;
		*data = batch_put_records(s->batch, *data, limit, mark, &why);
		if (why != BATCH_FULL)
			return why == BATCH_LONG;
		if (flush_batch(s) == -1)
			return -1;
	}
}

int
sink_flush(struct sink *s)
{
	s->first_id = s->last_id = 0;
	if (s->handover || s->kind == CHANNEL_DROP)
		return 0;
	if (s->kind == CHANNEL_MAILBOX)
		return flush_batch(s);
	return writer_flush(set_patience(s));
}

/* spool -- begin a payload in a file. */
static int
spool(struct sink *s)
{
	s->spooled = 0;
	hash_begin(&s->sum);
	s->fd = spool_open(&s->m, deadline(s));
	return s->fd == -1 ? -1 : 0;
}

int
sink_head(struct sink *s, const struct message *head)
{
	return flush_batch(s) == -1 ? -1 : set_head(s, head);
}

int
sink_share(struct sink *s, const struct sink *from)
{
	char piece[COPY_PIECE];
	ssize_t n = 1;

	s->spooled = from->spooled;
	s->sum = from->sum;
	s->fd = spool_link(&from->m, from->fd, &s->m, deadline(s));
	if (s->fd != -1)
		return 0;
	if (spool(s) == -1)
		return -1;
	while (n > 0) {
		n = io_pread(from->fd, piece, sizeof piece, s->spooled);
		if (n == -1 || sink_data(s, piece, (size_t)n) == -1) {
			sink_abort(s);
			return -1;
		}
	}
	return 0;
}

int
sink_begin(struct sink *s, const struct message *head)
{
	if (s->handover)
		return meet_open(s, head);
	if (s->kind == CHANNEL_DROP)
		return leave_begin(&s->leave, set_patience(s), head);
	if (s->kind != CHANNEL_MAILBOX)
		return writer_begin(set_patience(s), head);
	return sink_head(s, head) == -1 ? -1 : spool(s);
}

int
sink_data(struct sink *s, const char *data, size_t len)
{
	if (s->handover)
		return meet_data(&s->meet, data, len);
	if (s->kind != CHANNEL_MAILBOX)
		return writer_data(set_patience(s), data, len);
	if (io_pwrite(s->fd, data, len, s->spooled) == -1)
		return -1;
	s->spooled += len;
	hash_add(&s->sum, data, len);
	return 0;
}

int
sink_feed(struct sink *s, int in)
{
	uint64_t moved = 0;

	if (s->handover)
		return meet_feed(&s->meet, in);
	if (s->kind != CHANNEL_MAILBOX)
		return feed_stream(set_patience(s), in, &moved);
	return feed_file(s->fd, in, &s->spooled, &s->sum);
}

int
sink_end(struct sink *s)
{
	int fd = s->fd;

	if (s->handover)
		return meet_close(s);
	if (s->kind == CHANNEL_DROP)
		return leave_end(&s->leave, set_patience(s));
	if (s->kind != CHANNEL_MAILBOX)
		return writer_end(set_patience(s));
	s->fd = -1;
	if (post_big(&s->post, s->batch, fd, s->spooled, hash_end(&s->sum), deadline(s)) == -1) {
		batch_clear(s->batch);
		return -1;
	}
	s->first_id = s->last_id = s->post.last_id;
	batch_clear(s->batch);
	return 0;
}

int
sink_again(struct sink *s, const struct message *head)
{
	if (s->handover)
		return meet_again(&s->meet, head);
	errno = EPIPE;
	return -1;
}

bool
sink_done(const struct sink *s)
{
	return s->handover && s->meet.done;
}

/*
 * pipe_room -- how many bytes can go through a pipe without waiting for its reader.
 * One that is empty takes any message: there is none so large that it is never sent.  Else at most every second byte
 * of a page may be in use, as a frame is never split between two; and the same holds for what we write.
 */
static uint64_t
pipe_room(int fd)
{
	int size = 16 * PIPE_BUF, used = 0, pages;

	if (ioctl(fd, FIONREAD, &used) == -1 || used == 0)
		return UINT64_MAX;
#ifdef F_GETPIPE_SZ
	size = fcntl(fd, F_GETPIPE_SZ);
	if (size == -1)                 /* no pipe: what is unread is not what we wrote */
		return UINT64_MAX;
#endif
	pages = size / PIPE_BUF - 2 * (used / PIPE_BUF + 1);
	return pages > 0 ? (uint64_t)pages * PIPE_BUF / 2 : 0;
}

int
sink_room(struct sink *s, const struct message *m, uint64_t *room)
{
	const struct ctl *ctl = &s->m.ctl;
	int events;

	*room = s->kind == CHANNEL_DROP ? UINT64_MAX : 0;
	if (s->kind == CHANNEL_DROP)
		return 0;
	if (s->kind != CHANNEL_MAILBOX) {
		events = s->kind == CHANNEL_FILE ? POLLOUT : io_wait(s->fd, POLLOUT, 0);
		if (events == -1)
			return -1;
		if (events & POLLERR) {
			errno = EPIPE;
			return -1;
		}
		*room = pipe_room(s->fd);
		return 0;
	}
	if (mbox_lock(&s->m, clock_after(WAKE_LOOK_NS)) == -1)
		return -1;
	if (s->handover)
		*room = wake_wanted(&s->m, m->tag, m->source) == 1 ? UINT64_MAX : 0;
	else if (ctl->live == 0)
		*room = UINT64_MAX;
	else if (ctl->live < ctl->cap_messages && ctl->live_bytes < ctl->cap_bytes)
		*room = ctl->cap_bytes - ctl->live_bytes;
	mbox_unlock(&s->m);
	return 0;
}

void
sink_abort(struct sink *s)
{
	if (s->handover) {
		meet_abort(&s->meet);
	} else if (s->kind == CHANNEL_DROP) {
		if (s->leave.fd != -1)
			leave_abort(&s->leave, s->writer);
	} else if (s->kind != CHANNEL_MAILBOX) {
		writer_abort(s->writer);
	} else if (s->fd != -1) {
		spool_drop(&s->m, s->fd);
		s->fd = -1;
	}
}

int
sink_dir(const struct sink *s)
{
	return s->kind == CHANNEL_MAILBOX ? s->m.dir_fd : s->kind == CHANNEL_DROP ? s->leave.dir_fd : -1;
}

int
sink_close(struct sink *s)
{
	int r = 0, err;

	if (s->handover)
		meet_abort(&s->meet);
	if (s->kind == CHANNEL_MAILBOX) {
		wait_leave(&s->m);
		mbox_close(&s->m);
	} else if (s->kind == CHANNEL_DROP) {
		leave_close(&s->leave);
	} else if (s->fd != -1) {
		r = writer_drain(set_patience(s), &s->unread);
		err = errno;
		close(s->fd);
		errno = err;
	}
	s->fd = -1;
	return r;
}
