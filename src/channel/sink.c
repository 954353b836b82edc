/* SPDX-License-Identifier: ISC */
/* sink: one interface to mailboxes and streams.  For what a crash leaves see mailbox.h and writer.h. */
#include "channel/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/tally.h"
#include "base/waiting.h"
#include "stream/splice_in.h"

/* sender -- the mailbox's sender, with the sink's timeout. */
static struct sender *
sender(struct sink *s)
{
	s->sender.timeout_ns = s->timeout_ns;
	return &s->sender;
}

/* writer -- the stream's writer, with the sink's timeout from now on. */
static struct writer *
writer(struct sink *s)
{
	s->writer->ask = s->timeout_ns == MAILBOX_ASK;
	s->writer->deadline_ns = s->writer->ask ? CLOCK_NEVER : s->timeout_ns == MAILBOX_NOT_AT_ALL ? clock_mono_ns() :
	    clock_after(s->timeout_ns);
	return s->writer;
}

int
sink_open(struct sink *s, const char *name, const char *path, bool truncate, uint64_t timeout_ns)
{
	int r;

	s->name = s->sender.name = name;
	s->timeout_ns = timeout_ns;
	s->fd = s->sender.dir_fd = -1;
	s->unread = 0;
	s->kind = CHANNEL_MAILBOX;
	r = strcmp(path, "-") != 0 ? sender_open(sender(s), path) : fail_with(ENOTDIR);
	if (r == 0 || errno != ENOTDIR)
		return r;
	if (open_kind(path, &s->kind) == -1)
		return -1;
	if (sink_is_mailbox(s))
		return fail_with(ENOENT);       /* made just now */
	s->writer = memory_new(sizeof *s->writer);
	if (s->writer == NULL)
		return -1;
	waiting_for(WAITING_READER, name);
	s->fd = open_write(path, s->kind, truncate, timeout_ns == MAILBOX_NOT_AT_ALL ? 0 : clock_after(timeout_ns));
	if (s->fd == -1 || writer_init(s->writer, s->fd) == -1)
		return -1;
	s->writer->turn = s->turn;
	s->writer->name = name;
	waiting_over();
	return 0;
}

/*
 * fits -- whether the header line would be taken by a mailbox: a stream leads to one, sooner or later.  Else EMSGSIZE.
 */
static bool
fits(const struct message *head)
{
	if (sender_head_fits(head))
		return true;
	errno = EMSGSIZE;
	return false;
}

/* sent -- count a message that has gone to a stream, where r is 0; a mailbox counts its own.  Returns r. */
static int
sent(int r)
{
	tally_add(TALLY_SENT, r == 0);
	return r;
}

int
sink_put(struct sink *s, const struct message *head, const char *data, size_t len)
{
	if (sink_is_mailbox(s))
		return sender_put(sender(s), head, data, len);
	return fits(head) ? sent(writer_put(writer(s), head, data, len)) : -1;
}

int
sink_flush(struct sink *s)
{
	return sink_is_mailbox(s) ? sender_flush(sender(s)) : writer_flush(writer(s));
}

void
sink_rest(struct sink *s)
{
	if (s->kind == CHANNEL_FIFO)
		writer_rest(s->writer);
}

void
sink_drop(struct sink *s)
{
	if (sink_is_mailbox(s))
		sender_drop_first(&s->sender);
}

int
sink_begin(struct sink *s, const struct message *head)
{
	if (sink_is_mailbox(s))
		return sender_begin(sender(s), head);
	return fits(head) ? writer_begin(writer(s), head) : -1;
}

int
sink_data(struct sink *s, const char *data, size_t len)
{
	return sink_is_mailbox(s) ? sender_data(sender(s), data, len) : writer_data(writer(s), data, len);
}

ssize_t
sink_give(struct sink *s, const char *data, size_t len)
{
	struct writer *w;

	if (sink_is_mailbox(s))
		return sender_give(sender(s), data, len);
	w = writer(s);
	if (writer_flush(w) == -1)
		return -1;
	if (len > writer_room(w))
		len = writer_room(w);
	return writer_data(w, data, len) == -1 ? -1 : (ssize_t)len;
}

bool
sink_asked(const struct sink *s, struct pollfd p[2])
{
	p[0] = p[1] = (struct pollfd){ .fd = -1 };
	if (!sink_is_mailbox(s)) {
		p[0].events = writer_events(s->writer);
		p[0].fd = p[0].events != 0 ? s->fd : -1;
		return p[0].fd != -1;
	}
	p[0].fd = sender_asked_fd(&s->sender);
	p[0].events = POLLIN;
	p[1].fd = sender_give_fd(&s->sender, &p[1].events);
	return p[0].fd != -1 || p[1].events != 0;
}

int
sink_feed(struct sink *s, int in)
{
	uint64_t moved = 0;

	return sink_is_mailbox(s) ? sender_feed(sender(s), in) : feed_stream(writer(s), in, &moved);
}

int
sink_end(struct sink *s)
{
	return sink_is_mailbox(s) ? sender_end(sender(s)) : sent(writer_end(writer(s)));
}

int
sink_again(struct sink *s, const struct message *head)
{
	return sink_is_mailbox(s) ? sender_again(sender(s), head) : writer_begin(writer(s), head);
}

int
sink_head(struct sink *s, const struct message *head)
{
	return sender_head(sender(s), head);
}

int
sink_share(struct sink *s, const struct sink *from)
{
	return sender_share(sender(s), &from->sender);
}

int
sink_message(struct sink *s, struct message *m)
{
	char piece[MAILBOX_INLINE];
	ssize_t n;

	if (m->len <= MAILBOX_INLINE) {
		n = message_read(m, piece, sizeof piece);
		if (n == -1)
			return -1;
		if (sink_put(s, m, piece, (size_t)n) == 0 && sink_flush(s) == 0)
			return 0;
		sink_drop(s);           /* it does not go with the next one */
		return -1;
	}
	if (sink_begin(s, m) == -1)
		return -1;
	while ((n = message_read(m, piece, sizeof piece)) > 0 && sink_data(s, piece, (size_t)n) == 0)
		;
	if (n == 0 && sink_end(s) == 0)
		return 0;
	sink_abort(s);
	return -1;
}

/*
 * pipe_room -- how many bytes a pipe takes without waiting for its reader.
 * An empty pipe takes any message, so that none is too large to be sent.  Else count on half of each page: a frame is
 * never split between two pages, neither one that is there nor one of ours.
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
	int events;

	*room = 0;
	if (sink_is_mailbox(s))
		return sender_room(sender(s), m->tag, m->source, room);
	events = s->kind == CHANNEL_FILE ? POLLOUT : io_wait(s->fd, POLLOUT, 0);
	if (events == -1)
		return -1;
	/* a FIFO may have a next reader */
	if (events & POLLERR)
		return fail_with(s->kind == CHANNEL_FIFO ? EAGAIN : EPIPE);
	*room = pipe_room(s->fd);
	return 0;
}

void
sink_abort(struct sink *s)
{
	if (sink_is_mailbox(s))
		sender_abort(&s->sender);
	else
		writer_abort(s->writer);
}

int
sink_finish(struct sink *s)
{
	s->sender.ends = true;
	return sink_close(s);
}

int
sink_close(struct sink *s)
{
	int r;

	if (sink_is_mailbox(s))
		return sender_close(&s->sender);
	if (s->fd == -1)
		return 0;
	r = writer_drain(writer(s), &s->unread);
	io_close(s->fd);
	s->fd = -1;
	return r;
}
