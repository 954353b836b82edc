/* SPDX-License-Identifier: ISC */
/*
 * message: one message on its way through a tool, wherever it came from and wherever it goes.
 *
 * Whoever hands a message out (a claimed run, a reader) owns what it points to, until asked for the next one.
 */
#ifndef FRAME_MESSAGE_H
#define FRAME_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "frame/frame.h"

#define MESSAGE_LEN_UNKNOWN UINT64_MAX

struct reader;

struct message {
	struct slice tag;
	struct slice source;
	struct slice extra;     /* further headers, without id, time, try, uid and to */
	struct slice to;        /* of a drop: which mailbox it is for; len 0: it does not say */
	uint64_t id;            /* sequence number in the mailbox it came from; 0 none */
	uint64_t time_us;       /* when it was sent, microseconds since the epoch; 0 unknown */
	uint32_t attempt;       /* the how manieth delivery this is, from 1; 0 unknown */
	int64_t uid;            /* the sender, as the kernel told it; -1 unknown */
	uint64_t len;           /* payload bytes, or MESSAGE_LEN_UNKNOWN */

	/* The payload is in memory (data), or a file of its own (fd, from its start), or still in a stream. */
	const char *data;
	int fd;                 /* -1 where there is none */
	uint64_t fd_offset;     /* how far message_read has come in fd */
	struct reader *reader;
	ssize_t (*stream_read)(struct reader *, void *, size_t);        /* reader_payload, where reader is not NULL */
	size_t data_read;       /* how far message_read has come in data */
};

/* message_is_head -- whether the payload is somewhere else: of an offer, with its sender. */
static inline bool
message_is_head(const struct message *m)
{
	return m->len == MESSAGE_LEN_UNKNOWN && m->reader == NULL && m->fd == -1;
}

/*
 * message_of_frame -- fill a message's head from a parsed header line: takes id, time, try, uid and to out of the
 * headers into their fields (a value that is not of their form is dropped).
 * scratch: FRAME_HEADER_MAX bytes that m->extra may point into; must live as long as m.
 */
void message_of_frame(struct message *m, const struct frame *f, char *scratch);

/* message_expired -- whether its header expire says that its time is past. */
bool message_expired(const struct message *m);

/*
 * message_head -- write m's header line for a first chunk of len bytes, its id, time, try and uid in front of the
 * further headers (each left out where it is unknown; try=1 is left out).
 * out: FRAME_HEADER_MAX bytes.  Returns the bytes written, or 0 with EMSGSIZE.
 */
size_t message_head(char *out, const struct message *m, uint64_t len, bool more);

/*
 * message_read -- read the next bytes of the payload, wherever it is.
 * Returns the bytes, 0 at its end, or -1: EBADMSG for a payload that was cut short, or errno of read(2).
 */
ssize_t message_read(struct message *m, void *buf, size_t n);

#endif
