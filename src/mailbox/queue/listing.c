/* SPDX-License-Identifier: ISC */
/* listing: see listing.h.  It only reads, so a crash in it leaves nothing. */
#include "mailbox/queue/listing.h"

#include <errno.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/names.h"
#include "mailbox/wait/backlog.h"

#define LOCK_NS UINT64_C(1000000000)    /* how long the mailbox may be locked by others */

enum {
	LINES = BACKLOG_BLOCK,                  /* in one piece, */
	LOOKED = 4096,                          /* for which about so many messages are looked at */
	AGAIN = 16,                             /* without the lock: looks at a message that changes each time, */
	LOOKED_BACK = 64,                       /* messages at a time, for a note that stands before one */
	LOOKS = 100,                            /* and at what makes no sense, */
	LOOK_NAP_MS = 20,                       /* with at most such a pause */
};

/* A message in a line: where it stands, and the state that the line is of. */
struct listed {
	uint32_t pos;
	uint64_t state;
	struct slot slot;
};

struct listing {
	struct mbox *m;
	const struct snapshot_list *list;
	uint64_t from, below;                   /* the messages still to be given out */
	uint64_t owner;                         /* looked up last; 0 none */
	pid_t holder;                           /* it */
	uint64_t noted_of, noted_seg, noted_ns; /* who claimed a message, in which segment, at place noted_at, and when */
	uint32_t noted_at;
	uint32_t n;
	struct snapshot_message line[LINES];
	struct listed at[LINES];
	struct names names;
	struct backlog c;
};

/* holder_of -- the process with this number, as mbox_holder. */
static pid_t
holder_of(struct listing *l, uint64_t owner)
{
	if (owner != l->owner)
		l->holder = mbox_holder(l->m, owner);
	l->owner = owner;
	return l->holder;
}

/* note_before -- the note beside the nearest message before place pos that has one, all from there on being owner's; 0. */
static uint64_t
note_before(const struct seg *s, uint32_t pos, uint64_t owner)
{
	uint64_t states[LOOKED_BACK], notes[LOOKED_BACK];

	for (uint32_t n, i = pos; pos - i < RUN_MESSAGES; ) {
		n = i < LOOKED_BACK ? i : LOOKED_BACK;
		if (n == 0 || seg_read(s, SEG_STATES, i - n, n, states) == -1 || seg_read(s, SEG_DUE, i - n, n, notes) == -1)
			return 0;
		for (i -= n; n-- > 0; ) {
			if (state_status(states[n]) != STATE_CLAIMED || state_owner(states[n]) != owner)
				return 0;
			if (notes[n] & SEG_CLAIMED_NS)
				return notes[n];
		}
	}
	return 0;
}

/* claimed_since -- since when the message at this place is claimed: its own note says so, or one before it (settle.h). */
static uint64_t
claimed_since(struct listing *l, uint32_t pos, uint64_t owner, uint64_t due, uint64_t now_ns)
{
	const uint64_t seg = l->m->seg.h.first;

	if (!(due & SEG_CLAIMED_NS))
		due = l->noted_of == owner && l->noted_seg == seg && l->noted_at + 1 == pos ? l->noted_ns
		    : note_before(&l->m->seg, pos, owner);
	l->noted_of = owner;
	l->noted_seg = seg;
	l->noted_at = pos;
	l->noted_ns = due;
	due &= ~SEG_CLAIMED_NS;
	return due <= now_ns ? due : 0;
}

/* judge -- have in line what a message's words say: its state, due time, or what stands in place of it, and expiry. */
static void
judge(struct listing *l, struct snapshot_message *line, const struct listed *at, uint64_t due, uint64_t expiry)
{
	const uint64_t owner = state_owner(at->state);
	const bool offer = at->slot.flags & SLOT_OFFER;
	enum state_status status = state_status(at->state);

	line->tries = state_tries(at->state);
	line->state = SNAPSHOT_WAITS;
	line->due_us = line->since_ns = 0;
	line->holder = SNAPSHOT_NOBODY;
	line->now_us = clock_wall_us();
	line->now_ns = clock_mono_ns();
	if (status == STATE_CLAIMED && !(offer && owner == due)) {
		line->state = SNAPSHOT_CLAIMED;
		line->holder = holder_of(l, owner);
		if (!offer)
			line->since_ns = claimed_since(l, at->pos, owner, due, line->now_ns);
	} else if (expiry <= line->now_us && (status != STATE_DELAYED || due <= line->now_us)) {
		line->state = SNAPSHOT_EXPIRED;
	} else if (offer) {
		line->state = SNAPSHOT_OFFERED;
		line->holder = holder_of(l, due);
	} else if (status != STATE_READY && due > line->now_us) {
		/* as in search.c: a clock that was set back keeps no message back that failed */
		if (status == STATE_RETRY && due - line->now_us > owner)
			return;
		line->state = status == STATE_RETRY ? SNAPSHOT_FAILED : SNAPSHOT_DELAYED;
		line->due_us = due;
	}
}

/* add -- add a line for the message at the cursor, if it is wanted.  Returns 0, or -1. */
static int
add(struct listing *l)
{
	struct backlog *c = &l->c;
	struct snapshot_message *line = &l->line[l->n];
	struct listed *at = &l->at[l->n];
	uint64_t id = backlog_id(c), due = 0, expiry;

	if (id == 0 || backlog_slot(c) == -1 || backlog_names(c, &l->names) == -1)
		return -1;
	l->from = id + 1;
	line->id = id;
	line->tag = names_get(&l->names, c->slot.tag);
	line->source = names_get(&l->names, c->slot.source);
	if (!filter_match(l->list->filter, line->tag, line->source))
		return 0;
	*at = (struct listed){ c->pos, c->state, c->slot };
	line->bytes = c->slot.flags & SLOT_OFFER ? SNAPSHOT_UNKNOWN : c->slot.len;
	line->sent_us = c->slot.time_us;
	if (((state_status(c->state) != STATE_READY || (c->slot.flags & SLOT_OFFER)) && backlog_due(c, &due) == -1)
	    || backlog_expiry(c, &expiry) == -1)
		return -1;
	judge(l, line, at, due, expiry);
	l->n++;
	return 0;
}

/* confirm -- without the lock: have line i true of one moment.  Returns 1, 0 where the message has gone, or -1. */
static int
confirm(struct listing *l, uint32_t i)
{
	const struct seg *s = &l->m->seg;
	struct listed *at = &l->at[i];
	uint64_t state, due, expiry = UINT64_MAX;

	for (int tries = 0; tries < AGAIN; tries++) {
		if (seg_read(s, SEG_STATES, at->pos, 1, &state) == -1)
			return -1;
		if (state == at->state)
			break;
		at->state = state;
		if (seg_read(s, SEG_DUE, at->pos, 1, &due) == -1
		    || ((at->slot.flags & SLOT_EXPIRES) && seg_read(s, SEG_EXPIRY, at->pos, 1, &expiry) == -1))
			return -1;
		judge(l, &l->line[i], at, due, expiry);
	}
	return state_status(at->state) < STATE_DONE;
}

/* confirm_all -- without the lock, where something has changed: have each line true of one moment.  Returns 0, or -1. */
static int
confirm_all(struct listing *l)
{
	uint32_t n = 0;
	int stays;

	for (uint32_t i = 0; i < l->n; i++) {
		stays = confirm(l, i);
		if (stays == -1)
			return -1;
		l->line[n] = l->line[i];
		n += (uint32_t)stays;
	}
	l->n = n;
	return 0;
}

/* read_piece -- read the next lines, with the lock held, all from one segment.  Returns 1, 0 at the end, or -1. */
static int
read_piece(struct listing *l)
{
	uint64_t seg = 0;
	int r;

	l->n = 0;
	l->owner = 0;
	if (l->below == 0)
		l->below = l->m->ctl.next;
	if (l->m->ctl.live == 0)
		return 0;
	if (l->from < l->m->ctl.first)
		l->from = l->m->ctl.first;
	backlog_begin(&l->c, l->m, l->from, l->below, BACKLOG_LIVE);
	while ((r = backlog_next(&l->c)) == 1 && (seg == 0 || l->c.first == seg)) {
		seg = l->c.first;
		if (add(l) == -1)
			return -1;
		if (l->n == LINES || l->c.looked >= LOOKED)
			return 1;
	}
	return r;
}

/* look_at_piece -- a piece, read in a locked section, or without the lock.  Returns as read_piece. */
static int
look_at_piece(struct listing *l)
{
	struct mbox *m = l->m;
	int r, ms = 1;

	for (int i = 1; i <= LOOKS; i++) {
		if (txn_lock(m, clock_after(LOCK_NS)) == -1)
			return -1;
		r = read_piece(l);
		if (r != -1 && m->look && !txn_still(m) && confirm_all(l) == -1)
			r = -1;
		txn_unlock(m);
		if (r != -1 || !m->look || errno == EIDRM)
			return r;
		/* what is known of a segment may not be so any more */
		seg_close(&m->seg);
		if (io_nap(CLOCK_NEVER, &ms, LOOK_NAP_MS) == -1)
			return -1;
	}
	errno = EBADMSG;
	return -1;
}

int OUT_OF_LINE
listing(struct mbox *m, const struct snapshot_list *list)
{
	struct listing l = { .m = m, .list = list, .from = list->id != 0 ? list->id : 1,
		.below = list->id != 0 ? list->id + 1 : 0 };
	int r;

	do {
		r = look_at_piece(&l);
		for (uint32_t i = 0; r != -1 && i < l.n; i++)
			if (list->give(list->arg, &l.line[i]) == -1)
				r = -1;
	} while (r == 1);
	return r;
}
