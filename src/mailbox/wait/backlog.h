/* SPDX-License-Identifier: ISC */
/*
 * backlog: a cursor over the messages of a mailbox, in the order of their ids, read a block at a time.
 *
 * With the lock held.  The cursor changes nothing but m->seg: the message stands at c->pos in that segment.  A block is
 * seen as it was when it was read, so only the message at hand, and those before it, may be changed meanwhile; where
 * with
 * its last message a segment goes, the cursor goes on in the next.  Nothing else may move m->seg while the cursor is
 * used.
 */
#ifndef MAILBOX_WAIT_BACKLOG_H
#define MAILBOX_WAIT_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "mailbox/box/mbox.h"
#include "mailbox/disk/names.h"

enum { BACKLOG_BLOCK = 256 };           /* messages read at a time */

/*
 * A cursor needs much stack.  Each page of a frame that the compiler probes costs a one-shot a page fault: out of line.
 */
/* States to stop at, as bits. */
enum {
	BACKLOG_READY = 1 << STATE_READY,
	BACKLOG_CLAIMED = 1 << STATE_CLAIMED,
	BACKLOG_RETRY = 1 << STATE_RETRY,
	BACKLOG_DELAYED = 1 << STATE_DELAYED,
	BACKLOG_LIVE = BACKLOG_READY | BACKLOG_CLAIMED | BACKLOG_RETRY | BACKLOG_DELAYED,
	BACKLOG_ANY = BACKLOG_LIVE | 1 << STATE_DONE | 1 << STATE_DROPPED,
};

struct backlog {
	uint64_t first;                 /* the segment in which the message stands, */
	uint32_t pos;                   /* its place there, */
	uint64_t state;                 /* its state, */
	struct slot slot;               /* after backlog_slot: its slot */
	uint64_t looked;                /* messages read so far, whatever their states */
	/* the rest is the cursor's own */
	struct mbox *m;
	uint64_t from, below, next, names_of;
	unsigned wanted;
	int keep_fd;                    /* of backlog_first: the index of a segment that is to stay open; -1 */
	uint32_t block, n, i, end;      /* where the block begins, its messages, the next; where the segment ends */
	bool slots, expiries, dues;     /* of the block: whether they have been read */
	uint64_t states[BACKLOG_BLOCK], expiry[BACKLOG_BLOCK], due[BACKLOG_BLOCK];
	struct slot slot_of[BACKLOG_BLOCK];
};

/* backlog_begin -- a cursor before the messages with ids in [from, below) whose states are in wanted. */
void backlog_begin(struct backlog *c, struct mbox *m, uint64_t from, uint64_t below, unsigned wanted);

/* backlog_next -- go to the next message.  Returns 1, 0 where there is none, or -1. */
int backlog_next(struct backlog *c);

/* backlog_ends -- whether the next message, if any, is in another block, and perhaps in another segment. */
bool backlog_ends(struct backlog *c);

/* backlog_id -- the message's id.  In a sparse segment it is read from the index. */
uint64_t backlog_id(const struct backlog *c);

/* backlog_slot -- have the message's slot in c->slot.  Returns 0, or -1. */
int backlog_slot(struct backlog *c);

/* backlog_expiry -- after backlog_slot: when the message expires; UINT64_MAX: never.  Returns 0, or -1. */
int backlog_expiry(struct backlog *c, uint64_t *expiry_us);

/* backlog_due -- what the message's due time is, or what stands in place of it (seg.h).  Returns 0, or -1. */
int backlog_due(struct backlog *c, uint64_t *due);

/* backlog_names -- have the names of the message's segment in t, which is for this cursor alone.  Returns 0, or -1. */
int backlog_names(struct backlog *c, struct names *t);

/*
 * backlog_first -- the first ready message in [from, below) that the filter matches.
 * c: gets its slot; names: what slot.tag and slot.source are numbers in.  m->seg stays as it is.
 * Returns its id, 0 where there is none; one that cannot be read is none.
 */
uint64_t backlog_first(struct backlog *c, struct names *names, struct mbox *m, uint64_t from, uint64_t below,
    const struct filter *filter);

#endif
