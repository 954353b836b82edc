/* SPDX-License-Identifier: ISC */
/*
 * snapshot: what is in a mailbox and what waits there.  Changes nothing; a crash in it leaves nothing, for a lock goes with
 * its process.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/io.h"
#include "mailbox/box/mbox.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/batch.h"

#define LOCK_NS UINT64_C(1000000000)    /* how long the mailbox may be locked by others */

enum {
	BLOCK = 1024,                           /* slots and states read at a time */
	LOOKS_ENOUGH = 16,                      /* without the lock: so often is it looked again where all has changed, */
	LOOKS = 100,                            /* and so often where it makes no sense, */
	LOOK_NAP_MS = 20,                       /* with at most such a pause */
};

/* ---- tags ---- */

static int
by_tag(const void *a, const void *b)
{
	return strcmp(((const struct snapshot_tag *)a)->tag, ((const struct snapshot_tag *)b)->tag);
}

static void
add(struct snapshot_tag *to, const struct snapshot_tag *from)
{
	to->messages += from->messages;
	to->bytes += from->bytes;
	if (from->oldest_us < to->oldest_us)
		to->oldest_us = from->oldest_us;
}

/* merge_tags -- sort the tags, and make one of those that are the same. */
static void
merge_tags(struct snapshot *s)
{
	size_t n = 0;

	if (s->tags_n == 0)
		return;
	qsort(s->tags, s->tags_n, sizeof *s->tags, by_tag);
	for (size_t i = 1; i < s->tags_n; i++) {
		if (strcmp(s->tags[n].tag, s->tags[i].tag) != 0) {
			s->tags[++n] = s->tags[i];
			continue;
		}
		add(&s->tags[n], &s->tags[i]);
		free(s->tags[i].tag);
	}
	s->tags_n = n + 1;
}

/* keep_tag -- add a tag of one segment; the same may come from several.  Returns 0, or -1. */
static int
keep_tag(struct snapshot *s, const struct snapshot_tag *t, struct slice tag)
{
	struct snapshot_tag *bigger;

	if (s->tags_n == s->tags_room) {
		merge_tags(s);
		if (s->tags_n >= s->tags_room / 2) {
			bigger = realloc(s->tags, (2 * s->tags_room + 64) * sizeof *bigger);
			if (bigger == NULL)
				return -1;
			s->tags = bigger;
			s->tags_room = 2 * s->tags_room + 64;
		}
	}
	s->tags[s->tags_n] = *t;
	s->tags[s->tags_n].tag = strndup(tag.p, tag.len);
	return s->tags[s->tags_n++].tag == NULL ? -1 : 0;
}

/* ---- messages ---- */

/*
 * count_segment -- go through the segment m->seg from the first message that waits.
 * tally: one for each name in its table; NULL: the oldest message is all that is looked for.
 * Returns 0, or -1.
 */
static int
count_segment(struct mbox *m, struct snapshot *s, struct snapshot_tag *tally)
{
	struct slot slots[BLOCK];
	uint64_t states[BLOCK];
	uint32_t n = mbox_seg_n(m), step;

	for (uint32_t pos = seg_find(&m->seg, n, m->ctl.first); pos < n; pos += step) {
		step = n - pos < BLOCK ? n - pos : BLOCK;
		if (seg_read_states(&m->seg, pos, step, states) == -1 || seg_read_slots(&m->seg, pos, step, slots) == -1)
			return -1;
		for (uint32_t i = 0; i < step; i++) {
			struct snapshot_tag one = { NULL, 1, batch_cost(slots[i].len), slots[i].time_us };

			if (state_status(states[i]) >= STATE_DONE)
				continue;
			if (s->oldest_us == SNAPSHOT_EMPTY)
				s->oldest_us = one.oldest_us;
			if (tally == NULL)
				return 0;
			if (slots[i].tag < SEG_NAMES)
				add(&tally[slots[i].tag], &one);
		}
	}
	return 0;
}

/* count_tags -- one segment's messages by tag. */
static int
count_tags(struct mbox *m, struct snapshot *s)
{
	struct snapshot_tag tally[SEG_NAMES];
	struct names names;
	uint32_t n, len;

	for (size_t i = 0; i < SEG_NAMES; i++)
		tally[i] = (struct snapshot_tag){ .oldest_us = SNAPSHOT_EMPTY };
	names.n = names.len = 0;
	mbox_seg_names(m, &n, &len);
	if (names_read(&names, &m->seg, n, len) == -1 || count_segment(m, s, tally) == -1)
		return -1;
	for (uint32_t i = 0; i < names.n; i++)
		if (tally[i].messages > 0 && keep_tag(s, &tally[i], names_get(&names, i)) == -1)
			return -1;
	return 0;
}

/* look_at_messages -- when the oldest was sent; with tags: all of them by tag. */
static int
look_at_messages(struct mbox *m, struct snapshot *s, bool tags)
{
	uint64_t seg = m->ctl.live > 0 ? m->ctl.first_seg : 0;

	for (; seg != 0 && (tags || s->oldest_us == SNAPSHOT_EMPTY); seg = mbox_seg_next(m))
		if (mbox_seg(m, seg) == -1 || (tags ? count_tags(m, s) : count_segment(m, s, NULL)) == -1)
			return -1;
	merge_tags(s);
	return 0;
}

/* look_at_wants -- which processes live and sleep until something comes. */
static int
look_at_wants(struct mbox *m, struct snapshot *s)
{
	static const enum snapshot_wait what[] = { [WANT_RECEIVE] = SNAPSHOT_MESSAGE, [WANT_PEEK] = SNAPSHOT_PEEK,
		[WANT_ROOM] = SNAPSHOT_ROOM, [WANT_END] = SNAPSHOT_END };
	struct want w;

	for (uint32_t i = 0; i < m->ctl.wants && s->waiters_n < SNAPSHOT_WAITERS; i++) {
		if (want_read(m->want_fd, i, &w) == -1)
			return -1;
		if (w.owner == 0 || w.kind == WANT_SPOOL || w.mark == WANT_AWAKE || !mbox_lives(m, w.owner))
			continue;
		s->waiters[s->waiters_n++] = (struct snapshot_waiter){
			w.kind < sizeof what / sizeof what[0] ? what[w.kind] : SNAPSHOT_MESSAGE, w.object, w.filter };
		if (w.kind == WANT_RECEIVE || w.kind == WANT_PEEK)
			s->receivers++;
		else
			s->senders++;
	}
	return 0;
}

static void
forget(struct snapshot *s)
{
	while (s->tags_n > 0)
		free(s->tags[--s->tags_n].tag);
	s->receivers = s->senders = s->waiters_n = 0;
	s->oldest_us = SNAPSHOT_EMPTY;
	s->outside = SNAPSHOT_UNKNOWN;
}

static void
copy_counts(struct snapshot *s, const struct ctl *c)
{
	mbox_settings(c, &s->settings);
	s->identity = c->identity;
	s->messages = c->live;
	s->bytes = c->live_bytes;
	s->claimed = c->claimed;
	s->dropped = c->dropped;
	s->damaged = c->damaged;
	s->refused = c->refused;
	s->sent = c->next - 1;
	s->received = s->sent - c->live - c->dropped - c->damaged;
}

/* look_once -- snapshot_look, of a mailbox that is open. */
static int
look_once(struct snapshot *s, struct mbox *m, bool tags)
{
	int r;

	forget(s);
	if (txn_lock(m, clock_after(LOCK_NS)) == -1)
		return -1;
	copy_counts(s, &m->ctl);
	s->now_us = clock_wall_us();
	s->now_ns = clock_mono_ns();
	r = look_at_wants(m, s) == 0 ? look_at_messages(m, s, tags) : -1;
	txn_unlock(m);
	/* without the lock: others may have left very many */
	if (r == 0 && m->drops)
		r = mbox_drop(m) == -1 ? -1 : dropdir_count(m->drop_fd, m->ctl.taken, &s->outside);
	return r;
}

int
snapshot_look(struct snapshot *s, const char *path, bool tags)
{
	struct mbox m;
	int r, ms = 1, err;

	forget(s);
	if (mbox_open_any(&m, path) == -1)
		return -1;
	/* without the lock: again while things change, but not for ever */
	for (int i = 1; (r = look_once(s, &m, tags)) == -1 ? m.look : !txn_still(&m); i++) {
		seg_close(&m.seg);
		err = errno;
		if ((r == 0 && i >= LOOKS_ENOUGH) || (r == -1 && (err == EIDRM || i == LOOKS)))
			break;
		if (io_nap(CLOCK_NEVER, &ms, LOOK_NAP_MS) == -1)
			err = errno;
		errno = err;
		if (io_stop)
			break;
	}
	s->damage = m.damage;
	mbox_close(&m);
	return r;
}
