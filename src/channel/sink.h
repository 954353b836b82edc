/* SPDX-License-Identifier: ISC */
/*
 * sink: where messages go: a mailbox, a FIFO, a pipe, a file.
 *
 * Small messages are gathered until sink_flush, or until there is no more room for them in memory.  A message too
 * large for that goes in pieces: sink_begin, sink_data, sink_end.
 */
#ifndef CHANNEL_SINK_H
#define CHANNEL_SINK_H

#include "frame/message.h"
#include "mailbox/mailbox.h"
#include "stream/open.h"
#include "stream/writer.h"

/* Zeros, but for what the caller sets before sink_open: what it asks of a mailbox (sender.sync and the like). */
struct sink {
	const char *name;               /* as the user typed it */
	enum channel_kind kind;
	uint64_t timeout_ns;           /* how long a message may wait for room: MAILBOX_FOREVER, MAILBOX_NOT_AT_ALL */
	uint64_t unread;                /* bytes left in a FIFO when sink_close failed */
	struct sender sender;           /* of a mailbox */
	struct writer *writer;          /* of a stream, */
	int fd;                         /* and its descriptor */
};

/*
 * sink_open -- open the channel at path for sending.  truncate: a plain file is begun anew.
 * Returns 0, or -1: EAGAIN or ETIMEDOUT where nobody reads a FIFO, or as sender_open.
 */
int sink_open(struct sink *s, const char *name, const char *path, bool truncate, uint64_t timeout_ns);

/* sink_is_mailbox, sink_hands_over -- whether it is one, and one of capacity 0. */
static inline bool
sink_is_mailbox(const struct sink *s)
{
	return s->kind == CHANNEL_MAILBOX;
}

static inline bool
sink_hands_over(const struct sink *s)
{
	return sink_is_mailbox(s) && s->sender.kind == SENDER_HANDS_OVER;
}

/* sink_leaves -- whether it is a mailbox to which we may only send. */
static inline bool
sink_leaves(const struct sink *s)
{
	return sink_is_mailbox(s) && s->sender.kind == SENDER_LEAVES;
}

/* sink_keeps -- whether it is a mailbox that we may see into, and that keeps messages until they are received. */
static inline bool
sink_keeps(const struct sink *s)
{
	return sink_is_mailbox(s) && s->sender.kind == SENDER_KEEPS;
}

/*
 * sink_put -- send a message whose payload of at most MAILBOX_INLINE bytes is in memory; where it is handed over, of any
 * length.  It may be gathered.  head's names and headers are copied.
 * Returns 0, or -1: EPIPE where the reader of a stream has gone, or as sender_put.
 */
int sink_put(struct sink *s, const struct message *head, const char *data, size_t len);

/*
 * sink_put_records -- send the records that end in mark and begin at *data, each without its mark; moves *data to where
 * it stopped: at what has no mark before limit, or at a record longer than MAILBOX_INLINE.
 * Returns 1 where that is such a record, else as sink_put.
 */
int sink_put_records(struct sink *s, const struct message *head, const char **data, const char *limit, char mark);

/* sink_flush -- send on what was gathered.  Returns as sink_put; what was not sent stays gathered. */
int sink_flush(struct sink *s);

/* sink_waiting -- how many messages are gathered and not yet sent to a mailbox. */
uint32_t sink_waiting(const struct sink *s);

/* sink_drop -- forget the first message that is gathered for a mailbox. */
void sink_drop(struct sink *s);

/* sink_begin, sink_data, sink_end -- send one message of any length.  Return as sink_put. */
int sink_begin(struct sink *s, const struct message *head);
int sink_data(struct sink *s, const char *data, size_t len);
int sink_end(struct sink *s);

/*
 * sink_feed -- all that the descriptor in still has, as pieces of the message begun, whose length must be unknown.
 * Returns 1 at its end; 0 where it does not go this way: use read(2) and sink_data; or -1 as sink_put.
 */
int sink_feed(struct sink *s, int in);

/* sink_head, sink_share -- sender_head and sender_share of two mailboxes that keep messages. */
int sink_head(struct sink *s, const struct message *head);
int sink_share(struct sink *s, const struct sink *from);

/*
 * sink_again -- sink_data or sink_end has failed with EPIPE: in a mailbox of capacity 0 the message is offered again, and
 * its payload is to be given from its first byte.  Returns as sink_begin; EPIPE where that is not possible.
 */
int sink_again(struct sink *s, const struct message *head);

/* sink_done -- whether the message begun has been received, whatever there is more of its payload. */
bool sink_done(const struct sink *s);

/*
 * sink_room -- how many bytes the channel has room for at this moment, UINT64_MAX any; where a message is handed over,
 * that is if a receiver waits for m.  Returns 0, or -1: EAGAIN and ETIMEDOUT none, EPIPE, or errno.
 */
int sink_room(struct sink *s, const struct message *m, uint64_t *room);

/* sink_abort -- give up the message begun: it does not exist (on a stream: it is told to be cut short). */
void sink_abort(struct sink *s);

/* sink_close -- wait until a FIFO was read, and let go.  Returns 0, or -1 with s->unread set. */
int sink_close(struct sink *s);

#endif
