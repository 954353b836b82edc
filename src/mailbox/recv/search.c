/* SPDX-License-Identifier: ISC */
/* search: reads only; a crash in it leaves nothing. */
#include "mailbox/recv/search.h"

#include "base/clock.h"

enum { BLOCK_FIRST = 8 };               /* messages looked at first where few are asked for */

/* first_segment -- the segment to begin at, to see the messages from id on. */
static uint64_t
first_segment(const struct mbox *m, uint64_t id)
{
	if (m->seg.h.first != 0 && m->layout == m->ctl.layout && m->seg.h.first <= id)
		return m->seg.h.first;
	return m->ctl.first_seg;
}

int
search_names(struct claim *c)
{
	struct mbox *m = c->m;
	uint32_t n, len;

	mbox_seg_names(m, &n, &len);
	if (c->names_of != m->seg.h.first || c->names_layout != m->ctl.layout) {
		c->names.n = c->names.len = c->ranked = 0;
		c->names_of = m->seg.h.first;
		c->names_layout = m->ctl.layout;
	}
	if (names_read(&c->names, &m->seg, n, len) == -1)
		return -1;
	for (; c->ranked < c->names.n; c->ranked++) {
		c->rank[c->ranked].tag = filter_rank_tag(&c->filter, names_get(&c->names, c->ranked));
		c->rank[c->ranked].source = filter_rank_source(&c->filter, names_get(&c->names, c->ranked));
	}
	return 0;
}

/* A search through the backlog for messages of one rank. */
struct search {
	struct claim *c;
	struct run *run;
	const struct claim_limits *limits;
	struct rank rank;                       /* of the tags and of the sources that make it */
	uint64_t log_end, until_us;             /* once there is a message: the others end, and were sent, no later */
	uint64_t ready;                         /* the first message passed that is ready, and not taken; 0 none */
	uint64_t cursor;                        /* nothing for us stands below */
	uint64_t now_us;                        /* once it was asked for */
	uint32_t at, n, known;                  /* the block at hand: its place, and how far its expiries have been read */
	bool full;
};

/* has_rank -- whether m->seg can hold a message of this rank at all. */
static bool
has_rank(const struct search *s)
{
	const struct claim *c = s->c;
	bool tag = false, source = false;

	for (uint32_t i = 0; i < c->ranked && !(tag && source); i++) {
		tag |= c->rank[i].tag == s->rank.tag;
		source |= c->rank[i].source == s->rank.source;
	}
	return tag && source;
}

static inline bool
slot_has_rank(const struct search *s, const struct slot *slot)
{
	const struct claim *c = s->c;

	return slot->tag < c->ranked && slot->source < c->ranked && c->rank[slot->tag].tag == s->rank.tag
	    && c->rank[slot->source].source == s->rank.source;
}

/* falls_due -- whether the delayed message at pos may be given now; else notes when. */
static bool
falls_due(struct claim *c, uint32_t pos)
{
	uint64_t due, now = clock_wall_us();

	/* a clock that was set back does not hold a message up */
	if (seg_read_due(&c->m->seg, pos, &due) == -1 || due <= now || due - now > SETTLE_DELAY_MAX_US)
		return true;
	if (c->due_us == 0 || due < c->due_us)
		c->due_us = due;
	return false;
}

/*
 * has_expired -- whether the message at pos, of the block at hand, is past its time.  -1 where that cannot be read.
 * The others of the block are read with it: there may be very many.
 */
static int
has_expired(struct search *s, uint32_t pos, const struct slot *slot)
{
	struct claim *c = s->c;
	uint32_t i = pos - s->at, n = s->n - i;

	if (!(slot->flags & SLOT_EXPIRES))
		return 0;
	if (i >= s->known) {
		/* behind the last that expires the file may end */
		while (!(slot[n - 1].flags & SLOT_EXPIRES))
			n--;
		if (seg_read_expiry(&c->m->seg, pos, n, c->expiries + i) == -1)
			return -1;
		s->known = i + n;
		s->now_us = clock_wall_us();
	}
	return c->expiries[i] <= s->now_us;
}

/* begin -- the run begins with the message of this slot. */
static void
begin(struct search *s, const struct slot *slot)
{
	const struct mbox *m = s->c->m;
	struct run *run = s->run;

	run->in->seg = m->seg.h.first;
	run->in->layout = m->ctl.layout;
	run->in->salt = m->seg.h.salt;
	run->in->log_at = slot->off;
	s->log_end = slot->off + (s->limits->bytes < sizeof run->in->log ? s->limits->bytes : sizeof run->in->log);
	s->until_us = s->limits->until_us != 0 ? s->limits->until_us : UINT64_MAX;
}

/* take -- add the message at pos to the run, if it has room; for the first there always is.  Returns whether it had. */
static inline bool
take(struct search *s, uint32_t pos, uint64_t id, const struct slot *slot, uint64_t state)
{
	struct run *run = s->run;
	uint32_t end = slot->off + slot_frame_len(slot);

	if (run->n == 0) {
		begin(s, slot);
	} else if (end > s->log_end || slot->off < run->in->log_at || slot->time_us > s->until_us) {
		s->full = true;
		return false;
	}
	run->in->items[run->n++] = (struct item){ .id = id, .slot = *slot, .pos = pos, .tries = state_tries(state) };
	run->in->log_len = end - (uint32_t)run->in->log_at;
	s->full = run->n == s->limits->messages;
	return true;
}

/* take_alone -- an expired message, or an offer, stands alone in its run.  Returns whether it was taken. */
static bool
take_alone(struct search *s, uint32_t pos, uint64_t id, const struct slot *slot, uint64_t state, bool expired)
{
	bool taken = false;

	if (expired && s->c->peek)
		return false;
	if (s->run->n == 0) {
		taken = take(s, pos, id, slot, state);
		s->run->expired = expired;
	}
	s->full = true;
	return taken;
}

/* take_special -- a message that may not be ready, may have expired, or is an offer.  Returns whether it was taken, or -1. */
static int
take_special(struct search *s, uint32_t pos, uint64_t id, const struct slot *slot, uint64_t state)
{
	int expired = has_expired(s, pos, slot);

	if (expired == -1)
		return -1;
	if (expired || (slot->flags & SLOT_OFFER))
		return take_alone(s, pos, id, slot, state, expired);
	if (state_status(state) == STATE_READY || falls_due(s->c, pos))
		return take(s, pos, id, slot, state);
	if (s->cursor == 0)
		s->cursor = id;
	return 0;
}

/* slots_from -- how many slots from pos on are held in memory. */
static uint32_t
slots_from(const struct claim *c, uint32_t pos)
{
	if (c->slots_of != c->m->seg.h.first || c->slots_layout != c->m->ctl.layout || pos < c->slots_at
	    || pos - c->slots_at >= c->slots_n)
		return 0;
	return c->slots_at + c->slots_n - pos;
}

/* read_slots -- have the slots of n messages from pos on in c->slots.  Returns the first, or NULL. */
static const struct slot *
read_slots(struct claim *c, uint32_t pos, uint32_t n)
{
	const struct seg *seg = &c->m->seg;

	if (slots_from(c, pos) >= n)
		return c->slots + (pos - c->slots_at);
	c->slots_n = 0;
	if (seg_read_slots(seg, pos, n, c->slots) == -1)
		return NULL;
	c->slots_of = seg->h.first;
	c->slots_layout = c->m->ctl.layout;
	c->slots_at = pos;
	c->slots_n = n;
	return c->slots;
}

void
search_ahead(struct claim *c, const struct run *run)
{
	const struct mbox *m = c->m;
	uint32_t n = mbox_seg_n(m), pos = run->in->items[run->n - 1].pos + 1;

	if (m->seg.h.first == run->in->seg && pos < n && slots_from(c, pos) == 0)
		read_slots(c, pos, n - pos < SEARCH_MESSAGES ? n - pos : SEARCH_MESSAGES);
}

/* search_block -- look at n messages from place pos on. */
static int
search_block(struct search *s, uint32_t pos, uint32_t n)
{
	struct claim *c = s->c;
	const struct seg *seg = &c->m->seg;
	const struct slot *slots = read_slots(c, pos, n);
	const uint64_t *states = c->states;
	enum state_status status;
	uint64_t id;
	int taken;

	if (slots == NULL || seg_read_states(seg, pos, n, c->states) == -1)
		return -1;
	s->at = pos;
	s->n = n;
	s->known = 0;
	for (uint32_t i = 0; i < n; i++) {
		status = state_status(states[i]);
		if (status != STATE_READY && status != STATE_DELAYED)
			continue;
		id = seg->h.sparse ? seg_id(seg, pos + i) : seg->h.first + pos + i;
		taken = 0;
		if (id >= s->limits->below)
			s->full = true;
		else if (!slot_has_rank(s, &slots[i]))
			;
		else if (status == STATE_READY && !(slots[i].flags & (SLOT_EXPIRES | SLOT_OFFER)))
			taken = take(s, pos + i, id, &slots[i], states[i]);
		else if ((taken = take_special(s, pos + i, id, &slots[i], states[i])) == -1)
			return -1;
		if (!taken && s->ready == 0)
			s->ready = id;
		if (s->full)
			return 0;
	}
	return 0;
}

/* search_segment -- look at m->seg from message id `from` on. */
static int
search_segment(struct search *s, uint64_t from)
{
	struct mbox *m = s->c->m;
	uint32_t n = mbox_seg_n(m), step, pos, first, held;

	if (search_names(s->c) == -1)
		return -1;
	pos = seg_find(&m->seg, n, from);
	if (pos < n && !has_rank(s)) {
		if (s->ready == 0)
			s->ready = seg_id(&m->seg, pos);
		return 0;
	}
	/* where few are asked for, they usually stand first */
	first = s->limits->messages < BLOCK_FIRST ? BLOCK_FIRST : SEARCH_MESSAGES;
	for (step = first; pos < n && !s->full; pos += step, step = SEARCH_MESSAGES) {
		step = n - pos < step ? n - pos : step;
		held = slots_from(s->c, pos);
		step = held > 0 && held < step ? held : step;
		if (search_block(s, pos, step) == -1)
			return -1;
	}
	return 0;
}

/* search_rank -- fill the run with messages of one rank.  Returns 0, or -1. */
static int
search_rank(struct claim *c, struct run *run, const struct claim_limits *limits, uint32_t rank)
{
	struct mbox *m = c->m;
	struct search s = {
		.c = c, .run = run, .limits = limits,
		.rank = { (unsigned char)(rank / c->source_ranks), (unsigned char)(rank % c->source_ranks) },
	};
	uint64_t from = c->cursor[rank] > m->ctl.head ? c->cursor[rank] : m->ctl.head, at, last;

	if (from < limits->from)
		from = limits->from;

	for (at = first_segment(m, from); at != 0 && run->n == 0 && !s.full; at = mbox_seg_next(m)) {
		if (mbox_seg(m, at) == -1)
			return -1;
		if (mbox_seg_next(m) != 0 && from >= mbox_seg_next(m))
			continue;
		if (search_segment(&s, from) == -1)
			return -1;
	}
	if (run->n > 0 && limits->probe) {
		last = run->in->items[0].id;
		c->cursor[rank] = s.cursor != 0 && s.cursor < last ? s.cursor : last;
		return 0;
	}
	last = run->n > 0 ? run->in->items[run->n - 1].id + 1 : s.full ? from : m->ctl.next;
	/* what is shown stays where it is: to go back for what is kept back before it would be to show it again */
	if (run->n > 0 && c->peek)
		s.cursor = 0;
	c->cursor[rank] = s.cursor != 0 && s.cursor < last ? s.cursor : last;
	if (run->n > 0 && from == m->ctl.head && !c->peek)
		m->ctl.head = s.ready != 0 && s.ready < last ? s.ready : last;
	return 0;
}

int
search_backlog(struct claim *c, struct run *run, const struct claim_limits *limits)
{
	struct claim_limits one = *limits;

	run->n = 0;
	run->delivered = 0;
	run->in->sure = run->expired = false;
	run->in->offer_fd = run->in->kept_fd = -1;
	c->due_us = 0;
	/* who looks and takes nothing need not see again what was put back */
	if (c->requeues != c->m->ctl.requeues && !c->peek) {
		memset(c->cursor, 0, c->ranks * sizeof *c->cursor);
		c->requeues = c->m->ctl.requeues;
	}
	/* with a preference every message is chosen anew */
	if (c->ranks > 1)
		one.messages = 1;
	for (run->rank = 0;; run->rank++) {
		if (search_rank(c, run, &one, run->rank) == -1)
			return -1;
		if (run->n > 0 || run->rank + 1 == c->ranks)
			return 0;
	}
}
