/* SPDX-License-Identifier: ISC */
/* search: see search.h.  It reads only: a crash in it leaves nothing. */
#include "mailbox/recv/search.h"

enum { BLOCK_FIRST = 8 };               /* messages looked at first where few are asked for */

/* first_segment -- the segment to begin at, to see the messages from id on. */
static uint64_t
first_segment(const struct mbox *m, uint64_t id)
{
	bool open = m->seg.h.first != 0 && m->layout == m->ctl.layout && m->seg.h.first <= id;

	return open ? m->seg.h.first : m->ctl.first_seg;
}

int
search_names(struct claim *c)
{
	struct mbox *m = &c->m;
	struct name_rank *r;
	uint32_t n, len;

	mbox_seg_names(m, &n, &len);
	if (c->names_of != m->seg.h.first || c->names_layout != m->ctl.layout) {
		c->names.n = c->names.len = c->ranked = 0;
		memset(c->has_tag, 0, c->ranks / c->source_ranks);
		memset(c->has_source, 0, c->source_ranks);
		c->names_of = m->seg.h.first;
		c->names_layout = m->ctl.layout;
	}
	if (names_read(&c->names, &m->seg, n, len) == -1)
		return -1;
	for (; c->ranked < c->names.n; c->ranked++) {
		r = &c->rank[c->ranked];
		r->tag = filter_rank_tag(c->receiver->filter, names_get(&c->names, c->ranked));
		r->source = filter_rank_source(c->receiver->filter, names_get(&c->names, c->ranked));
		if (r->tag != FILTER_NO_MATCH)
			c->has_tag[r->tag] = true;
		if (r->source != FILTER_NO_MATCH)
			c->has_source[r->source] = true;
	}
	return 0;
}

/* A search through the backlog for messages of one rank. */
struct search {
	struct claim *c;
	struct run *run;
	const struct receiver_ask *ask;
	struct name_rank rank;                       /* of the tags and of the sources that make it */
	uint64_t log_end, until_us;             /* once there is a message: the others end, and were sent, no later */
	uint64_t ready;                         /* the first message passed over that is ready; 0 none */
	uint64_t cursor;                        /* nothing for us stands below */
	uint64_t now_us;                        /* set with known */
	uint32_t at, n;                         /* the block at hand */
	bool known;                             /* its expiries have been read */
	bool full;
};

/* has_rank -- whether m->seg can hold a message of this rank at all. */
static bool
has_rank(const struct search *s)
{
	return s->c->has_tag[s->rank.tag] && s->c->has_source[s->rank.source];
}

static inline bool
slot_has_rank(const struct search *s, const struct slot *slot)
{
	const struct claim *c = s->c;

	return slot->tag < c->ranked && slot->source < c->ranked && c->rank[slot->tag].tag == s->rank.tag
	    && c->rank[slot->source].source == s->rank.source;
}

/* falls_due -- whether the message at pos, which has failed, may be given now; else notes when. */
static bool
falls_due(struct claim *c, uint32_t pos, uint64_t state)
{
	uint64_t due, now = clock_wall_us();

	/* what is asked for by its number is not kept back */
	if (c->receiver->id != 0)
		return true;
	/* a clock that was set back does not keep a message back: not for longer than was said */
	if (seg_read(&c->m.seg, SEG_DUE, pos, 1, &due) == -1 || due <= now || due - now > state_owner(state))
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
	uint32_t i = pos - s->at;

	if (!(slot->flags & SLOT_EXPIRES))
		return 0;
	if (!s->known) {
		if (seg_read(&c->m.seg, SEG_EXPIRY, s->at, s->n, c->expiries) == -1)
			return -1;
		s->known = true;
		s->now_us = clock_wall_us();
	}
	return c->expiries[i] <= s->now_us;
}

/* begin -- the run begins with the message of this slot. */
static void
begin(struct search *s, const struct slot *slot)
{
	const struct mbox *m = &s->c->m;
	struct run_body *in = s->run->in;

	in->at = (struct place){ m->seg.h.first, m->ctl.layout, false };
	in->salt = m->seg.h.salt;
	in->log_at = slot->off;
	s->log_end = slot->off + s->ask->bytes;
	s->until_us = s->ask->until_us != 0 ? s->ask->until_us : UINT64_MAX;
}

/* take -- add the message at pos to the run, if it has room; for the first it has.  Returns whether it had. */
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
	s->full = run->n == s->ask->messages;
	return true;
}

/* take_alone -- an expired message, or an offer, stands alone in its run.  Returns whether it was taken. */
static bool
take_alone(struct search *s, uint32_t pos, uint64_t id, const struct slot *slot, uint64_t state, bool expired)
{
	bool taken = false;

	if (expired && s->c->receiver->peek)
		return false;
	if (s->run->n == 0) {
		taken = take(s, pos, id, slot, state);
		s->run->expired = expired;
	}
	s->full = true;
	return taken;
}

/* take_special -- one that is delayed, or may have expired, or is an offer.  Returns whether it was taken, or -1. */
static int
take_special(struct search *s, uint32_t pos, uint64_t id, const struct slot *slot, uint64_t state)
{
	int expired = has_expired(s, pos, slot);

	if (expired == -1)
		return -1;
	/* one that has expired is dropped at once, but there may be no room for it where it is to be kept */
	if (state_status(state) == STATE_RETRY && (!expired || s->c->receiver->take_expired)
	    && !falls_due(s->c, pos, state)) {
		if (s->cursor == 0)
			s->cursor = id;
		return 0;
	}
	return expired || (slot->flags & SLOT_OFFER) ? take_alone(s, pos, id, slot, state, expired)
	    : take(s, pos, id, slot, state);
}

/* slots_from -- how many slots from pos on are in memory. */
static uint32_t
slots_from(const struct claim *c, uint32_t pos)
{
	if (c->slots_of != c->m.seg.h.first || c->slots_layout != c->m.ctl.layout || pos < c->slots_at
	    || pos - c->slots_at >= c->slots_n)
		return 0;
	return c->slots_at + c->slots_n - pos;
}

/* read_slots -- have the slots of n messages from pos on in c->slots.  Returns the first, or NULL. */
static const struct slot *
read_slots(struct claim *c, uint32_t pos, uint32_t n)
{
	const struct seg *seg = &c->m.seg;

	if (slots_from(c, pos) >= n)
		return c->slots + (pos - c->slots_at);
	c->slots_n = 0;
	if (seg_read_slots(seg, pos, n, c->slots) == -1)
		return NULL;
	c->slots_of = seg->h.first;
	c->slots_layout = c->m.ctl.layout;
	c->slots_at = pos;
	c->slots_n = n;
	return c->slots;
}

void
search_ahead(struct claim *c, const struct run *run)
{
	const struct mbox *m = &c->m;
	uint32_t n = mbox_seg_n(m), pos = run->in->items[run->n - 1].pos + 1;

	if (m->seg.h.first == run->in->at.seg && pos < n && slots_from(c, pos) == 0)
		read_slots(c, pos, n - pos < SEARCH_MESSAGES ? n - pos : SEARCH_MESSAGES);
}

/* search_block -- look at n messages from place pos on. */
static int
search_block(struct search *s, uint32_t pos, uint32_t n)
{
	struct claim *c = s->c;
	const struct seg *seg = &c->m.seg;
	const struct slot *slots = read_slots(c, pos, n);
	const uint64_t *states = c->states;
	enum state_status status;
	uint64_t id;
	int taken;

	if (slots == NULL || seg_read(seg, SEG_STATES, pos, n, c->states) == -1)
		return -1;
	s->at = pos;
	s->n = n;
	s->known = false;
	for (uint32_t i = 0; i < n; i++) {
		status = state_status(states[i]);
		if (status != STATE_READY && status != STATE_RETRY)
			continue;
		id = seg->h.sparse ? seg_id(seg, pos + i) : seg->h.first + pos + i;
		if (id == 0)
			return -1;
		taken = 0;
		if (id >= s->c->below)
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
	struct mbox *m = &s->c->m;
	uint32_t n = mbox_seg_n(m), step, pos, known;

	if (search_names(s->c) == -1 || seg_find(&m->seg, n, from, &pos) == -1)
		return -1;
	if (pos < n && !has_rank(s)) {
		if (s->ready == 0)
			s->ready = seg_id(&m->seg, pos);
		return 0;
	}
	/* where few are asked for, they usually stand first */
	step = s->ask->messages < BLOCK_FIRST ? BLOCK_FIRST : SEARCH_MESSAGES;
	for (; pos < n && !s->full; pos += step, step = SEARCH_MESSAGES) {
		step = n - pos < step ? n - pos : step;
		known = slots_from(s->c, pos);
		step = known > 0 && known < step ? known : step;
		if (search_block(s, pos, step) == -1)
			return -1;
	}
	return 0;
}

/* search_rank -- fill the run with messages of its rank.  Returns 0, or -1. */
static int
search_rank(struct claim *c, struct run *run, const struct receiver_ask *ask)
{
	struct mbox *m = &c->m;
	struct search s = {
		.c = c, .run = run, .ask = ask,
		.rank = { run->rank / c->source_ranks, run->rank % c->source_ranks },
	};
	uint64_t *cursor = &c->cursor[run->rank], from = *cursor > m->ctl.head ? *cursor : m->ctl.head, at, last;
	bool shown;

	if (from < c->receiver->id)
		from = c->receiver->id;
	for (at = first_segment(m, from); at != 0 && run->n == 0 && !s.full; at = mbox_seg_next(m)) {
		if (mbox_seg(m, at) == -1)
			return -1;
		if (mbox_seg_next(m) != 0 && from >= mbox_seg_next(m))
			continue;
		if (search_segment(&s, from) == -1)
			return -1;
	}
	if (run->n == 0)
		last = s.full ? from : m->ctl.next;
	else
		last = ask->probe ? run->in->items[0].id : run->in->items[run->n - 1].id + 1;
	/* what is shown stays where it is: going back for what was delayed before it would show it again */
	shown = run->n > 0 && c->receiver->peek && !ask->probe;
	*cursor = s.cursor != 0 && s.cursor < last && !shown ? s.cursor : last;
	if (run->n > 0 && from == m->ctl.head && !c->receiver->peek && !ask->probe)
		m->ctl.head = s.ready != 0 && s.ready < last ? s.ready : last;
	return 0;
}

int
search_backlog(struct claim *c, struct run *run, const struct receiver_ask *ask)
{
	struct receiver_ask one = *ask;

	run->n = 0;
	run->delivered = 0;
	run->expired = run->in->at.sure = false;
	run->in->offer_fd = run->in->kept_fd = -1;
	c->due_us = 0;
	if (c->m.ctl.paused && !c->receiver->peek && c->receiver->id == 0)
		return 0;
	/* a receiver that takes nothing need not see again what was put back */
	if (c->requeues != c->m.ctl.requeues && !c->receiver->peek) {
		memset(c->cursor, 0, c->ranks * sizeof *c->cursor);
		c->requeues = c->m.ctl.requeues;
	}
	/* with a preference every message is chosen anew */
	one.messages = c->ranks > 1 ? 1 : ask->messages < RUN_MESSAGES ? ask->messages : RUN_MESSAGES;
	one.bytes = ask->bytes < RUN_BYTES ? ask->bytes : RUN_BYTES;
	for (run->rank = 0;; run->rank++) {
		if (search_rank(c, run, &one) == -1)
			return -1;
		if (run->n > 0 || run->rank + 1 == c->ranks)
			return 0;
	}
}
