/* SPDX-License-Identifier: ISC */
/*
 * claim: the receiving end of a mailbox.
 *
 * Every change is begun (ctl busy) and committed.  A kill before the commit is mended by recount; a kill after it
 * leaves claims whose owner is dead: give_back_dead finds them, for ctl counts how many messages are claimed.
 */
#include "claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "frame.h"
#include "hash.h"
#include "io.h"
#include "reclaim.h"
#include "wake.h"

enum {
	BLOCK = 256,                            /* states read at a time */
	KEEP_STREAM = 256 * 1024,               /* bytes of log that a spent segment may keep while we stream, */
	KEEP_IDLE = 4096,                       /* and when there is nothing more */
	OWNERS = 16,                            /* claimers remembered in one search for the dead */
};

#define ASK_NS UINT64_C(10000000)               /* how often claimers are asked for, at most */

int
claim_init(struct claim *c, struct mbox *m, const struct filter *filter, bool peek)
{
	uint32_t tags = 0, sources = 0;

	for (const char *p = filter->text; p < filter->text + filter->len; p += strlen(p) + 1) {
		tags += *p == 't';
		sources += *p == 's';
	}
	c->m = m;
	c->filter = *filter;
	c->peek = peek;
	c->source_ranks = sources > 0 ? sources : 1;
	c->ranks = (tags > 0 ? tags : 1) * c->source_ranks;
	c->cursor = c->ranks == 1 ? &c->only_cursor : calloc(c->ranks, sizeof *c->cursor);
	return c->cursor == NULL ? -1 : 0;
}

void
claim_free(struct claim *c)
{
	if (c->cursor != &c->only_cursor)
		free(c->cursor);
	c->cursor = NULL;
}

/* ---- the run in hand ---- */

int
claim_find(struct mbox *m, uint64_t seg, uint64_t shape, struct item *items, uint32_t n)
{
	uint32_t in_seg;

	if (mbox_seg(m, seg) == -1)
		return -1;
	if (shape == m->ctl.shape)
		return 0;
	in_seg = mbox_seg_n(m);
	for (uint32_t i = 0; i < n; i++)
		items[i].pos = seg_find(&m->seg, in_seg, items[i].id);
	return 0;
}

/* wake_for -- wake receivers for n messages of m->seg that are ready again. */
static int
wake_for(struct claim *c, const struct item *items, uint32_t n)
{
	struct slice two[2];
	struct slot slot = { .tag = 0, .source = 1 };

	if (c->m->ctl.wants == 0)
		return 0;
	if (search_names(c) == -1)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		two[0] = names_get(&c->names, items[i].slot.tag);
		two[1] = names_get(&c->names, items[i].slot.source);
		if (wake_receivers(c->m, items[i].id, 1, &slot, two) == -1)
			return -1;
	}
	return 0;
}

/* change -- claim_change of items that certainly are ours. */
static int
change(struct claim *c, const struct item *items, uint32_t n, enum claim_end end, uint64_t delay_us, uint64_t keep)
{
	if (end == CLAIM_DONE || end == CLAIM_DROPPED)
		return settle_gone(c->m, items, n, STATE_CLAIMED, end == CLAIM_DONE ? STATE_DONE : STATE_DROPPED, keep);
	if (settle_ready(c->m, items, n, end == CLAIM_FAILED, delay_us) == -1)
		return -1;
	return wake_for(c, items, n);
}

int
claim_change(struct claim *c, struct item *items, uint32_t n, enum claim_end end, uint64_t delay_us, uint64_t keep)
{
	long ours = settle_ours(c->m, items, n);

	return ours <= 0 ? (int)ours : change(c, items, (uint32_t)ours, end, delay_us, keep);
}

/* finish -- settle items [from, n) of run; with the lock held. */
static int
finish(struct claim *c, struct run *run, uint32_t from, enum claim_end end, uint64_t delay_us, uint64_t keep)
{
	bool sure = run->sure;
	int r;

	if (from >= run->n)
		return 0;
	run->sure = false;
	if (mbox_begin(c->m) == -1 || claim_find(c->m, run->seg, run->shape, run->items, run->n) == -1)
		return -1;
	run->shape = c->m->ctl.shape;
	r = sure ? change(c, run->items + from, run->n - from, end, delay_us, keep)
	    : claim_change(c, run->items + from, run->n - from, end, delay_us, keep);
	if (r == -1)
		return -1;
	run->n = from;
	run->sure = sure;
	return 0;
}

/* ---- claims of the dead ---- */

struct owners {
	uint64_t owner[OWNERS];
	bool lives[OWNERS];
	unsigned n;
};

static bool
owner_lives(const struct mbox *m, struct owners *known, uint64_t owner)
{
	unsigned i;

	for (i = 0; i < known->n && i < OWNERS; i++)
		if (known->owner[i] == owner)
			return known->lives[i];
	i = known->n++ % OWNERS;
	known->owner[i] = owner;
	return known->lives[i] = mbox_lives(m, owner);
}

/* revive_offer -- an offer's receiver died: its sender sees that for himself; without one it is dropped. */
static int
revive_offer(struct mbox *m, const struct item *item)
{
	uint64_t sender;

	if (seg_read_due(&m->seg, item->pos, &sender) == -1)
		return -1;
	if (mbox_lives(m, sender))
		return 0;
	return settle_gone(m, item, 1, STATE_CLAIMED, STATE_DROPPED, KEEP_STREAM);
}

/* revive -- the message at pos, whose claimer died, is ready again. */
static int
revive(struct claim *c, uint32_t pos, uint64_t state)
{
	struct item item = { .id = seg_id(&c->m->seg, pos), .pos = pos, .tries = state_tries(state) };

	if (mbox_begin(c->m) == -1 || seg_read_slots(&c->m->seg, pos, 1, &item.slot) == -1)
		return -1;
	if (item.slot.flags & SLOT_MEET)
		return revive_offer(c->m, &item);
	return settle_ready(c->m, &item, 1, true, 0) == -1 ? -1 : wake_for(c, &item, 1);
}

/* give_back_dead -- make ready again what dead processes had claimed.  Returns 0, or -1. */
static int
give_back_dead(struct claim *c)
{
	struct mbox *m = c->m;
	struct owners known = { .n = 0 };
	uint64_t states[BLOCK], left = m->ctl.claimed, at;
	uint32_t n, step;

	c->asked = true;
	m->ctl.checked_ns = clock_mono_ns();
	for (at = m->ctl.first_seg; at != 0 && left > 0; at = mbox_seg_next(m)) {
		if (mbox_seg(m, at) == -1)
			return -1;
		n = mbox_seg_n(m);
		for (uint32_t pos = seg_find(&m->seg, n, m->ctl.first); pos < n && left > 0; pos += step) {
			step = n - pos < BLOCK ? n - pos : BLOCK;
			if (seg_read_states(&m->seg, pos, step, states) == -1)
				return -1;
			for (uint32_t i = 0; i < step; i++) {
				if (state_status(states[i]) != STATE_CLAIMED)
					continue;
				left--;
				if (!owner_lives(m, &known, state_owner(states[i]))
				    && revive(c, pos + i, states[i]) == -1)
					return -1;
			}
		}
	}
	return 0;
}

/* ask_due -- whether it is time to ask for dead claimers. */
static bool
ask_due(const struct claim *c)
{
	uint64_t now;

	if (c->m->ctl.claimed == 0)
		return false;
	if (!c->asked)
		return true;
	now = clock_mono_ns();
	return now < c->m->ctl.checked_ns || now - c->m->ctl.checked_ns >= ASK_NS;
}

/* ---- turns ---- */

/* trim -- nothing was found: what a spent segment still holds can go. */
static int
trim(struct mbox *m)
{
	if (m->ctl.live > 0 || m->ctl.last_seg == 0 || m->ctl.log_len <= KEEP_IDLE)
		return 0;
	if (mbox_begin(m) == -1 || mbox_seg(m, m->ctl.last_seg) == -1)
		return -1;
	return reclaim_spent(&m->seg, &m->ctl, KEEP_IDLE);
}

/*
 * take_offer -- an offer was found: open the FIFO that its payload comes through, and remove its name: it has one
 * reader in its life.  Returns 1, 0 where its sender is dead, or -1.
 */
static int
take_offer(struct claim *c, struct run *run)
{
	struct mbox *m = c->m;
	char name[SEG_NAME_BYTES];
	uint64_t sender;

	seg_file(name, run->items[0].id, 0, "meet");
	if (seg_read_due(&m->seg, run->items[0].pos, &sender) == -1 || mbox_begin(m) == -1)
		return -1;
	if (mbox_lives(m, sender))
		run->meet_fd = openat(m->dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (run->meet_fd == -1 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
		return -1;
	unlinkat(m->dir_fd, name, 0);
	return run->meet_fd != -1;
}

/* drop_found -- drop the one message that was found. */
static int
drop_found(struct mbox *m, const struct run *run)
{
	uint64_t state;

	if (seg_read_states(&m->seg, run->items[0].pos, 1, &state) == -1 || mbox_begin(m) == -1)
		return -1;
	return settle_gone(m, run->items, 1, state_status(state), STATE_DROPPED, KEEP_STREAM);
}

/* search -- search_backlog; what has expired is dropped on the way, and offers of the dead. */
static int
search(struct claim *c, struct run *run, const struct claim_limits *limits)
{
	bool offer;
	int taken;

	for (;;) {
		if (search_backlog(c, run, limits) == -1)
			return -1;
		offer = run->n == 1 && !c->peek && (run->items[0].slot.flags & SLOT_MEET);
		if (run->expired ? c->take_expired && !offer : !offer)
			return 0;       /* an offer that has expired has no payload to keep */
		taken = run->expired ? 0 : take_offer(c, run);
		if (taken != 0)
			return taken == -1 ? -1 : 0;
		if (drop_found(c->m, run) == -1)
			return -1;
	}
}

/* leave_segment -- we took messages from a segment and go on elsewhere: see whether it is worth rewriting. */
static int
leave_segment(struct mbox *m, struct run *run, uint64_t left)
{
	struct seg s;

	if (left == m->ctl.last_seg || seg_open(&s, m->dir_fd, left) == -1)
		return 0;       /* the newest is never rewritten; a spent one is gone */
	reclaim_sparse(&s, &m->ctl);
	seg_close(&s);
	if (run->n == 0)
		return 0;
	/* what was found stays where it is, but what we hold open may be stale by its number */
	run->shape = m->shape = m->ctl.shape;
	return 0;
}

/* nothing -- the end of a turn that found nothing. */
static int
nothing(struct claim *c, const struct claim_limits *limits)
{
	if (!c->peek && trim(c->m) == -1)
		return -1;
	if (!limits->wait)
		return 0;
	return wake_post(c->m, c->peek ? WANT_PEEK : WANT_RECEIVE, &c->filter, 0);
}

/* turn -- claim_turn, with the lock held. */
static int
turn(struct claim *c, struct run *run, const struct claim_limits *limits)
{
	struct mbox *m = c->m;
	/* who peeks changes nothing, and has begun no change to rewrite a segment in */
	uint64_t left = run->n > 0 && !c->peek ? run->seg : 0;
	bool ask;

	if (c->peek)
		run->n = 0;
	if (finish(c, run, 0, CLAIM_DONE, 0, KEEP_STREAM) == -1)
		return -1;
	ask = ask_due(c);
	if ((ask && give_back_dead(c) == -1) || search(c, run, limits) == -1)
		return -1;
	if (run->n == 0 && !ask && m->ctl.claimed > 0
	    && (give_back_dead(c) == -1 || search(c, run, limits) == -1))
		return -1;
	if (left != 0 && (run->n == 0 || run->seg != left) && leave_segment(m, run, left) == -1)
		return -1;
	if (run->n == 0)
		return nothing(c, limits);
	if (seg_log(&m->seg) == -1)
		return -1;
	if (!c->peek && (mbox_number(m) == -1 || mbox_begin(m) == -1 || settle_claim(m, run->items, run->n) == -1))
		return -1;
	if (run->meet_fd != -1 && wake_end(m, run->items[0].id, STATE_CLAIMED) == -1)
		return -1;
	return wake_awake(m);
}

/* read_run -- read the run's frames, after the unlock: nobody changes what is in a log. */
static int
read_run(struct claim *c, struct run *run)
{
	ssize_t n = io_pread(c->m->seg.log_fd, run->log, run->log_len, run->log_at);

	if (n == (ssize_t)run->log_len)
		return 0;
	if (n != -1)
		errno = EBADMSG;
	return -1;
}

int
claim_turn(struct claim *c, struct run *run, const struct claim_limits *limits)
{
	struct mbox *m = c->m;
	int r;

	if (mbox_lock(m, limits->deadline_ns) == -1)
		return -1;
	r = turn(c, run, limits);
	if (r == 0 && m->changing)
		r = mbox_commit(m);
	mbox_unlock(m);
	if (r == -1)
		return -1;
	if (run->n == 0)
		return 0;
	run->sure = !c->peek;
	if (limits->messages > 1)
		search_ahead(c, run);
	return read_run(c, run) == -1 ? -1 : 1;
}

bool
claim_waits(struct claim *c, uint64_t id)
{
	struct item item;
	enum state_status status;
	bool waits;

	if (mbox_lock(c->m, CLOCK_NEVER) == -1)
		return true;
	waits = settle_find(c->m, id, &item, &status) != 0;
	mbox_unlock(c->m);
	return waits;
}

int
claim_settle(struct claim *c, struct run *run, uint32_t from, enum claim_end end, uint64_t delay_us)
{
	int r;

	if (c->peek || from >= run->n) {
		run->n = from < run->n ? from : run->n;
		return 0;
	}
	if (mbox_lock(c->m, CLOCK_NEVER) == -1)
		return -1;
	r = finish(c, run, from, end, delay_us < CLAIM_DELAY_MAX_US ? delay_us : CLAIM_DELAY_MAX_US, KEEP_IDLE);
	if (r == 0 && end == CLAIM_DONE)
		reclaim_sparse(&c->m->seg, &c->m->ctl);
	if (r == 0)
		r = mbox_commit(c->m);
	mbox_unlock(c->m);
	return r;
}

/* ---- what was claimed ---- */

const char *
claim_payload(const struct run *run, uint32_t i)
{
	const struct slot *s = &run->items[i].slot;
	const char *frame = run->log + (s->off - run->log_at);

	if (seg_bind(hash_sum(frame, slot_frame_len(s)), run->salt, run->items[i].id) != s->sum) {
		errno = EBADMSG;
		return NULL;
	}
	return frame + s->head_len;
}

/* is_of_slot -- whether the header line is that of a whole message as the slot has it. */
static bool
is_of_slot(const struct frame *f, const struct slot *s)
{
	bool big = s->flags & SLOT_BIG;

	return !f->continuation && !f->more && f->len == (big ? 0 : s->len)
	    && (!big || (f->extra.len >= 4 && memcmp(f->extra.p, "big=", 4) == 0));
}

int
claim_message(struct claim *c, struct run *run, uint32_t i, struct message *m, char *scratch)
{
	const struct item *item = &run->items[i];
	const char *payload = claim_payload(run, i);
	char big[SEG_NAME_BYTES];
	struct frame f;
	const char *space;

	if (payload == NULL || frame_parse(&f, payload - item->slot.head_len, item->slot.head_len, NULL) == -1)
		return -1;
	if (!is_of_slot(&f, &item->slot)) {
		errno = EBADMSG;
		return -1;
	}
	if (item->slot.flags & SLOT_BIG) {
		/* its first header is the mailbox's own */
		space = memchr(f.extra.p, ' ', f.extra.len);
		f.extra = space == NULL ? (struct slice){ f.extra.p, 0 }
		    : (struct slice){ space + 1, (size_t)(f.extra.p + f.extra.len - space - 1) };
	}
	message_of_frame(m, &f, scratch);
	m->id = item->id;
	m->time_us = item->slot.time_us;
	m->attempt = item->tries + 1;
	m->len = item->slot.len;
	m->data = payload;
	m->fd = -1;
	if (!(item->slot.flags & SLOT_BIG))
		return 0;
	m->data = NULL;
	seg_file(big, item->id, 0, "big");
	m->fd = openat(c->m->dir_fd, big, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (m->fd == -1 && errno == ENOENT && !c->peek)
		errno = EBADMSG;        /* nobody else takes away what we have claimed */
	return m->fd == -1 ? -1 : 0;
}
