/* SPDX-License-Identifier: ISC */
/*
 * seg: a segment, the piece of a mailbox that holds up to SEG_MESSAGES messages in order.
 *
 *     ID.log     their frames, one after another (ID: the first message's, 20 digits)
 *     ID.idx     header, names, and per message: slot, state, due time, id
 *
 * What is in use of the newest segment is told by ctl, of the others by their header.  Slots are written once;
 * a message changes by its state alone.  A segment that has been compacted is sparse: its messages carry their ids.
 * letterbox(5) describes the format.
 */
#ifndef MAILBOX_DISK_SEG_H
#define MAILBOX_DISK_SEG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
	SEG_MESSAGES = 65536,
	SEG_LOG_MAX = 16 << 20,                 /* a log this long gets no more messages, */
	SEG_LOG_BOUND = SEG_LOG_MAX + (1 << 20),        /* so that none is longer than this */
	SEG_PAYLOAD = 64 * 1024,                /* bytes of payload that stand in a log, at most, for a message */
	SEG_NAMES = 4096,                       /* tags and sources in a segment's table */
	SEG_NAMES_BYTES = 65536,
	SEG_NAME_BYTES = 48,                    /* "ID.VARIANT.log" and its NUL */
};

struct seg_header {
	char magic[8];
	uint64_t first;                         /* the segment's name; its first message's id when it was made */
	uint64_t prev, next;                    /* its neighbours' names; 0 none */
	uint32_t done;                          /* messages that are gone */
	uint32_t n;                             /* messages, where the segment is not the newest */
	uint32_t names, names_len;
	uint64_t log_len;
	uint32_t sparse;                        /* 1: ids stand in the index */
	uint32_t variant;                       /* which rewriting of the log: 0 is ID.log, else ID.VARIANT.log */
	uint64_t salt;                          /* random: what another segment has left on the disk is not ours */
	uint32_t sum;                           /* of `first`, and of all from n to salt */
	uint32_t unused;
};

/* slot.flags */
enum {
	SLOT_BIG = 1,                           /* the payload is in ID.big */
	SLOT_SYNC = 2,                          /* its sender waits for its end */
	SLOT_EXPIRES = 4,                       /* its expiry stands in the index */
	SLOT_OFFER = 8,                          /* an offer: the payload comes through ID.meet, from the process whose */
	                                        /* number stands in the place of the due time */
};

struct slot {
	uint64_t len;                           /* payload bytes */
	uint64_t time_us;                       /* when it was sent */
	uint32_t off;                           /* its frame's place in the log */
	uint32_t sum;                           /* seg_bind of its frame's hash_sum */
	uint16_t head_len;                      /* bytes of the header line */
	uint16_t flags;
	uint16_t tag, source;                   /* places in the table of names */
};

_Static_assert(sizeof(struct slot) == 32, "a slot is 32 bytes");

/*
 * seg_bind -- the sum of a frame, bound to the segment with that salt and to message id: so that neither a slot nor a
 * frame of another message, which a power cut brings back, is taken for this one's.
 */
static inline uint32_t
seg_bind(uint32_t frame_sum, uint64_t salt, uint64_t id)
{
	return frame_sum ^ (uint32_t)((salt ^ id) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* A message's state: status, tries and owner in one word, so that it changes at one stroke. */
enum state_status {
	STATE_READY = 0,
	STATE_CLAIMED = 1,                      /* owner: the claimer's process number */
	STATE_DELAYED = 2,                      /* ready from its due time on */
	STATE_DONE = 3,                         /* gone: received */
	STATE_DROPPED = 4,                      /* gone: expired, withdrawn, or displaced */
};

#define STATE_OWNER_BITS 48
#define STATE_TRIES_MAX 255

static inline enum state_status
state_status(uint64_t s)
{
	return (enum state_status)(s >> 56);
}

static inline unsigned
state_tries(uint64_t s)
{
	return s >> STATE_OWNER_BITS & STATE_TRIES_MAX;
}

static inline uint64_t
state_owner(uint64_t s)
{
	return s & ((UINT64_C(1) << STATE_OWNER_BITS) - 1);
}

static inline uint64_t
state_make(enum state_status status, unsigned tries, uint64_t owner)
{
	return (uint64_t)status << 56 | (uint64_t)(tries < STATE_TRIES_MAX ? tries : STATE_TRIES_MAX) << STATE_OWNER_BITS
	    | owner;
}

_Static_assert(sizeof(struct seg_header) == 80, "letterbox(5) says so");

/* How a segment's files are opened. */
enum seg_access {
	SEG_ALONE,                              /* the owner of the mailbox alone writes in its directory */
	SEG_SHARED,                             /* others do too: a file may be a link to one that is no business of theirs */
	SEG_LOOK,                               /* read only */
};

/* seg_slot_sound -- whether there is any log that its frame could stand in: each slot that seg_read_slots gives is. */
bool seg_slot_sound(const struct slot *s);

/* slot_frame_len -- the bytes of its frame in the log. */
static inline uint32_t
slot_frame_len(const struct slot *s)
{
	return s->head_len + (s->flags & SLOT_BIG ? 0 : (uint32_t)s->len) + 1;
}

struct seg {
	enum seg_access access;
	int dir_fd;
	int idx_fd;                             /* -1: not open */
	int log_fd;                             /* -1: not open yet */
	struct seg_header h;
};

#define SEG_CLOSED { SEG_ALONE, -1, -1, -1, { .first = 0 } }

/* seg_access -- how, in a mailbox of this mode (mode.h). */
enum seg_access seg_access(unsigned mode);

/* seg_create -- make the segment named first, empty; what an interrupted maker left of it goes.  mode: the mailbox's.  0, or -1. */
int seg_create(struct seg *s, int dir_fd, uint64_t first, uint64_t prev, unsigned mode);

/*
 * seg_open -- open the segment named first.
 * Returns 0, or -1: EBADMSG where it is none, or its header cannot be; or errno of open(2).
 */
int seg_open(struct seg *s, int dir_fd, uint64_t first, enum seg_access access);

/* seg_open_new -- the same by the index of a rewriting, ID.idx.new. */
int seg_open_new(struct seg *s, int dir_fd, uint64_t first, enum seg_access access);

/* seg_extend -- have the entries of n places there to be read: as zeros, where the file was too short.  0, or -1. */
int seg_extend(const struct seg *s, uint32_t n);

/* seg_log -- the log's descriptor, opened at the first call.  Returns it, or -1. */
int seg_log(struct seg *s);

void seg_close(struct seg *s);

/* seg_remove -- remove a segment's files, and close it.  Returns 0, or -1 where one of them is still there. */
int seg_remove(struct seg *s);

/* seg_read_links -- read again what others change in the header: prev and done.  Returns 0, or -1. */
int seg_read_links(struct seg *s);

/* seg_write_header -- write the whole header.  seg_write_done: only the count of messages gone.  0, or -1. */
int seg_write_header(struct seg *s);
int seg_write_done(const struct seg *s);

/* seg_write_extent -- write how much of the segment is in use, as s->h has it, and nothing else.  0, or -1. */
int seg_write_extent(struct seg *s);

/*
 * seg_*: read or write n consecutive entries from place pos on.
 * Return 0, or -1: EBADMSG where they are missing, or a slot cannot be: one whose frame is longer than any, or stands
 * where no log reaches.
 */
int seg_read_slots(const struct seg *s, uint32_t pos, uint32_t n, struct slot *slots);
/* seg_read_raw -- slots as they stand, sound or not. */
int seg_read_raw(const struct seg *s, uint32_t pos, uint32_t n, struct slot *slots);
int seg_write_slots(const struct seg *s, uint32_t pos, uint32_t n, const struct slot *slots);
int seg_read_states(const struct seg *s, uint32_t pos, uint32_t n, uint64_t *states);
int seg_write_states(const struct seg *s, uint32_t pos, uint32_t n, const uint64_t *states);
int seg_read_due(const struct seg *s, uint32_t pos, uint64_t *due_us);
int seg_write_due(const struct seg *s, uint32_t pos, uint64_t due_us);
int seg_read_expiry(const struct seg *s, uint32_t pos, uint32_t n, uint64_t *expiry_us);
int seg_write_expiry(const struct seg *s, uint32_t pos, uint64_t expiry_us);
int seg_write_ids(const struct seg *s, uint32_t pos, uint32_t n, const uint64_t *ids);

/*
 * seg_reserve -- give the states of places [pos, pos + n) their room on disk, so that a full disk stops senders and
 * never receivers.  Returns 0, or -1.
 */
int seg_reserve(const struct seg *s, uint32_t pos, uint32_t n);

/* seg_id -- the id of the message at place pos.  0 on error. */
uint64_t seg_id(const struct seg *s, uint32_t pos);

/* seg_find -- the first place, of n, whose id is not below id (n where there is none). */
uint32_t seg_find(const struct seg *s, uint32_t n, uint64_t id);

/* seg_file -- the name of a segment's file.  variant: seg_header's; suffix: "idx", "log", "big", "meet".  SEG_NAME_BYTES. */
void seg_file(char *name, uint64_t id, uint32_t variant, const char *suffix);

/*
 * seg_parse_file -- take a file's name apart.
 * Returns the suffix's first letter ('i', 'l', 'b', 'm' for meet, 'n' for idx.new), or 0 where it is no file of a segment.
 */
char seg_parse_file(const char *name, uint64_t *id, uint32_t *variant);

/* The table of names as read: entries of a length byte and the bytes. */
struct names {
	uint32_t n, len;
	uint16_t at[SEG_NAMES];                 /* where each entry stands in text */
	char text[SEG_NAMES_BYTES];
};

/* names_read -- read the table up to n entries of len bytes in all; what t holds already is kept.  0, or -1. */
int names_read(struct names *t, const struct seg *s, uint32_t n, uint32_t len);

/* names_write -- write what t holds from entry number from on.  0, or -1. */
int names_write(const struct names *t, const struct seg *s, uint32_t from);

struct slice names_get(const struct names *t, uint32_t i);

/* names_add -- the number of name in t, appended where it is new.  Returns it, or -1 where the table is full. */
long names_add(struct names *t, struct slice name);

#endif
