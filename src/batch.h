/* SPDX-License-Identifier: ISC */
/*
 * batch: messages made ready in memory, to be appended to a mailbox at one stroke.
 *
 * Frames stand one after another as they will in the log, each with its slot, whose sum is still the frame's alone.
 * Names (tags and sources) are numbered within the batch; the append gives them their numbers in the segment's table.
 */
#ifndef BATCH_H
#define BATCH_H

#include "message.h"
#include "seg.h"

enum {
	BATCH_MESSAGES = 4096,
	BATCH_NAMES = 256,
	BATCH_LINE = 256,                       /* a header line no longer than this is kept for the next message */
	BATCH_INLINE = SEG_PAYLOAD,             /* a larger payload goes to a file of its own */
	BATCH_LOG = 256 * 1024,
};

_Static_assert(SEG_LOG_MAX + BATCH_LOG <= SEG_LOG_BOUND, "a log takes one batch more");

/* What a single message touches stands close together: each page is a fault in a one-shot. */
struct batch {
	uint32_t from, n;                       /* slots[from..n) are to be appended */
	uint32_t used;                          /* bytes of log */
	uint32_t names, name_len;
	uint16_t tag, source;                   /* of the head that was set last */
	uint32_t tail_len;                      /* bytes of tail: what follows LENGTH in that head */
	uint64_t time_us;                       /* when it was sent; 0: now */
	uint64_t expiry_us;                     /* when it expires, microseconds since the epoch; 0: never */
	bool headed;
	size_t line_of;                         /* what LENGTH says in line */
	uint32_t line_len;                      /* bytes of the header line put last; 0: of another head, or too long */
	char line[BATCH_LINE];
	char tail[FRAME_HEADER_MAX];            /* " TAG SOURCE EXTRA\n" */
	struct slice name[BATCH_NAMES];         /* they stand in name_text */
	char name_text[BATCH_NAMES * FRAME_NAME_MAX];
	struct slot slots[BATCH_MESSAGES];
	uint64_t expiries[BATCH_MESSAGES];      /* of those whose slot says so */
	char log[BATCH_LOG];
};

/* batch_clear -- make it empty. */
void batch_clear(struct batch *b);

/*
 * batch_head -- the tag, source and headers of the messages put from now on.
 * Returns 1, 0 where the batch must be appended first (names), or -1 with EMSGSIZE: the header line is too long.
 */
int batch_head(struct batch *b, const struct message *head);

/* batch_head_fits -- whether a message's header line leaves the room that a mailbox needs in it. */
bool batch_head_fits(const struct message *head);

/*
 * batch_put -- add a message of at most BATCH_INLINE bytes, under the head that was set.
 * Returns 1, or 0 where the batch must be appended first.
 */
int batch_put(struct batch *b, const char *data, size_t len);

/*
 * batch_put_records -- add the records that end in mark and begin at data, up to limit, each without its mark, under
 * the head that was set; as many as there are and as fit.
 * Returns where it stopped, *why telling: BATCH_NO_MARK no whole record stands there; BATCH_FULL append the batch
 * first; BATCH_LONG the record there is longer than BATCH_INLINE.
 */
enum batch_stop { BATCH_NO_MARK, BATCH_FULL, BATCH_LONG };
const char *batch_put_records(struct batch *b, const char *data, const char *limit, char mark, enum batch_stop *why);

/*
 * batch_put_big -- add the message whose payload of len bytes stands in a spool; the batch must be empty.
 * sum: hash_end of the payload.
 * Its frame says big=ID.big:SUM, with the id as zeros, which the append fills in (batch_big_id).
 */
void batch_put_big(struct batch *b, uint64_t len, uint64_t sum);
void batch_big_id(struct batch *b, uint64_t id);

/*
 * batch_big_take -- take the first header, big=ID.big:SUM, out of the headers at rest of such a message.
 * sum: where not NULL, gets SUM.  Returns 0, or -1 with EBADMSG.
 */
int batch_big_take(struct slice *extra, uint64_t *sum);

/* batch_cost -- what a payload of len bytes counts against a mailbox's bound in bytes. */
static inline uint64_t
batch_cost(uint64_t len)
{
	return len > 0 ? len : 1;
}

#endif
