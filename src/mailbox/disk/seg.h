/* SPDX-License-Identifier: ISC */
/*
 * seg: a segment, up to SEG_MESSAGES messages of a mailbox in order.
 *
 *     ID.log     their frames, one after another (ID: the id of the first message, 20 digits)
 *     ID.idx     header, names, and for each message: slot, state, due time, expiry, id
 *
 * ctl says how much of the newest segment is in use; of any other, its header does.  A slot is written once; a message
 * changes by its state alone.  A compacted segment is sparse: the index lists the ids.  letterbox(5) has the format.
 */
#ifndef MAILBOX_DISK_SEG_H
#define MAILBOX_DISK_SEG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "mailbox/disk/extent.h"

enum {
	SEG_MESSAGES = 65536,
	SEG_LOG_MAX = 16 << 20,                 /* a log this long takes no more messages, */
	SEG_LOG_BOUND = SEG_LOG_MAX + (1 << 20),        /* so no log is longer than this */
	SEG_PAYLOAD = 64 * 1024,                /* bytes of the largest payload that is kept in a log */
	SEG_NAMES = 4096,                       /* tags and sources in a segment's table */
	SEG_NAMES_BYTES = 65536 - EXTENT_HEADER,
	SEG_INCARNATION = 16,                   /* bytes of a number that is random */
	SEG_RESERVE = 64,                       /* states allocated at once: 512 bytes, the least that a disk gives */
	SEG_BLOCK = 256,                        /* messages that seg_next reads at a time */
	SEG_NAME_BYTES = 48,                    /* "ID.VARIANT.log" and its NUL */
};

struct seg_header {
	char magic[8];
	uint64_t first;                         /* the segment's name: the id of its first message when it was made */
	uint64_t prev, next;                    /* names of its neighbours; 0 none */
	uint32_t done;                          /* messages that are gone */
	uint32_t n;                             /* messages; not kept up in the newest segment */
	uint32_t names, names_len;
	uint64_t log_len;
	uint32_t sparse;                        /* 1: the index lists the ids */
	uint32_t variant;                       /* which rewriting of the log: 0 is ID.log, else ID.VARIANT.log */
	uint64_t salt;                          /* random: tells this segment's data from another's left on the disk */
	uint8_t incarnation[SEG_INCARNATION];   /* ctl's, when the segment was begun */
	uint32_t reserved[9];                   /* zeros */
	uint32_t sum;                           /* of `first`, and of all from n to reserved */
};

/* slot.flags */
enum {
	SLOT_BIG = 1,                           /* the payload is in ID.big */
	SLOT_SYNC = 2,                          /* the sender waits for completion */
	SLOT_EXPIRES = 4,                       /* the index has its expiry */
	SLOT_DUE = 16,                          /* it was sent for later, until the time in its header */
	SLOT_OFFER = 8,                         /* the payload comes through ID.meet, from the process whose number */
	                                        /* is in place of the due time */
};

struct slot {
	uint64_t len;                           /* payload bytes */
	uint64_t time_us;                       /* when it was sent */
	uint32_t off;                           /* where its frame begins in the log */
	uint32_t sum;                           /* seg_bind of the frame's hash_sum */
	uint16_t head_len;                      /* bytes of the header line */
	uint16_t flags;
	uint16_t tag, source;                   /* numbers in the table of names */
};

_Static_assert(sizeof(struct slot) == EXTENT_SLOT, "letterbox(5) says so");

/*
 * seg_bind -- a frame's sum bound to the segment with that salt and to message id, so that a slot or frame of another
 * message that a power cut brings back does not pass for this one's.
 */
static inline uint32_t
seg_bind(uint32_t frame_sum, uint64_t salt, uint64_t id)
{
	return frame_sum ^ (uint32_t)((salt ^ id) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* A message's state: status, tries and owner in one word, so that it changes in one write. */
enum state_status {
	STATE_READY = 0,
	STATE_CLAIMED = 1,                      /* owner: the claimer's process number */
	STATE_RETRY = 2,                        /* failed: ready from its due time on.  owner: how long that is kept back */
	STATE_DELAYED = 3,                      /* sent for later: to be made ready at its due time (delay.h) */
	STATE_DONE = 4,                         /* gone: received */
	STATE_DROPPED = 5,                      /* gone: expired, withdrawn, evicted, damaged */
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

/* In place of the due time of a message that is claimed: with this bit, since when (CLOCK_MONOTONIC, nanoseconds). */
#define SEG_CLAIMED_NS (UINT64_C(1) << 63)

_Static_assert(sizeof(struct seg_header) == EXTENT_HEADER, "letterbox(5) says so");

/* How the files of a segment are opened. */
enum seg_access {
	SEG_ALONE,                              /* only the owner of the mailbox writes in its directory */
	SEG_SHARED,                             /* others do too: a file with another name may be a planted link */
	SEG_LOOK,                               /* read only */
};

/* seg_access -- how to open them in a mailbox of this mode (mode.h). */
enum seg_access seg_access(unsigned mode);

enum { SEG_EARLY = 128 };                       /* few names: mostly one tag, and the sources of a shell */

struct seg {
	enum seg_access access;
	int dir_fd;
	int idx_fd, log_fd;                     /* -1: not open */
	struct seg_header h;
	uint64_t since;                         /* for groupsync.h; 0 once it is opened */
	uint32_t early_len;                     /* so many bytes of its names were read with the header, in early */
	bool current;                           /* h.prev and h.done are as they are now; else as of an earlier section */
	char early[SEG_EARLY];
};

#define SEG_CLOSED { SEG_ALONE, -1, -1, -1, { .first = 0 }, 0, 0, false, "" }

/* seg_slot_sound -- whether any log could hold the slot's frame. */
bool seg_slot_sound(const struct slot *s);

/* slot_frame_len -- bytes of the frame in the log. */
static inline uint32_t
slot_frame_len(const struct slot *s)
{
	return s->head_len + (s->flags & SLOT_BIG ? 0 : (uint32_t)s->len) + 1;
}

/* Functions below that return int return 0, or -1 with errno, unless they say otherwise. */

/*
 * seg_create -- make the empty segment named first, replacing files that a crash left.
 * mode, incarnation (SEG_INCARNATION bytes): the mailbox's.
 */
int seg_create(struct seg *s, int dir_fd, uint64_t first, uint64_t prev, unsigned mode, const uint8_t *incarnation);

/*
 * seg_open -- open the segment named first.  seg_open_index -- open it by ID.SUFFIX, as "idx.new" of a rewriting.
 * Return 0, or -1: EBADMSG the index is none or its header is not sound; or errno of open(2).
 */
int seg_open(struct seg *s, int dir_fd, uint64_t first, enum seg_access access);
int seg_open_index(struct seg *s, int dir_fd, uint64_t first, enum seg_access access, const char *suffix);

/* seg_extend -- grow an index that is too short, so that the entries of n messages read as zeros. */
int seg_extend(const struct seg *s, uint32_t n);

/* seg_log -- the log's descriptor, opened at the first call.  Returns it, or -1. */
int seg_log(struct seg *s);

/* seg_close -- close the files; errno stays. */
void seg_close(struct seg *s);

/* seg_remove -- remove the segment's files and close it; errno stays.  Returns 0, or -1: a file is still there. */
int seg_remove(struct seg *s);

/* seg_read_links -- read prev and done again, which other processes change, unless they are current.  Returns 0, or -1. */
int seg_read_links(struct seg *s);

/* seg_write_header, seg_write_done, seg_write_extent -- write the header; only done; only what is in use (n to sum). */
int seg_write_header(struct seg *s);
int seg_write_done(const struct seg *s);
int seg_write_extent(struct seg *s);

/*
 * seg_read, seg_write, seg_write_one -- n words of a region, from place pos on.
 * seg_read_slots, seg_write_slots -- n slots.
 * A read fails with EBADMSG where the file ends before, or a slot is not sound.  A slot ends behind all words of its
 * message: so where its slot was written, or can be, they can be written under the same limit of a file's size.
 */
int seg_read(const struct seg *s, enum seg_region region, uint32_t pos, uint32_t n, uint64_t *words);

/*
 * seg_read_near -- n states and n slots from place pos on by one call, where they stand near each other, as in short
 * segments.  room: of slots, into which what stands between is read first.
 * Returns whether they were read; the slots may be unsound (seg_slot_sound).
 */
bool seg_read_near(const struct seg *s, uint32_t pos, uint32_t n, uint64_t *states, struct slot *slots, uint32_t room);
int seg_write(const struct seg *s, enum seg_region region, uint32_t pos, uint32_t n, const uint64_t *words);

static inline int
seg_write_one(const struct seg *s, enum seg_region region, uint32_t pos, uint64_t word)
{
	return seg_write(s, region, pos, 1, &word);
}

int seg_read_slots(const struct seg *s, uint32_t pos, uint32_t n, struct slot *slots);
int seg_write_slots(const struct seg *s, uint32_t pos, uint32_t n, const struct slot *slots);

/* Where seg_next is.  The caller sets n, and raw; the rest is zeros. */
struct seg_cursor {
	uint32_t n;                             /* messages of the segment */
	bool raw;                               /* slots that are not sound are no error */
	uint32_t pos;                           /* the message that seg_next gave last, with its state and slot */
	uint64_t state;
	struct slot *slot;
	uint32_t next;
	uint64_t states[SEG_BLOCK];
	struct slot slots[SEG_BLOCK];
};

/* seg_next -- go to the next message, from the first on.  Returns 1, 0 at the end, or -1. */
int seg_next(const struct seg *s, struct seg_cursor *c);

/* seg_reserve -- allocate the states of places [pos, pos + n), so that a full disk stops senders, never receivers. */
int seg_reserve(const struct seg *s, uint32_t pos, uint32_t n);

/* seg_id -- the id of the message at place pos.  Returns 0 on error. */
uint64_t seg_id(const struct seg *s, uint32_t pos);

/* seg_find -- pos: gets the first place, of n, whose id is not below id; n where there is none.  Returns 0, or -1. */
int seg_find(const struct seg *s, uint32_t n, uint64_t id, uint32_t *pos);

/* seg_file -- the name of a segment's file.  variant: see seg_header; suffix: "log", ...; name: SEG_NAME_BYTES. */
void seg_file(char *name, uint64_t id, uint32_t variant, const char *suffix);

/*
 * seg_parse_file -- take the name of a file apart.
 * Returns the first letter of the suffix (idx, log, big, meet), 'n' for idx.new, or 0: no file of a segment.
 */
char seg_parse_file(const char *name, uint64_t *id, uint32_t *variant);

#endif
