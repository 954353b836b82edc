/* SPDX-License-Identifier: ISC */
/*
 * batch: messages gathered in memory, to be appended to a mailbox together.
 *
 * Frames follow one another as they will in the log.  Each has its slot, except that its sum is the frame's alone and
 * its tag and source are numbers within the batch; the append makes them the segment's.
 */
#ifndef MAILBOX_DISK_BATCH_H
#define MAILBOX_DISK_BATCH_H

#include "frame/message.h"
#include "mailbox/disk/seg.h"
#include "mailbox/mailbox.h"

enum {
	BATCH_MESSAGES = 4096,
	BATCH_NAMES = 256,
	BATCH_LINE = 256,                       /* a header line up to this long is kept for the next message */
	BATCH_LOG = 256 * 1024,
	BATCH_FEW = 4,                          /* messages, */
	BATCH_FEW_LOG = 512,                    /* bytes of their frames, */
	BATCH_FEW_TEXT = 128,                   /* of names, */
	BATCH_FEW_HEAD = 256,                   /* and of a head, that need no page of their own */
};

_Static_assert(SEG_LOG_MAX + BATCH_LOG <= SEG_LOG_BOUND, "a log takes one more batch");

/* Room for what a batch of few short messages does not need: each page is a fault in a one-shot. */
struct batch_many {
	char head[FRAME_HEADER_MAX];
	char text[BATCH_NAMES * FRAME_NAME_MAX];
	struct slot slots[BATCH_MESSAGES];
	uint64_t expiries[BATCH_MESSAGES];      /* where the slot has SLOT_EXPIRES */
	uint64_t dues[BATCH_MESSAGES];          /* where it has SLOT_DUE */
	uint64_t once[BATCH_MESSAGES];          /* ids in the incarnation of messages that are to be taken once */
	char log[BATCH_LOG];
};

struct batch {
	uint32_t from, n;                       /* slots[from..n) are to be appended */
	uint32_t used;                          /* bytes of log */
	uint32_t names, name_len;
	uint16_t tag, source;                   /* of the head set last */
	uint32_t tail_len;                      /* bytes that follow LENGTH in that head */
	uint64_t time_us;                       /* when it was sent; 0: now */
	uint64_t expiry_us;                     /* when it expires, microseconds since the epoch; 0: never */
	uint64_t due_us;                        /* when it is to be delivered; 0: at once */
	bool headed;
	bool has_due;                           /* a slot of it has SLOT_DUE */
	size_t line_of;                         /* LENGTH in line */
	uint32_t line_len;                      /* bytes of the last header line; 0: of another head, or too long */
	char line[BATCH_LINE];
	struct batch_many *many;
	struct slot *slots;                     /* few_slots, or many->slots */
	char *log;                              /* few_log, or many->log */
	char *head;                             /* "M1 0 TAG SOURCE EXTRA\n", in few_head or many->head */
	struct slot few_slots[BATCH_FEW];
	char few_log[BATCH_FEW_LOG];
	char few_text[BATCH_FEW_TEXT];
	char few_head[BATCH_FEW_HEAD];
	unsigned char incarnation[MESSAGE_INCARNATION]; /* of the messages that are to be taken once */
	unsigned char marks[BATCH_NAMES];       /* a byte of a hash of each name, by which it is looked for */
	struct slice name[BATCH_NAMES];         /* point into few_text and many->text */
};

/* batch_init -- an empty batch, with room for many messages in *many.  batch_clear -- make it empty again. */
void batch_init(struct batch *b, struct batch_many *many);
void batch_clear(struct batch *b);

/*
 * batch_head -- set tag, source and headers of the messages put from now on.
 * Returns 1, 0 the batch is to be appended first (names), or -1 with EMSGSIZE: the header line is too long.
 */
int batch_head(struct batch *b, const struct message *head);

/* batch_put -- add a message of at most MAILBOX_INLINE bytes.  Returns 1, or 0: the batch is to be appended first. */
int batch_put(struct batch *b, const char *data, size_t len);

/*
 * batch_put_records -- add the records from data up to limit, each ending in mark, without the mark, as many as fit.
 * Returns where it stopped.  *why: BATCH_NO_MARK no whole record is left; BATCH_FULL the batch is to be appended first;
 * BATCH_LONG the next record is longer than MAILBOX_INLINE.
 */
enum batch_stop { BATCH_NO_MARK, BATCH_FULL, BATCH_LONG };
const char *batch_put_records(struct batch *b, const char *data, const char *limit, char mark, enum batch_stop *why);

/*
 * batch_put_big -- add, to an empty batch, a message whose payload of len bytes is in a spool.  sum: hash_end of it.
 * batch_big_id -- give it its id.  Until then its header big=ID.big:SUM has zeros for ID.
 */
void batch_put_big(struct batch *b, uint64_t len, uint64_t sum);
void batch_big_id(struct batch *b, uint64_t id);

/*
 * batch_big_take -- remove big=ID.big:SUM, the first header in the frame of such a message, from extra.
 * sum: gets SUM; may be NULL.  Returns 0, or -1 with EBADMSG.
 */
int batch_big_take(struct slice *extra, uint64_t *sum);

/*
 * batch_due -- until when the message with this slot was to be kept back, by its header; 0: its frame is damaged.
 * s: its segment, with the log open.  Returns 0, or -1.
 */
int batch_due(const struct seg *s, const struct slot *slot, uint64_t *due_us);

/*
 * batch_dead_letter -- whether the message with this slot is a dead letter, by its headers.  s: as of batch_due.
 * Returns 1, 0, or -1.
 */
int batch_dead_letter(const struct seg *s, const struct slot *slot);

/* batch_frames_len -- bytes of the frames of the next n messages. */
static inline uint32_t
batch_frames_len(const struct batch *b, uint32_t n)
{
	return (b->from + n < b->n ? b->slots[b->from + n].off : b->used) - b->slots[b->from].off;
}

/* batch_cost -- what a payload of len bytes counts against a mailbox's bound in bytes. */
static inline uint64_t
batch_cost(uint64_t len)
{
	return len > 0 ? len : 1;
}

#endif
