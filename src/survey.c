/* SPDX-License-Identifier: ISC */
/* survey: see survey.h.  A crash in it leaves nothing: a lock goes with its process. */
#include "survey.h"

#include <errno.h>
#include <stdlib.h>

#include "batch.h"
#include "clock.h"
#include "io.h"

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
	return strcmp(((const struct survey_tag *)a)->tag, ((const struct survey_tag *)b)->tag);
}

static void
add(struct survey_tag *to, const struct survey_tag *from)
{
	to->messages += from->messages;
	to->bytes += from->bytes;
	if (from->oldest_us < to->oldest_us)
		to->oldest_us = from->oldest_us;
}

/* merge_tags -- sort the tags, and make one of those that are the same. */
static void
merge_tags(struct survey *s)
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
keep_tag(struct survey *s, const struct survey_tag *t, struct slice tag)
{
	struct survey_tag *bigger;

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
count_segment(struct mbox *m, struct survey *s, struct survey_tag *tally)
{
	struct slot slots[BLOCK];
	uint64_t states[BLOCK];
	uint32_t n = mbox_seg_n(m), step;

	for (uint32_t pos = seg_find(&m->seg, n, s->ctl.first); pos < n; pos += step) {
		step = n - pos < BLOCK ? n - pos : BLOCK;
		if (seg_read_states(&m->seg, pos, step, states) == -1 || seg_read_slots(&m->seg, pos, step, slots) == -1)
			return -1;
		for (uint32_t i = 0; i < step; i++) {
			struct survey_tag one = { NULL, 1, batch_cost(slots[i].len), slots[i].time_us };

			if (state_status(states[i]) >= STATE_DONE)
				continue;
			if (s->oldest_us == SURVEY_EMPTY)
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
count_tags(struct mbox *m, struct survey *s)
{
	struct survey_tag tally[SEG_NAMES];
	struct names names;
	uint32_t n, len;

	for (size_t i = 0; i < SEG_NAMES; i++)
		tally[i] = (struct survey_tag){ .oldest_us = SURVEY_EMPTY };
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
look_at_messages(struct mbox *m, struct survey *s, bool tags)
{
	uint64_t seg = s->ctl.live > 0 ? s->ctl.first_seg : 0;

	for (; seg != 0 && (tags || s->oldest_us == SURVEY_EMPTY); seg = mbox_seg_next(m))
		if (mbox_seg(m, seg) == -1 || (tags ? count_tags(m, s) : count_segment(m, s, NULL)) == -1)
			return -1;
	merge_tags(s);
	return 0;
}

/* look_at_wants -- who lives and sleeps until something comes. */
static int
look_at_wants(struct mbox *m, struct survey *s)
{
	struct want *w;

	for (uint32_t i = 0; i < s->ctl.wants && s->wants_n < WANT_MAX; i++) {
		w = &s->wants[s->wants_n];
		if (want_read(m->want_fd, i, w) == -1)
			return -1;
		if (w->owner == 0 || w->kind == WANT_SPOOL || w->mark == WANT_AWAKE || !mbox_lives(m, w->owner))
			continue;
		s->wants_n++;
		if (w->kind == WANT_RECEIVE || w->kind == WANT_PEEK)
			s->receivers++;
		else
			s->senders++;
	}
	return 0;
}

static void
forget(struct survey *s)
{
	while (s->tags_n > 0)
		free(s->tags[--s->tags_n].tag);
	s->receivers = s->senders = s->wants_n = 0;
	s->oldest_us = SURVEY_EMPTY;
	s->outside = SURVEY_UNKNOWN;
}

/* look_once -- survey_look, of a mailbox that is open. */
static int
look_once(struct survey *s, struct mbox *m, bool tags)
{
	int r;

	forget(s);
	if (mbox_lock(m, clock_after(LOCK_NS)) == -1)
		return -1;
	s->ctl = m->ctl;
	s->now_us = clock_wall_us();
	s->now_ns = clock_mono_ns();
	r = look_at_wants(m, s) == 0 ? look_at_messages(m, s, tags) : -1;
	mbox_unlock(m);
	/* without the lock: others may have left very many */
	if (r == 0 && m->drops)
		r = mbox_drop(m) == -1 ? -1 : drop_count(m->drop_fd, s->ctl.taken, &s->outside);
	return r;
}

int
survey_look(struct survey *s, const char *path, bool tags)
{
	struct mbox m;
	int r, ms = 1, err;

	forget(s);
	if (mbox_open_any(&m, path) == -1)
		return -1;
	/* without the lock: again while things change, but not for ever */
	for (int i = 1; (r = look_once(s, &m, tags)) == -1 ? m.look : !mbox_held_still(&m); i++) {
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
