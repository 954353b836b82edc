/* SPDX-License-Identifier: ISC */
/*
 * sink: where messages go: a mailbox, a FIFO, a pipe, a file.
 *
 * Small messages are gathered until sink_flush, or until memory for them is full.  A larger message goes in pieces:
 * sink_begin, sink_data, sink_end.  What can be sent, and which errors there are, is told in mailbox.h and writer.h;
 * EPIPE: the reader of a stream has gone.
 */
#ifndef CHANNEL_SINK_H
#define CHANNEL_SINK_H

#include <poll.h>

#include "frame/message.h"
#include "mailbox/mailbox.h"
#include "stream/open.h"
#include "stream/writer.h"

/* Zeros, but for what the caller sets before sink_open: turn, what it asks of a mailbox (sender.sync and the like). */
struct sink {
	const char *name;               /* as the user typed it */
	enum channel_kind kind;
	uint64_t timeout_ns;            /* how long a message may wait for room: MAILBOX_FOREVER, _NOT_AT_ALL, _ASK */
	bool turn;                      /* nobody else writes to a FIFO before we rest, or our messages have been read */
	uint64_t unread;                /* bytes left in a FIFO when sink_close failed */
	struct sender sender;           /* of a mailbox */
	struct writer *writer;          /* of a stream, */
	int fd;                         /* and its descriptor */
};

/*
 * sink_open -- open the channel at path for sending.  truncate: a plain file is begun anew.
 * Returns 0, or -1: EAGAIN or ETIMEDOUT where no process reads a FIFO, or as sender_open.
 */
int sink_open(struct sink *s, const char *name, const char *path, bool truncate, uint64_t timeout_ns);

static inline bool
sink_is_mailbox(const struct sink *s)
{
	return s->kind == CHANNEL_MAILBOX;
}

/* sink_hands_over, sink_sends_only, sink_keeps -- whether it is a mailbox, and one of that kind (enum sender_kind). */
static inline bool
sink_hands_over(const struct sink *s)
{
	return sink_is_mailbox(s) && s->sender.kind == SENDER_HANDS_OVER;
}

static inline bool
sink_sends_only(const struct sink *s)
{
	return sink_is_mailbox(s) && s->sender.kind == SENDER_SENDS_ONLY;
}

static inline bool
sink_keeps(const struct sink *s)
{
	return sink_is_mailbox(s) && s->sender.kind == SENDER_KEEPS;
}

/* sink_begins_again -- whether a message that fails with EPIPE failed with its receiver: another may take it. */
static inline bool
sink_begins_again(const struct sink *s)
{
	return sink_hands_over(s) || s->kind == CHANNEL_FIFO;
}

/* sink_put -- send a message whose payload is in memory, as sender_put.  sink_flush -- send all that is gathered. */
int sink_put(struct sink *s, const struct message *head, const char *data, size_t len);
int sink_flush(struct sink *s);

/* sink_rest -- after sink_flush: the caller is to wait for input, others may write meanwhile, though it is our turn. */
void sink_rest(struct sink *s);

/* sink_drop -- forget the first message that is gathered for a mailbox; a stream has dropped it when it failed. */
void sink_drop(struct sink *s);

/*
 * sink_message -- send a whole message, wherever its payload is, and all that is gathered.
 * Returns as sink_put; after a failure nothing of the message is gathered or begun.
 */
int sink_message(struct sink *s, struct message *m);

/*
 * sink_give -- with the timeout MAILBOX_ASK, in place of sink_data: as much of the bytes as the channel takes now.
 * Then sink_begin, sink_end and sink_flush too return -1 with EAGAIN where they would wait: the same call again goes on.
 * sink_give returns how many, or -1 as sink_data, with EAGAIN where that is none, or what went before is not taken yet.
 * sink_asked -- what poll(2) is to look for while a call is to be made again, in p[0] and p[1]; fds may be -1.
 * Returns whether that tells all: else look again soon.
 */
ssize_t sink_give(struct sink *s, const char *data, size_t len);
bool sink_asked(const struct sink *s, struct pollfd p[2]);

/* sink_begin, sink_data, sink_end -- send one message of any length, in pieces. */
int sink_begin(struct sink *s, const struct message *head);
int sink_data(struct sink *s, const char *data, size_t len);
int sink_end(struct sink *s);

/* sink_again -- begin a message again whose receiver has failed (sink_begins_again), from its start. */
int sink_again(struct sink *s, const struct message *head);

/*
 * sink_feed -- all that the descriptor in still has, as pieces of the message begun, whose length must be unknown.
 * Returns 1 at its end; 0 where it does not go this way: use read(2) and sink_data; or -1 as sink_put.
 */
int sink_feed(struct sink *s, int in);

/* sink_head, sink_share -- sender_head and sender_share of two mailboxes that keep messages. */
int sink_head(struct sink *s, const struct message *head);
int sink_share(struct sink *s, const struct sink *from);

/*
 * sink_room -- how many bytes the channel has room for, UINT64_MAX any; where it hands over, only if a receiver
 * waits for m.  Returns 0, or -1: EAGAIN and ETIMEDOUT none, EPIPE, or errno.
 */
int sink_room(struct sink *s, const struct message *m, uint64_t *room);

/* sink_abort -- give up the message begun: it does not exist; on a stream it is marked as cut short.  errno stays. */
void sink_abort(struct sink *s);

/*
 * sink_close -- wait until a FIFO has been read, or close a mailbox (sender_close), and let go.
 * Returns 0, or -1: of a FIFO with s->unread set.
 */
int sink_close(struct sink *s);

/* sink_finish -- sink_close at the end of the process, with which files and memory go. */
int sink_finish(struct sink *s);

#endif
