/* SPDX-License-Identifier: ISC */
/* search: see search.h.  It changes ctl.head alone, and the caller commits: a crash leaves nothing. */
#include "mailbox/recv/search.h"

#include "base/io.h"
#include "mailbox/box/delay.h"
#include "mailbox/box/txn.h"
#include "mailbox/recv/known.h"

enum { BLOCK_FIRST = 8 };               /* messages looked at first where few are asked for */

/* first_segment -- the segment to begin at, to see the messages from id on. */
static uint64_t
first_segment(const struct mbox *m, uint64_t id)
{
	const uint64_t open = mbox_seg_before(m, id);

	return m->ctl.last_seg <= id ? m->ctl.last_seg : open != 0 ? open : m->ctl.first_seg;
}

int
search_names(struct claim *c)
{
	struct mbox *m = &c->m;
	struct name_rank *r;
	uint32_t n, len;

	mbox_seg_names(m, &n, &len);
	if (c->names_of != m->seg.h.first || c->names_layout != m->ctl.layout) {
		names_none(&c->many->names);
		c->ranked = 0;
		memset(c->has_tag, 0, c->ranks / c->source_ranks);
		memset(c->has_source, 0, c->source_ranks);
		c->names_of = m->seg.h.first;
		c->names_layout = m->ctl.layout;
	}
	if (names_read(&c->many->names, &m->seg, n, len) == -1)
		return -1;
	for (; c->ranked < c->many->names.n; c->ranked++) {
		r = &c->many->rank[c->ranked];
		r->tag = filter_rank_tag(c->receiver->filter, names_get(&c->many->names, c->ranked));
		r->source = filter_rank_source(c->receiver->filter, names_get(&c->many->names, c->ranked));
		if (r->tag != FILTER_NO_MATCH)
			c->has_tag[r->tag] = true;
		if (r->source != FILTER_NO_MATCH)
			c->has_source[r->source] = true;
	}
	return 0;
}

/* wants_all -- whether names need not be known, for there is no pattern. */
static inline bool
wants_all(const struct claim *c)
{
	return c->receiver->filter->len == 0;
}

/* A search through the backlog for messages of one rank. */
struct search {
	struct claim *c;
	struct run *run;
	const struct receiver_ask *ask;
	struct name_rank rank;                       /* of the tags and of the sources that make it */
	uint64_t log_end, until_us;             /* once there is a message: the others end, and were sent, no later */
	uint64_t had;                           /* bytes of payloads in the run, and of what they join */
	uint64_t ready;                         /* the first message passed over that is ready; 0 none */
	uint64_t cursor;                        /* nothing for us stands below */
	uint64_t now_us;                        /* set with known */
	uint32_t at, n;                         /* the block at hand */
	bool known;                             /* its expiries have been read */
	bool delayed;                           /* those that were sent for later are looked at, too */
	bool full;
};

/* has_rank -- whether m->seg can hold a message of this rank at all. */
static bool
has_rank(const struct search *s)
{
	return wants_all(s->c) || (s->c->has_tag[s->rank.tag] && s->c->has_source[s->rank.source]);
}

static inline bool
slot_has_rank(const struct search *s, const struct slot *slot)
{
	const struct claim *c = s->c;

	return wants_all(c) || (slot->tag < c->ranked && slot->source < c->ranked && c->many->rank[slot->tag].tag == s->rank.tag
	    && c->many->rank[slot->source].source == s->rank.source);
}

/*
 * falls_due -- whether the message at pos, which failed, or was sent for later, may be given now; one that is asked for
 * by its number always may.  Else notes when one that failed is due again.
 */
static bool
falls_due(struct claim *c, uint32_t pos, uint64_t state)
{
	const bool failed = state_status(state) == STATE_RETRY;
	uint64_t due, now = clock_wall_us();

	/* what is asked for by its number is not kept back */
	if (c->receiver->id != 0)
		return true;
	if (seg_read(&c->m.seg, SEG_DUE, pos, 1, &due) == -1)
		return true;
	/* who receives all that is there now does not go round with what fails */
	if (failed && c->receiver->all && state_tries(state) >= c->receiver->all_tries
	    && due - state_owner(state) >= c->began_us)
		return false;
	if (due <= now)
		return true;
	/* a clock that was set back does not keep one back that failed: not for longer than was said */
	if (failed && due - now > state_owner(state))
		return true;
	if (failed && (c->due_us == 0 || due < c->due_us))
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
		if (seg_read(&c->m.seg, SEG_EXPIRY, s->at, s->n, c->many->expiries) == -1)
			return -1;
		s->known = true;
		s->now_us = clock_wall_us();
	}
	return c->many->expiries[i] <= s->now_us;
}

/* begin -- the run begins with the message of this slot. */
static void
begin(struct search *s, const struct slot *slot)
{
	const struct mbox *m = &s->c->m;
	struct run_body *in = s->run->in;

	in->at = (struct place){ m->seg.h.first, m->ctl.layout, false };
	in->salt = m->seg.h.salt;
	memcpy(in->incarnation, m->seg.h.incarnation, sizeof in->incarnation);
	in->log_at = slot->off;
	s->log_end = slot->off + s->ask->bytes;
	s->until_us = s->ask->until_us != 0 ? s->ask->until_us : UINT64_MAX;
}

/* fits -- whether the message makes the run, and what that joins, no longer than was asked for. */
static inline bool
fits(struct search *s, const struct slot *slot)
{
	uint64_t with = s->had + slot->len;

	if (s->ask->most == 0 || (slot->flags & SLOT_OFFER))
		return true;
	if (s->had > 0 && with > s->ask->most) {
		s->run->full = s->run->n == 0;
		return false;
	}
	s->had = with;
	return true;
}

/* take -- add the message at pos to the run, if it has room; for the first it has.  Returns whether it had. */
static inline bool
take(struct search *s, uint32_t pos, uint64_t id, const struct slot *slot, uint64_t state)
{
	struct run *run = s->run;
	uint32_t end = slot->off + slot_frame_len(slot);

	if ((run->n > 0 && (end > s->log_end || slot->off < run->in->log_at || slot->time_us > s->until_us))
	    || !fits(s, slot)) {
		s->full = true;
		return false;
	}
	if (run->n == 0)
		begin(s, slot);
	run->in->items[run->n++] = (struct item){ .id = id, .slot = *slot, .pos = pos,
		.tries = (uint16_t)state_tries(state), .status = (uint16_t)state_status(state) };
	run->in->log_len = end - (uint32_t)run->in->log_at;
	s->full = run->n == s->ask->messages;
	return true;
}

/*
 * take_plain -- go on with a run, in which a message of each name may be: as many of n from place pos on as are ready,
 * neither expire nor are offers, and fit.  Returns how many.
 */
static uint32_t
take_plain(struct search *s, uint32_t pos, uint64_t id, uint32_t n)
{
	struct run *run = s->run;
	struct run_body *in = run->in;
	const uint64_t *states = s->c->states + (pos - s->at), log_at = in->log_at, log_end = s->log_end;
	const struct slot *slots = s->c->slots + (pos - s->c->slots_at);
	struct item *items = in->items + run->n;
	const uint32_t room = s->ask->messages - run->n;
	uint32_t i;

	n = n < room ? n : room;
	n = s->c->below - id < n ? (uint32_t)(s->c->below - id) : n;
	for (i = 0; i < n; i++) {
		const struct slot *slot = &slots[i];
		const uint64_t end = slot->off + slot_frame_len(slot);

		if (state_status(states[i]) != STATE_READY || (slot->flags & (SLOT_EXPIRES | SLOT_OFFER)) || end > log_end
		    || slot->off < log_at || slot->time_us > s->until_us)
			break;
		items[i].id = id + i;
		memcpy(&items[i].slot, slot, sizeof *slot);
		items[i].pos = pos + i;
		items[i].tries = (uint16_t)state_tries(states[i]);
		items[i].status = STATE_READY;
		in->log_len = (uint32_t)(end - log_at);
	}
	run->n += i;
	s->full = run->n == s->ask->messages;
	return i;
}

/*
 * take_alone -- an expired message, or an offer, stands alone in its run.  What is to be dropped need not fit.
 * Returns whether it was taken.
 */
static bool
take_alone(struct search *s, uint32_t pos, uint64_t id, const struct slot *slot, uint64_t state, bool expired)
{
	bool taken = false;

	if (expired && s->c->receiver->peek)
		return false;
	if (s->run->n == 0) {
		if (expired && !s->c->receiver->take_expired)
			s->had = 0;
		taken = take(s, pos, id, slot, state);
		s->run->expired = taken && expired;
	}
	s->full = true;
	return taken;
}

/* take_special -- one that is kept back, or may have expired, or is an offer.  Returns whether it was taken, or -1. */
static int
take_special(struct search *s, uint32_t pos, uint64_t id, const struct slot *slot, uint64_t state)
{
	const enum state_status status = state_status(state);
	/* none does before it is due */
	int expired = status == STATE_DELAYED ? 0 : has_expired(s, pos, slot);

	if (expired == -1)
		return -1;
	/* one that has expired is dropped at once, but there may be no room for it where it is to be kept */
	if (status != STATE_READY && (!expired || s->c->receiver->take_expired) && !falls_due(s->c, pos, state)) {
		if (s->cursor == 0)
			s->cursor = id;
		return 0;
	}
	return expired || (slot->flags & SLOT_OFFER) ? take_alone(s, pos, id, slot, state, expired)
	    : take(s, pos, id, slot, state);
}

/* may_be_taken -- whether a message with this state may be one that we want. */
static inline bool
may_be_taken(const struct search *s, uint64_t state)
{
	enum state_status status = state_status(state);

	return status == STATE_READY || status == STATE_RETRY || (status == STATE_DELAYED && s->delayed);
}

/* first_of -- the first of n states that may be taken, or n. */
static uint32_t
first_of(const struct search *s, uint32_t n)
{
	uint32_t i = 0;

	while (i < n && !may_be_taken(s, s->c->states[i]))
		i++;
	return i;
}

/* search_block -- look at n messages from place pos on. */
static int
search_block(struct search *s, uint32_t pos, uint32_t n)
{
	struct claim *c = s->c;
	const struct seg *seg = &c->m.seg;
	const uint64_t *states;
	const struct slot *slots;
	const bool plain = wants_all(c) && s->ask->most == 0 && !seg->h.sparse;
	uint64_t id;
	uint32_t i;
	int taken;

	if (known_states(c, pos, n) == -1)
		return -1;
	states = c->states;
	/* there may be very many that are delayed: their slots are not read */
	i = first_of(s, n);
	if (i == n)
		return 0;
	slots = known_slots(c, pos, n);
	if (slots == NULL)
		return -1;
	s->at = pos;
	s->n = n;
	s->known = false;
	for (; i < n; i++) {
		if (!may_be_taken(s, states[i]))
			continue;
		id = seg->h.sparse ? seg_id(seg, pos + i) : seg->h.first + pos + i;
		if (id == 0)
			return -1;
		taken = 0;
		if (id >= s->c->below)
			s->full = true;
		else if (!slot_has_rank(s, &slots[i]))
			;
		else if (state_status(states[i]) == STATE_READY && !(slots[i].flags & (SLOT_EXPIRES | SLOT_OFFER)))
			taken = take(s, pos + i, id, &slots[i], states[i]);
		else if ((taken = take_special(s, pos + i, id, &slots[i], states[i])) == -1)
			return -1;
		if (!taken && s->ready == 0)
			s->ready = id;
		if (taken && plain && !s->full)
			i += take_plain(s, pos + i + 1, id + 1, n - i - 1);
		if (s->full)
			return 0;
	}
	return 0;
}

/* pass_over -- move pos, below n, past those of which ctl tells that none is ready.  Returns 0, or -1. */
static int
pass_over(const struct search *s, uint32_t n, uint32_t *pos)
{
	const struct mbox *m = &s->c->m;
	uint64_t id;

	if (m->ctl.passed_from >= m->ctl.passed_to || s->delayed)
		return 0;
	id = seg_id(&m->seg, *pos);
	if (id == 0)
		return -1;
	return delay_past(&m->ctl, id) == id ? 0 : seg_find(&m->seg, n, m->ctl.passed_to, pos);
}

/* search_segment -- look at m->seg from message id `from` on. */
static int
search_segment(struct search *s, uint64_t from)
{
	struct mbox *m = &s->c->m;
	uint32_t n = mbox_seg_n(m), step, pos, known;

	if ((!wants_all(s->c) && search_names(s->c) == -1) || seg_find(&m->seg, n, from, &pos) == -1)
		return -1;
	if (pos < n && !has_rank(s)) {
		if (s->ready == 0)
			s->ready = seg_id(&m->seg, pos);
		return 0;
	}
	/* where few are asked for, they usually stand first */
	step = s->ask->messages < BLOCK_FIRST ? BLOCK_FIRST : KNOWN_MESSAGES;
	for (; pos < n && !s->full; pos += step, step = KNOWN_MESSAGES) {
		/* it may take long, and where nothing has been changed yet it may end anywhere */
		if (step == KNOWN_MESSAGES && !m->txn.changing)
			io_let_stop();
		if (pass_over(s, n, &pos) == -1)
			return -1;
		step = n - pos < step ? n - pos : step;
		known = known_from(s->c, pos);
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
		.c = c, .run = run, .ask = ask, .had = ask->had,
		.rank = { run->rank / c->source_ranks, run->rank % c->source_ranks },
	};
	const bool changes = !c->receiver->peek && !ask->probe && c->receiver->id == 0;
	uint64_t *cursor = &c->cursor[run->rank], from = m->ctl.head, at, last;
	bool shown;

	s.delayed = c->receiver->id != 0 || (m->look && m->ctl.due_us != 0 && m->ctl.due_us <= clock_wall_us());
	if (s.delayed)
		from = m->ctl.first > c->receiver->id ? m->ctl.first : c->receiver->id;
	if (from < *cursor)
		from = *cursor;
	if (!s.delayed)
		from = delay_past(&m->ctl, from);
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
	/* ids grow, but one in a rewritten index may be damaged */
	if (!ask->probe && last < from + run->n)
		last = from + run->n;
	/* what is shown stays where it is: going back for what was delayed before it would show it again */
	shown = run->n > 0 && c->receiver->peek && !ask->probe;
	*cursor = s.cursor != 0 && s.cursor < last && !shown ? s.cursor : last;
	last = s.ready != 0 && s.ready < last ? s.ready : last;
	if (!changes || from != delay_past(&m->ctl, m->ctl.head) || (run->n == 0 && last < from + KNOWN_MESSAGES))
		return 0;
	/* where nothing was found that is worth a change of ctl alone: there are very many that are delayed */
	if (run->n == 0 && txn_begin(m) == -1)
		return -1;
	m->ctl.head = last;
	return 0;
}

int
search_backlog(struct claim *c, struct run *run, const struct receiver_ask *ask)
{
	struct receiver_ask one = *ask;

	run->n = 0;
	run->delivered = 0;
	run->expired = run->full = run->in->at.sure = false;
	run->in->offer_fd = run->in->kept_fd = -1;
	c->due_us = c->alarm_us = 0;
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
		if (run->n > 0 || run->full || run->rank + 1 == c->ranks)
			return 0;
	}
}
