/* SPDX-License-Identifier: ISC */
/*
 * sink: where messages go: a mailbox, a FIFO, a pipe, a file.
 *
 * Small messages are gathered until sink_flush, or until there is no more room for them in memory.  A message too
 * large for that goes in pieces: sink_begin, sink_data, sink_end.
 */
#ifndef CHANNEL_SINK_H
#define CHANNEL_SINK_H

#include "base/hash.h"
#include "frame/message.h"
#include "mailbox/box/mbox.h"
#include "mailbox/drop/put.h"
#include "mailbox/send/append.h"
#include "mailbox/send/handover.h"
#include "stream/open.h"
#include "stream/writer.h"

#define SINK_FOREVER UINT64_MAX
#define SINK_NOT_AT_ALL 0

struct sink {
	const char *name;               /* as the user typed it */
	enum channel_kind kind;
	uint64_t patience_ns;           /* how long a message may wait for room: SINK_FOREVER, SINK_NOT_AT_ALL */
	uint64_t first_id, last_id;     /* of what the last flush or end sent to a mailbox; 0 none */
	uint64_t unread;                /* bytes left in a FIFO when sink_close failed */
	struct mbox m;
	bool handover;                  /* a mailbox of capacity 0: messages are handed over, one by one */
	struct meet meet;
	struct batch *batch;            /* set before sink_open: the caller's memory; NULL: to be allocated */
	struct writer *writer;
	struct leave leave;             /* CHANNEL_DROP */
	int fd;                         /* of the channel, or of the spool of a large message */
	uint64_t spooled;
	struct hash sum;                /* of what was spooled */
	struct post post;               /* last, for it is large */
};

/*
 * sink_open -- open the channel at path for sending.  truncate: a plain file is begun anew.
 * Of a mailbox to which we may only send s->kind becomes CHANNEL_DROP: nobody can tell whether it has room, and no id.
 * Returns 0, or -1: EAGAIN or ETIMEDOUT where nobody reads a FIFO, or errno.
 */
int sink_open(struct sink *s, const char *name, const char *path, bool truncate, uint64_t patience_ns);

/*
 * sink_put -- send a message whose payload of at most BATCH_INLINE bytes is in memory; where it is handed over, of any
 * length.  It may be gathered.  head's names and headers are copied.
 * Returns 0, or -1: EAGAIN no room, ETIMEDOUT, EIDRM, EMSGSIZE, EPIPE, EINTR, or errno of write(2).
 */
int sink_put(struct sink *s, const struct message *head, const char *data, size_t len);

/*
 * sink_put_records -- send the records that end in mark and begin at *data, each without its mark; moves *data to where
 * it stopped: at what has no mark before limit, or at a record longer than BATCH_INLINE.
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
 * Returns 1 at its end; 0 where it does not go this way: read on and use sink_data; or -1 as sink_put.
 */
int sink_feed(struct sink *s, int in);

/*
 * sink_head, sink_share -- send a message of any length whose payload goes through another sink as well, both of them
 * mailboxes that keep messages: sink_head instead of sink_begin, sink_share instead of sink_data once from has all of
 * it and has not ended.  The payload is one file then, where that can be linked to, else it is copied.
 */
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

/* sink_dir -- the descriptor of the mailbox's directory; -1 where it is no mailbox. */
int sink_dir(const struct sink *s);

/* sink_close -- wait until a FIFO was read, and let go.  Returns 0, or -1 with s->unread set. */
int sink_close(struct sink *s);

#endif
