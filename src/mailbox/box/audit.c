/* SPDX-License-Identifier: ISC */
/* audit: each entry is corrected in place.  A crash leaves some of that undone, and the mailbox to be audited again. */
#include "mailbox/box/audit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/safefile.h"
#include "frame/frame.h"
#include "mailbox/box/recover.h"
#include "mailbox/box/vouch.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/names.h"

enum {
	FRAME_MAX = FRAME_HEADER_MAX + MAILBOX_INLINE + 1,
	WINDOW = 256 * 1024,                    /* bytes of log read at a time */
};

_Static_assert((int)WINDOW >= (int)FRAME_MAX, "a frame fits in the window");

struct audit {
	struct mbox *m;
	uint64_t next;                          /* above all ids found */
	bool any;                               /* something waits */
	uint64_t seen;                          /* messages that may have been waiting when ctl was written */
	bool lost;                              /* a segment has no index, or no log */
	struct seg s;                           /* the segment being audited, and its names */
	struct names names;
	uint32_t log_next;                      /* where the frame behind the last one begins in its log */
	uint64_t log_at;                        /* where window begins in its log */
	size_t log_have;
	char window[WINDOW];
};

/* ---- one message ---- */

/* window_at -- have the log from `at' on in the window, n bytes if it is that long.  Returns how many are there, or -1. */
static ssize_t
window_at(struct audit *a, uint32_t at, size_t n)
{
	ssize_t got;

	if (at < a->log_at || at + n > a->log_at + a->log_have) {
		got = io_pread(a->s.log_fd, a->window, WINDOW, at);
		if (got == -1)
			return -1;
		a->log_at = at;
		a->log_have = (size_t)got;
	}
	return (ssize_t)(a->log_at + a->log_have - at);
}

/*
 * guess_slot -- of a message whose slot is lost (the index is cut short, as in half a copy): its frame is the one behind
 * the last, if there is a header there.  No sum tells whether it is whole, so it is set aside, not delivered.
 */
static int
guess_slot(struct audit *a, struct slot *slot)
{
	ssize_t have = window_at(a, a->log_next, FRAME_HEADER_MAX);
	const char *line = a->window + (a->log_next - a->log_at), *end;
	struct frame f;

	if (have == -1)
		return -1;
	end = memchr(line, '\n', have < FRAME_HEADER_MAX ? (size_t)have : FRAME_HEADER_MAX);
	if (end == NULL || frame_parse(&f, line, (size_t)(end + 1 - line), NULL) == -1 || f.continuation)
		return 0;
	*slot = (struct slot){ .len = f.len, .off = a->log_next, .head_len = (uint16_t)(end + 1 - line) };
	if (batch_big_take(&f.extra, NULL) == 0)
		slot->flags = SLOT_BIG;
	return 0;
}

/* frame_at -- the frame of a slot, as it is in the log; NULL if it cannot be there.  Returns 0, or -1. */
static int
frame_at(struct audit *a, const struct slot *slot, const char **frame, size_t *len)
{
	uint32_t n = slot_frame_len(slot);
	ssize_t have;

	*frame = NULL;
	if (!seg_slot_sound(slot))
		return 0;
	*len = n;
	have = window_at(a, slot->off, n);
	if (have >= (ssize_t)n)
		*frame = a->window + (slot->off - a->log_at);
	return have == -1 ? -1 : 0;
}

/* payload_there -- whether the file of a large payload is there, in full length.  Returns -1 if that is not known. */
static int
payload_there(const struct audit *a, uint64_t id, const struct slot *slot)
{
	char name[SEG_NAME_BYTES];
	struct stat st;

	seg_file(name, id, 0, "big");
	if (fstatat(a->m->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	return S_ISREG(st.st_mode) && (uint64_t)st.st_size == slot->len;
}

/* is_whole -- whether this is the frame that was sent as message id.  f: gets its header.  Returns 1, 0 or -1. */
static int
is_whole(const struct audit *a, uint64_t id, const struct slot *slot, const char *frame, size_t len, struct frame *f)
{
	if (frame == NULL || seg_bind(hash_sum(frame, len), a->s.h.salt, id) != slot->sum
	    || frame_parse(f, frame, slot->head_len, NULL) == -1 || f->continuation)
		return 0;
	if (slot->flags & SLOT_BIG)
		return batch_big_take(&f->extra, NULL) == -1 ? 0 : payload_there(a, id, slot);
	return f->len == slot->len;
}

/* right_name -- make number that of the name in the table.  Returns 1 it was changed, 0, or -1: the table is full. */
static int
right_name(struct audit *a, uint16_t *number, struct slice name)
{
	long n;

	if (*number < a->names.n && slice_eq(names_get(&a->names, *number), name))
		return 0;
	n = names_add(&a->names, name);
	*number = (uint16_t)n;
	return n == -1 ? -1 : 1;
}

/* right_due -- have the message kept back until the time in its header, and no other. */
static int
right_due(const struct audit *a, uint32_t pos, const struct frame *f)
{
	uint64_t due = 0, state;
	struct slice value;
	bool later;

	if (frame_header(f->extra, "due", &value) == 0 || frame_parse_time(value, &due) == -1)
		due = 0;
	later = due > clock_wall_us();
	if (seg_read(&a->s, SEG_STATES, pos, 1, &state) == -1)
		return -1;
	if (state_status(state) != STATE_DELAYED && !(later && state_status(state) == STATE_READY))
		return 0;
	state = state_make(later ? STATE_DELAYED : STATE_READY, state_tries(state), 0);
	return seg_write_one(&a->s, SEG_DUE, pos, due) == -1 ? -1 : seg_write(&a->s, SEG_STATES, pos, 1, &state);
}

/* right_entries -- correct what else the index has of a whole message.  Returns 1, 0 its names do not fit, or -1. */
static int
right_entries(struct audit *a, uint32_t pos, struct slot *slot, const struct frame *f)
{
	struct slice value;
	uint64_t expiry, stands;
	int tag = right_name(a, &slot->tag, f->tag), source = right_name(a, &slot->source, f->source);

	if (tag == -1 || source == -1)
		return 0;
	if ((tag || source) && seg_write_slots(&a->s, pos, 1, slot) == -1)
		return -1;
	if (slot->flags & SLOT_DUE && right_due(a, pos, f) == -1)
		return -1;
	if (!(slot->flags & SLOT_EXPIRES) || frame_header(f->extra, "expire", &value) == 0
	    || frame_parse_time(value, &expiry) == -1)
		return 1;
	if (seg_read(&a->s, SEG_EXPIRY, pos, 1, &stands) == 0 && stands == expiry)
		return 1;
	return seg_write_one(&a->s, SEG_EXPIRY, pos, expiry) == -1 ? -1 : 1;
}

/* set_aside -- message id is damaged: keep what there is of it. */
static int
set_aside(struct audit *a, uint64_t id, const struct slot *slot, const char *frame, size_t len)
{
	char big[SEG_NAME_BYTES];

	seg_file(big, id, 0, "big");
	if (frame != NULL && (damage_keep(&a->m->damage, a->m->dir_fd, id, a->m->ctl.mode, frame, len) == -1
	    || ((slot->flags & SLOT_BIG) && damage_keep_file(&a->m->damage, a->m->dir_fd, big) == -1)))
		return -1;
	damage_note(&a->m->damage, id);
	a->m->ctl.damaged++;
	return 0;
}

/* place_id -- the id of the message at place pos; 0 for none.  Returns 0, or -1. */
static int
place_id(const struct audit *a, uint32_t pos, uint64_t *id)
{
	errno = 0;
	*id = seg_id(&a->s, pos);
	return *id == 0 && errno != 0 ? -1 : 0;
}

/* audit_message -- correct or set aside the message at place pos. */
static int
audit_message(struct audit *a, uint32_t pos, struct slot *slot, uint64_t state)
{
	const uint64_t ready = 0, gone = state_make(STATE_DROPPED, 0, 0);
	uint64_t id;
	struct frame f;
	const char *frame;
	size_t len = 0;
	int r;

	if (place_id(a, pos, &id) == -1)
		return -1;
	a->seen += id >= a->m->ctl.first;
	if (state_status(state) == STATE_DONE || state_status(state) == STATE_DROPPED)
		return 0;
	if (state_status(state) > STATE_DROPPED && seg_write(&a->s, SEG_STATES, pos, 1, &ready) == -1)
		return -1;
	if (a->m->ctl.cap_messages == 0) {          /* an offer: the sender is dead */
		a->m->ctl.dropped++;
		return seg_write(&a->s, SEG_STATES, pos, 1, &gone);
	}
	if (frame_at(a, slot, &frame, &len) == -1)
		return -1;
	r = is_whole(a, id, slot, frame, len, &f);
	if (r == 1)
		r = right_entries(a, pos, slot, &f);
	if (r == 0)
		return set_aside(a, id, slot, frame, len) == -1 ? -1 : seg_write(&a->s, SEG_STATES, pos, 1, &gone);
	a->any |= r == 1;
	return r == 1 ? 0 : -1;
}

/* ---- one segment ---- */

/* has_index -- whether the segment is among those that have an index. */
static bool
has_index(const struct recover_list *list, uint64_t id)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->seg[i].id == id)
			return true;
	return false;
}

/* keep_log -- set a log aside.  An empty one, as a maker that was killed leaves it, has nothing to keep. */
static int
keep_log(struct audit *a, const char *name)
{
	struct stat st;

	if (fstatat(a->m->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
		return unlinkat(a->m->dir_fd, name, 0);
	return damage_keep_file(&a->m->damage, a->m->dir_fd, name);
}

/* keep_logs -- set aside the logs of segment id; 0: those without an index.  What they contain is not known. */
static int
keep_logs(struct audit *a, uint64_t id, const struct recover_list *list)
{
	DIR *d = safefile_list_open(a->m->dir_fd);
	const struct dirent *e;
	uint64_t is;
	uint32_t variant;
	int r = 0;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL)
		if (seg_parse_file(e->d_name, &is, &variant) == 'l' && (id != 0 ? is == id : !has_index(list, is)))
			r = keep_log(a, e->d_name);
	safefile_list_close(d);
	return r;
}

/* unusable -- whether opening a segment failed because it is missing or not sound, and not for lack of resources. */
static bool
unusable(void)
{
	return errno == EBADMSG || errno == ENOENT;
}

/*
 * open_segment -- open segment id by its index, or by that of a rewriting whose rename was lost.
 * A log is removed only after all of its messages, or a rewriting that is on disk: without a log an index is void.
 * Returns 1, 0 nothing can be recovered from it, or -1.
 */
static int
open_segment(struct audit *a, uint64_t id)
{
	static const struct recover_list none = { NULL, 0, 0 };
	char new[SEG_NAME_BYTES], idx[SEG_NAME_BYTES];
	bool torn;

	if (seg_open(&a->s, a->m->dir_fd, id, seg_access(a->m->ctl.mode)) == 0 && seg_log(&a->s) != -1)
		return 1;
	if (!unusable())
		return -1;
	/* segment `next' may have been begun: it has no messages */
	torn = a->s.idx_fd == -1 && errno == EBADMSG && id < a->m->ctl.next;
	seg_close(&a->s);
	seg_file(new, id, 0, "idx.new");
	seg_file(idx, id, 0, "idx");
	if (seg_open_index(&a->s, a->m->dir_fd, id, seg_access(a->m->ctl.mode), "idx.new") == 0 && seg_log(&a->s) != -1)
		return renameat(a->m->dir_fd, new, a->m->dir_fd, idx) == -1 ? -1 : 1;
	if (!unusable() || (torn && keep_logs(a, id, &none) == -1))
		return -1;
	seg_close(&a->s);
	a->lost |= id < a->m->ctl.next;
	return unlinkat(a->m->dir_fd, idx, 0) == 0 || errno == ENOENT ? 0 : -1;
}

/* extent -- how much of the segment is in use, by its header or by ctl, whichever says more.  Returns the messages. */
static uint32_t
extent(struct audit *a)
{
	const struct ctl *c = &a->m->ctl;
	struct seg_header *h = &a->s.h;

	if (c->last_seg == h->first && !h->sparse && c->next - h->first > h->n && c->next - h->first <= SEG_MESSAGES) {
		h->n = (uint32_t)(c->next - h->first);
		h->names = c->names;
		h->names_len = c->names_len;
		h->log_len = c->log_len;
	}
	return h->n;
}

/* audit_messages -- all n of the segment. */
static int
audit_messages(struct audit *a, uint32_t n)
{
	static const struct slot none = { .head_len = 1 };      /* in place of a slot that is not sound */
	struct seg_cursor at = { .n = n, .raw = true };
	bool sound;
	int r;

	a->log_next = 0;
	while ((r = seg_next(&a->s, &at)) == 1) {
		sound = seg_slot_sound(at.slot);
		if ((!sound && guess_slot(a, at.slot) == -1) || audit_message(a, at.pos, at.slot, at.state) == -1
		    || (!sound && seg_write_slots(&a->s, at.pos, 1, &none) == -1))
			return -1;
		if (seg_slot_sound(at.slot))
			a->log_next = at.slot->off + slot_frame_len(at.slot);
	}
	return r;
}

/* right_ids -- correct the ids of a sparse segment: a search relies on each being above the one before. */
static int
right_ids(struct audit *a, uint32_t n)
{
	uint64_t id, before = a->s.h.first;

	for (uint32_t pos = 0; a->s.h.sparse && pos < n; pos++) {
		if (place_id(a, pos, &id) == -1)
			return -1;
		if (id < before || id - a->s.h.first > SEG_MESSAGES)
			id = before;
		if (id == before && seg_write(&a->s, SEG_IDS, pos, 1, &id) == -1)
			return -1;
		before = id;
	}
	return 0;
}

/* audit_segment -- correct a segment, or remove it if nothing of it is in use. */
static int
audit_segment(struct audit *a, uint64_t id)
{
	uint32_t n, known = 0;
	int r = open_segment(a, id);

	if (r != 1)
		return r;
	n = extent(a);
	if (n == 0) {
		seg_remove(&a->s);
		return 0;
	}
	a->log_at = a->log_have = 0;
	names_none(&a->names);
	if (seg_extend(&a->s, n) == -1)
		return -1;
	if (names_read(&a->names, &a->s, a->s.h.names, a->s.h.names_len) == 0)
		known = a->names.n;
	else if (!unusable())
		return -1;
	if (right_ids(a, n) == -1 || audit_messages(a, n) == -1 || names_write(&a->names, &a->s, known) == -1)
		return -1;
	a->s.h.names = a->names.n;
	a->s.h.names_len = a->names.len;
	if (a->next <= seg_id(&a->s, n - 1))
		a->next = seg_id(&a->s, n - 1) + 1;
	r = seg_write_header(&a->s);
	seg_close(&a->s);
	return r;
}

/* ---- all of them ---- */

/* settle_newest -- begin a fresh segment for what is sent from now on, so that nothing found is overwritten. */
static int
settle_newest(struct audit *a)
{
	struct ctl *c = &a->m->ctl;
	struct seg fresh;

	c->next = a->next;
	c->last_seg = c->log_len = c->names = c->names_len = 0;
	if (!a->any)
		return 0;
	if (seg_create(&fresh, a->m->dir_fd, c->next, 0, c->mode, c->incarnation) == -1)
		return -1;
	seg_close(&fresh);
	c->last_seg = c->next;
	return 0;
}

/* count_missing -- of a copy: where it is not all there, what was to wait and was not seen is damaged. */
static int
count_missing(struct audit *a, const struct recover_list *list)
{
	struct damage *d = &a->m->damage;
	const uint64_t live = a->m->ctl.live;
	const bool kept = d->kept;

	if (live <= a->seen)
		return 0;
	d->kept = false;
	if (keep_logs(a, 0, list) == -1)
		return -1;
	a->lost |= d->kept;
	d->kept |= kept;
	if (!a->lost)
		return 0;               /* it was copied while it was in use: they were received meanwhile */
	if (d->n == 0)
		d->first = a->m->ctl.first;
	d->last = a->next - 1;
	d->n += live - a->seen;
	a->m->ctl.damaged += live - a->seen;
	return 0;
}

int
audit(struct mbox *m, bool copy)
{
	struct recover_list list = { NULL, 0, 0 };
	struct audit *a = calloc(1, sizeof *a);
	int r;

	if (a == NULL)
		return -1;
	a->m = m;
	a->next = m->ctl.next;
	a->s = (struct seg)SEG_CLOSED;
	r = recover_list_segments(m->dir_fd, true, &list);
	for (size_t i = 0; r == 0 && i < list.n; i++)
		if (i == 0 || list.seg[i].id != list.seg[i - 1].id)
			r = audit_segment(a, list.seg[i].id);
	if (r == 0 && copy)
		r = count_missing(a, &list);
	if (r == 0)
		r = vouch(m, &list, copy, &a->next);
	if (r == 0)
		r = settle_newest(a);
	seg_close(&a->s);
	free(list.seg);
	free(a);
	return r;
}
