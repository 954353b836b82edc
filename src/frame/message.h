/* SPDX-License-Identifier: ISC */
/*
 * message: one message on its way through a tool, whatever its origin and destination.
 *
 * What it points to belongs to its origin (a claimed run, a reader), and is valid until the next one is asked for.
 */
#ifndef FRAME_MESSAGE_H
#define FRAME_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "frame/frame.h"

#define MESSAGE_LEN_UNKNOWN UINT64_MAX

enum { MESSAGE_INCARNATION = 16 };      /* bytes */

/* What names a message for good: the incarnation of the mailbox that it was sent to first, and its number there. */
struct once {
	unsigned char incarnation[MESSAGE_INCARNATION];
	uint64_t id;            /* 0: there is no such name */
};

struct reader;

struct message {
	struct slice tag;
	struct slice source;
	struct slice extra;     /* further headers, without id, time, try, uid, once, via and to */
	struct slice via;       /* the mailboxes that it has come through, from link to link; len 0: none, */
	uint64_t via_last;      /* and the last of them, which is not in via yet; 0 none */
	struct once once;       /* where it is on its way to a mailbox that is to take it once */
	struct slice to;        /* of a drop: the mailbox it is for; len 0: unknown */
	uint64_t id;            /* its number in the mailbox it came from; 0 none */
	uint64_t time_us;       /* when it was sent, microseconds since the epoch; 0 unknown */
	uint32_t attempt;       /* delivery attempt, from 1; 0 unknown */
	int64_t uid;            /* the sending user, by the kernel; -1 unknown */
	uint64_t len;           /* payload bytes, or MESSAGE_LEN_UNKNOWN */

	/* The payload is in memory (data), in a file of its own (fd, from its start), or still in a stream (reader). */
	const char *data;
	int fd;                 /* -1 where there is none */
	uint64_t fd_offset;     /* bytes of fd that have been read */
	struct reader *reader;
	ssize_t (*stream_read)(struct reader *, void *, size_t);        /* reader_payload, where reader is not NULL */
	size_t data_read;       /* bytes of data that have been read */
};

/* message_is_head -- whether it has no payload here: the sender of an offer still has it. */
static inline bool
message_is_head(const struct message *m)
{
	return m->len == MESSAGE_LEN_UNKNOWN && m->reader == NULL && m->fd == -1;
}

/* message_anew -- take off what only the receiving side sets, as it is sent anew. */
static inline void
message_anew(struct message *m)
{
	m->id = m->via_last = m->once.id = 0;
	m->attempt = 0;
	m->uid = -1;
	m->via.len = 0;
}

/*
 * message_of_frame -- fill a message's head from a parsed header line: the headers id, time, try, uid, once, via and to
 * go into their fields (a value that is not well formed is dropped), the others into m->extra.
 * scratch: FRAME_HEADER_MAX bytes that m->extra may point into; must live as long as m.
 */
void message_of_frame(struct message *m, const struct frame *f, char *scratch);

enum { MESSAGE_VIA_DIGITS = 16 };       /* hexadecimal digits that tell a mailbox in via */

/* message_via -- write the value of its header via.  out: has room (message_head).  Returns the bytes. */
size_t message_via(char *out, const struct message *m);

/* message_expired -- whether the time in its header expire has passed. */
bool message_expired(const struct message *m);

/*
 * message_head -- write m's header line for a first chunk of len bytes, with id, time, try, uid, once and via in front
 * of the further headers.  Unknown ones are left out, and so is try=1.
 * out: FRAME_HEADER_MAX bytes.  Returns the bytes written, or 0 with EMSGSIZE.
 */
size_t message_head(char *out, const struct message *m, uint64_t len, bool more);

/*
 * message_read -- read the next bytes of the payload, at most n.
 * Returns the bytes, 0 at its end, or -1: EBADMSG for a payload that was cut short, or errno of read(2).
 */
ssize_t message_read(struct message *m, void *buf, size_t n);

/*
 * message_keep_via -- have the header via among the further ones, where a mailbox keeps it.
 * out: FRAME_HEADER_MAX bytes, which m->extra points into then; all of a header line has room there.
 */
void message_keep_via(struct message *m, char *out);

#endif
