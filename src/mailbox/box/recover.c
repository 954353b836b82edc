/* SPDX-License-Identifier: ISC */
/* recount: from the directory, the indexes and the want table to ctl. */
#include "mailbox/box/recover.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/num.h"
#include "base/reclock.h"
#include "base/safefile.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/dropdir.h"
#include "mailbox/disk/seg.h"
#include "mailbox/disk/wakefifo.h"
#include "mailbox/disk/want.h"
#include "mailbox/mode.h"

enum { BLOCK = 256 };           /* slots and states read at a time */

static int
by_id(const void *a, const void *b)
{
	const struct recover_listed *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int
add_id(struct recover_list *ids, uint64_t id)
{
	struct recover_listed *bigger;

	if (ids->n == ids->room) {
		ids->room = ids->room ? 2 * ids->room : 64;
		bigger = realloc(ids->seg, ids->room * sizeof *bigger);
		if (bigger == NULL)
			return -1;
		ids->seg = bigger;
	}
	ids->seg[ids->n++] = (struct recover_listed){ id, 0 };
	return 0;
}

int
recover_list_segments(int dir_fd, bool new, struct recover_list *ids)
{
	DIR *d = safefile_list_open(dir_fd);
	const struct dirent *e;
	uint64_t id;
	uint32_t variant;
	int r = 0;
	char kind;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL) {
		kind = seg_parse_file(e->d_name, &id, &variant);
		if (kind == 'i' || (new && kind == 'n'))
			r = add_id(ids, id);
	}
	safefile_list_close(d);
	if (ids->n > 1)
		qsort(ids->seg, ids->n, sizeof *ids->seg, by_id);
	return r;
}

/* count_message -- add one message to the counts. */
static void
count_message(struct ctl *c, uint64_t id, uint64_t state, const struct slot *slot)
{
	if (c->live++ == 0)
		c->first = id;
	c->live_bytes += batch_cost(slot->len);
	if (state_status(state) == STATE_CLAIMED)
		c->claimed++;
	else if (c->head > id)
		c->head = id;
	if (state_status(state) == STATE_DELAYED)
		c->delayed++;
}

/* count_segment -- add a segment's n messages to the counts; s->h.done is set. */
static int
count_segment(struct ctl *c, struct seg *s, uint32_t n)
{
	uint64_t states[BLOCK];
	struct slot slots[BLOCK];
	uint32_t step;

	s->h.done = 0;
	for (uint32_t pos = 0; pos < n; pos += step) {
		step = n - pos < BLOCK ? n - pos : BLOCK;
		if (seg_read_states(s, pos, step, states) == -1 || seg_read_slots(s, pos, step, slots) == -1)
			return -1;
		for (uint32_t i = 0; i < step; i++) {
			if (state_status(states[i]) >= STATE_DONE)
				s->h.done++;
			else
				count_message(c, seg_id(s, pos + i), states[i], &slots[i]);
		}
	}
	return 0;
}

/* count_segments -- go through all segments, remove the spent ones, and draw the chain of the others. */
static int
count_segments(int dir_fd, struct recover_list *ids, struct ctl *c)
{
	struct seg s, last = SEG_CLOSED;
	bool newest;
	int r = -1;

	c->first_seg = 0;
	for (size_t i = 0; i < ids->n; i++) {
		uint64_t id = ids->seg[i].id;

		ids->seg[i].id = 0;
		if (seg_open(&s, dir_fd, id, seg_access(c->mode)) == -1) {
			/* the header of a segment that never was part of the chain may be torn */
			if (errno != EBADMSG || id != c->next)
				goto end;
			s.h.first = id;
			c->orphans |= seg_remove(&s) == -1;
			continue;
		}
		newest = s.h.first == c->last_seg;
		if (!newest && (s.h.first > c->last_seg || s.h.n == 0)) {
			c->orphans |= seg_remove(&s) == -1;
			continue;
		}
		if (count_segment(c, &s, newest ? (uint32_t)(c->next - c->last_seg) : s.h.n) == -1) {
			seg_close(&s);
			goto end;
		}
		if (!newest && s.h.done == s.h.n) {
			c->orphans |= seg_remove(&s) == -1;
			continue;
		}
		ids->seg[i] = (struct recover_listed){ id, s.h.variant };
		s.h.prev = last.h.first;
		s.h.next = 0;
		if (last.h.first == 0) {
			c->first_seg = s.h.first;
		} else {
			last.h.next = s.h.first;
			if (seg_write_header(&last) == -1) {
				seg_close(&s);
				goto end;
			}
		}
		seg_close(&last);
		last = s;
	}
	if (last.h.first != c->last_seg) {
		/* the newest goes only when nothing is left */
		if (c->live > 0) {
			errno = EBADMSG;
			goto end;
		}
		c->last_seg = c->log_len = c->names = c->names_len = 0;
	} else if (last.h.first != 0 && seg_write_header(&last) == -1) {
		goto end;
	}
	r = 0;
end:
	seg_close(&last);
	return r;
}

/* message_waits -- whether message id is in a segment and not gone.  -1 where that cannot be told. */
static int
message_waits(int dir_fd, const struct recover_list *ids, const struct ctl *c, uint64_t id)
{
	struct seg s;
	uint64_t state = 0;
	uint32_t n, pos;
	int waits = 0;

	for (size_t i = ids->n; i-- > 0;) {
		if (ids->seg[i].id == 0 || ids->seg[i].id > id)
			continue;
		if (seg_open(&s, dir_fd, ids->seg[i].id, seg_access(c->mode)) == -1)
			return -1;
		n = s.h.first == c->last_seg ? (uint32_t)(c->next - c->last_seg) : s.h.n;
		pos = seg_find(&s, n, id);
		if (pos < n && seg_id(&s, pos) == id)
			waits = seg_read_states(&s, pos, 1, &state) == -1 ? -1 : state_status(state) < STATE_DONE;
		seg_close(&s);
		return waits;
	}
	return 0;
}

static bool
log_is_named(const struct recover_list *ids, uint64_t id, uint32_t variant)
{
	for (size_t i = 0; i < ids->n; i++)
		if (ids->seg[i].id == id)
			return ids->seg[i].variant == variant;
	return false;
}

/* Whose wants stand in the table. */
struct waiters {
	uint32_t n;
	uint64_t owner[WANT_MAX];
};

static bool
has_want(const struct waiters *who, uint64_t number)
{
	for (uint32_t i = 0; i < who->n; i++)
		if (who->owner[i] == number)
			return true;
	return false;
}

/*
 * in_use -- whether somebody uses NUMBER.wake or NUMBER.spool: a bell belongs to a want, a spool to a process which lives,
 * whether or not its want has found a place.  True for other files.
 */
static bool
in_use(int lock_fd, uint64_t self, const struct waiters *who, const char *name)
{
	const char *dot = strchr(name, '.');
	uint64_t number;

	if (dot == NULL || (strcmp(dot, ".wake") != 0 && strcmp(dot, ".spool") != 0)
	    || num_parse((struct slice){ name, (size_t)(dot - name) }, &number) == -1)
		return true;
	if (strcmp(dot, ".wake") == 0)
		return has_want(who, number);
	return number == self || reclock_holder(lock_fd, number) != -1;
}

/* remove_unnamed -- remove what no segment, message, want or living process names. */
static int
remove_unnamed(int dir_fd, int lock_fd, uint64_t self, const struct recover_list *ids, const struct waiters *who,
    struct ctl *c)
{
	DIR *d = safefile_list_open(dir_fd);
	const struct dirent *e;
	uint64_t id;
	uint32_t variant;
	int keep, r = 0;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL) {
		switch (seg_parse_file(e->d_name, &id, &variant)) {
		case 'l':
			keep = log_is_named(ids, id, variant);
			break;
		case 'b':
		case 'm':
			keep = message_waits(dir_fd, ids, c, id);
			break;
		case 'n':
			keep = 0;
			break;
		case 'i':
			keep = 1;
			break;
		default:
			keep = strcmp(e->d_name, "identity.new") != 0 && in_use(lock_fd, self, who, e->d_name);
		}
		if (keep == 0)
			c->orphans |= safefile_remove(dir_fd, e->d_name) == -1;
		else if (keep == -1)
			r = -1;
	}
	safefile_list_close(d);
	return r;
}

/* count_wants -- take down the wants of the dead, and count the entries in use.  who: gets whose the others are. */
static int
count_wants(int lock_fd, int want_fd, uint64_t self, struct waiters *who, struct ctl *c)
{
	struct want w;
	int used = want_used(want_fd, WANT_MAX);

	who->n = 0;
	for (uint32_t i = 0; used != -1 && i < (uint32_t)used; i++) {
		if (want_read(want_fd, i, &w) == 0
		    && (w.owner == 0 || w.owner == self || reclock_holder(lock_fd, w.owner) != -1))
			who->owner[who->n++] = w.owner;
		else if (want_void(want_fd, i) == -1)
			return -1;
	}
	if (used == -1 || (used = want_used(want_fd, (uint32_t)used)) == -1)
		return -1;
	c->wants = (uint32_t)used;
	return 0;
}

/* count_leaving -- a message that was about to be dropped, and is gone, is counted. */
static int
count_leaving(int dir_fd, const struct recover_list *ids, struct ctl *c)
{
	int waits = c->leaving == 0 ? 1 : message_waits(dir_fd, ids, c, c->leaving);

	if (waits == -1)
		return -1;
	if (waits == 0 && c->spoilt)
		c->damaged++;
	else if (waits == 0)
		c->dropped++;
	c->leaving = c->spoilt = 0;
	return 0;
}

/* open_drop -- let messages be left again, should rmmbox have been killed that had stopped it. */
static int
open_drop(int dir_fd, const struct ctl *c)
{
	struct stat st;
	int fd, r;

	if (c->removed || fstat(dir_fd, &st) == -1)
		return c->removed ? 0 : -1;
	fd = dropdir_open(dir_fd, st.st_uid);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	r = dropdir_unshut(fd, c->mode);
	io_close(fd);
	return r;
}

int
recover(int dir_fd, int lock_fd, int want_fd, uint64_t self, struct ctl *c)
{
	struct recover_list ids = { NULL, 0, 0 };
	struct waiters who;
	int r = -1;

	c->orphans = 0;
	c->live = c->live_bytes = c->claimed = c->delayed = 0;
	c->first = c->head = c->next;
	/* the wants first: who dies in between keeps his, and with it goes what he leaves */
	if (recover_list_segments(dir_fd, false, &ids) == 0 && count_segments(dir_fd, &ids, c) == 0
	    && count_leaving(dir_fd, &ids, c) == 0 && count_wants(lock_fd, want_fd, self, &who, c) == 0
	    && remove_unnamed(dir_fd, lock_fd, self, &ids, &who, c) == 0
	    && (!mode_drops(c->mode) || open_drop(dir_fd, c) == 0)) {
		c->layout++;
		c->requeues++;
		c->checked_ns = 0;
		r = 0;
	}
	free(ids.seg);
	return r;
}
