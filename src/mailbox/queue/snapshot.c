/* SPDX-License-Identifier: ISC */
/*
 * snapshot: what is in a mailbox, what waits there, and which links are kept.  It only reads, so a crash in it leaves nothing.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "mailbox/box/links.h"
#include "mailbox/box/mbox.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/names.h"
#include "mailbox/queue/listing.h"
#include "mailbox/wait/backlog.h"

#define LOCK_NS UINT64_C(1000000000)    /* how long the mailbox may be locked by others */

/* Without the lock: */
enum {
	LOOKS_ENOUGH = 16,                      /* looks, where things change each time, */
	LOOKS = 100,                            /* and where what is read makes no sense; */
	LOOK_NAP_MS = 20,                       /* the longest pause between two */
	HELD_LOOKED = 65536,                    /* messages looked at for those that are held */
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
	if (to->messages == 0 || from->oldest_us < to->oldest_us)
		to->oldest_us = from->oldest_us;
	to->messages += from->messages;
	to->bytes += from->bytes;
}

/* merge_tags -- sort the tags, and merge equal ones. */
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
 * since -- the time from which the message at hand waits: when it was sent, or was due.  us: gets it; SNAPSHOT_EMPTY
 * where it is not due yet.  Returns 0, or -1.
 */
static int
since(struct backlog *c, const struct snapshot *s, uint64_t *us)
{
	uint64_t due;

	if (backlog_slot(c) == -1)
		return -1;
	*us = c->slot.time_us;
	if (!(c->slot.flags & SLOT_DUE))
		return 0;
	if (mbox_seg_log(c->m) == -1 || batch_due(&c->m->seg, &c->slot, &due) == -1)
		return -1;
	if (due <= s->now_us)
		*us = due > *us ? due : *us;
	else if (state_status(c->state) == STATE_DELAYED)
		*us = SNAPSHOT_EMPTY;
	return 0;
}

/* look_for_label -- whether the message at hand is a dead letter.  Returns 0, or -1. */
static int
look_for_label(struct backlog *c, struct snapshot *s)
{
	int r = mbox_seg_log(c->m) == -1 ? -1 : batch_dead_letter(&c->m->seg, &c->slot);

	s->dead_letters = r == 1;
	return r == -1 ? -1 : 0;
}

/* find_held -- which of the messages that are held has been held longest, and by whom: they stand near the front. */
static OUT_OF_LINE int
find_held(struct mbox *m, struct snapshot *s)
{
	uint64_t left = m->ctl.claimed, owner = 0, since_ns;
	struct backlog c;
	int r = 1;

	backlog_begin(&c, m, m->ctl.first, UINT64_MAX, BACKLOG_CLAIMED);
	while (left > 0 && c.looked <= HELD_LOOKED && (r = backlog_next(&c)) == 1) {
		left--;
		if (backlog_due(&c, &since_ns) == -1)
			return -1;
		/* of an offer it is not known */
		if (!(since_ns & SEG_CLAIMED_NS))
			continue;
		since_ns &= ~SEG_CLAIMED_NS;
		if (since_ns <= s->now_ns && (s->held_ns == 0 || since_ns < s->held_ns)) {
			s->held_ns = since_ns;
			owner = state_owner(c.state);
		}
	}
	if (owner != 0)
		s->holder = mbox_holder(m, owner);
	return r == -1 ? -1 : 0;
}

/*
 * find_oldest -- since when the oldest message waits; and where some are due that nobody has made ready yet, they are
 * not delayed.
 */
static OUT_OF_LINE int
find_oldest(struct mbox *m, struct snapshot *s)
{
	const bool fallen = m->ctl.due_us != 0 && m->ctl.due_us <= s->now_us;
	struct backlog c;
	uint64_t us;
	int r;

	backlog_begin(&c, m, m->ctl.first, UINT64_MAX, fallen ? BACKLOG_LIVE : BACKLOG_LIVE & ~BACKLOG_DELAYED);
	while ((r = backlog_next(&c)) == 1) {
		if (since(&c, s, &us) == -1
		    || (us != SNAPSHOT_EMPTY && s->oldest_us == SNAPSHOT_EMPTY && look_for_label(&c, s) == -1))
			return -1;
		s->delayed -= us != SNAPSHOT_EMPTY && state_status(c.state) == STATE_DELAYED && s->delayed > 0;
		s->oldest_us = us < s->oldest_us ? us : s->oldest_us;
		/* those behind it were sent later, if they are not due later still */
		if (!fallen && !(c.slot.flags & SLOT_DUE))
			return 0;
	}
	return r;
}

/* keep_tally -- add what a segment's messages come to, by its names; and clear the tally for the next segment. */
static int
keep_tally(struct snapshot *s, struct snapshot_tag *tally, const struct names *names)
{
	for (uint32_t i = 0; i < names->n; i++)
		if (tally[i].messages > 0 && keep_tag(s, &tally[i], names_get(names, i)) == -1)
			return -1;
	memset(tally, 0, SEG_NAMES * sizeof *tally);
	return 0;
}

/* count_tags -- all messages by tag. */
static OUT_OF_LINE int
count_tags(struct mbox *m, struct snapshot *s)
{
	struct snapshot_tag tally[SEG_NAMES] = { 0 };
	struct names names;
	struct backlog c;
	uint64_t seg = 0, us;
	int r;

	backlog_begin(&c, m, m->ctl.first, UINT64_MAX, BACKLOG_LIVE);
	do {
		r = backlog_next(&c);
		if (r == -1 || (seg != 0 && (r == 0 || c.first != seg) && keep_tally(s, tally, &names) == -1))
			return -1;
		seg = c.first;
		if (r == 1 && (since(&c, s, &us) == -1 || backlog_names(&c, &names) == -1))
			return -1;
		if (r == 1 && c.slot.tag < SEG_NAMES)
			add(&tally[c.slot.tag], &(struct snapshot_tag){ NULL, 1, batch_cost(c.slot.len), us });
	} while (r == 1);
	merge_tags(s);
	return 0;
}

/* keep_waiter -- add a process that sleeps.  Returns 0, or -1. */
static int
keep_waiter(struct snapshot *s, enum snapshot_wait what, struct want *w, pid_t pid)
{
	struct filter f = want_filter(w);
	struct snapshot_waiter *bigger;

	if (s->waiters_n == s->waiters_room) {
		bigger = realloc(s->waiters, (2 * s->waiters_room + 16) * sizeof *bigger);
		if (bigger == NULL)
			return -1;
		s->waiters = bigger;
		s->waiters_room = 2 * s->waiters_room + 16;
	}
	if (f.len > 0) {
		f.text = malloc(f.len);
		if (f.text == NULL)
			return -1;
		memcpy(f.text, w->text, f.len);
	}
	s->waiters[s->waiters_n++] = (struct snapshot_waiter){ what, w->object, pid, w->since_ns, w->ticket,
		w->wide != 0, f };
	return 0;
}

static int
by_ticket(const void *a, const void *b)
{
	const struct snapshot_waiter *x = a, *y = b;

	return (x->ticket > y->ticket) - (x->ticket < y->ticket);
}

/* look_at_wants -- which living processes sleep, and for what. */
static int
look_at_wants(struct mbox *m, struct snapshot *s)
{
	static const enum snapshot_wait what[] = { [WANT_RECEIVE] = SNAPSHOT_MESSAGE, [WANT_PEEK] = SNAPSHOT_PEEK,
		[WANT_ROOM] = SNAPSHOT_ROOM, [WANT_END] = SNAPSHOT_END };
	struct want w;
	pid_t pid;

	for (uint32_t i = 0; i < m->ctl.wants; i++) {
		if (want_read(m->want_fd, i, &w) == -1)
			return -1;
		if (w.owner == 0 || w.kind == WANT_SPOOL || w.mark == WANT_AWAKE || (pid = mbox_holder(m, w.owner)) == -1)
			continue;
		if (keep_waiter(s, w.kind < sizeof what / sizeof what[0] ? what[w.kind] : SNAPSHOT_MESSAGE, &w, pid) == -1)
			return -1;
		if (w.kind == WANT_RECEIVE || w.kind == WANT_PEEK)
			s->receivers++;
		else
			s->senders++;
	}
	if (s->waiters_n > 1)
		qsort(s->waiters, s->waiters_n, sizeof *s->waiters, by_ticket);
	return 0;
}

/* text_of -- a copy of a run of bytes, as a C string; NULL where there is no memory. */
static char *
text_of(struct slice s)
{
	char *text = malloc(s.len + 1);

	if (text != NULL) {
		memcpy(text, s.p, s.len);
		text[s.len] = '\0';
	}
	return text;
}

/* keep_link -- add a link, unless its process is dead (links_each). */
static int
keep_link(void *arg, const struct linkfile *f, pid_t pid)
{
	struct snapshot *s = arg;
	struct snapshot_link *bigger, *l;

	if (pid == -1)
		return 0;
	if (s->links_n == s->links_room) {
		bigger = realloc(s->links, (2 * s->links_room + 4) * sizeof *bigger);
		if (bigger == NULL)
			return -1;
		s->links = bigger;
		s->links_room = 2 * s->links_room + 4;
	}
	l = &s->links[s->links_n++];
	*l = (struct snapshot_link){ pid > 0 ? pid : f->pid, (enum link_state)(f->state <= LINK_WAITS ? f->state : LINK_WAITS),
		f->inward != 0, f->since_us, text_of(linkfile_target(f)), text_of(linkfile_its_name(f)) };
	return l->target == NULL || l->name == NULL ? -1 : 0;
}

static int
by_target(const void *a, const void *b)
{
	const struct snapshot_link *x = a, *y = b;
	int r = strcmp(x->target, y->target);

	return r != 0 ? r : strcmp(x->name, y->name);
}

static void
forget(struct snapshot *s)
{
	while (s->tags_n > 0)
		free(s->tags[--s->tags_n].tag);
	while (s->waiters_n > 0)
		if (s->waiters[--s->waiters_n].filter.len > 0)
			free(s->waiters[s->waiters_n].filter.text);
	while (s->links_n > 0) {
		free(s->links[--s->links_n].target);
		free(s->links[s->links_n].name);
	}
	s->receivers = s->senders = 0;
	s->held_ns = 0;
	s->holder = SNAPSHOT_NOBODY;
	s->dead_letters = false;
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
	s->delayed = c->delayed;
	s->dropped = c->dropped;
	s->buried = c->buried;
	s->kept_back = c->retrying;
	s->failed = c->failed + c->buried;
	s->forgotten = c->once_evicted;
	s->damaged = c->damaged;
	s->refused = c->refused;
	s->sent = c->next - 1;
	s->received = s->sent - c->live - c->dropped - c->buried - c->damaged;
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
	r = look_at_wants(m, s) == -1 ? -1 : links_each(m, keep_link, s);
	if (s->links_n > 1)
		qsort(s->links, s->links_n, sizeof *s->links, by_target);
	if (r == 0 && m->ctl.live > 0)
		r = find_oldest(m, s) == -1 || find_held(m, s) == -1 || (tags && count_tags(m, s) == -1) ? -1 : 0;
	txn_unlock(m);
	/* without the lock: there may be very many */
	if (r == 0 && m->drops)
		r = mbox_drop(m) == -1 ? -1 : dropdir_count(m->drop_fd, m->ctl.taken, &s->outside);
	return r;
}

int
snapshot_look(struct snapshot *s, const char *path, bool tags)
{
	struct mbox m;
	int r, ms = 1;

	forget(s);
	if (mbox_open_any(&m, path) == -1)
		return -1;
	/* without the lock: again while things change, but not for ever */
	for (int i = 1; (r = look_once(s, &m, tags)) == -1 ? m.look : !txn_still(&m); i++) {
		seg_close(&m.seg);
		if ((r == 0 && i >= LOOKS_ENOUGH) || (r == -1 && (errno == EIDRM || i == LOOKS))
		    || io_nap(CLOCK_NEVER, &ms, LOOK_NAP_MS) == -1)
			break;
	}
	if (r != -1 && s->list != NULL)
		r = listing(&m, s->list);
	s->damage = m.damage;
	mbox_close(&m);
	return r;
}
