/* SPDX-License-Identifier: ISC */
/*
 * compact: remove spent segments, rewrite sparse ones.
 *
 * A segment is rewritten as ID.VARIANT.log and ID.idx.new, which is then renamed to ID.idx.  The index names its log,
 * so the rename is the change.  A crash leaves the new files, or the old log; recovery removes them.
 */
#include "mailbox/box/compact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/safefile.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/names.h"
#include "mailbox/mode.h"

enum {
	SPARSE = 8,             /* a segment is rewritten when less than 1/SPARSE of it waits, */
	WORTH = 512,            /* and it had at least this many messages, */
	WORTH_BYTES = 1 << 20,  /* or this many bytes of log */
	NEAR = 4096,            /* short frames are read as many at a time as stand in so many bytes */
};

/* set_link -- set a link of the neighbour named id, if there is one. */
static int
set_link(const struct seg *of, uint64_t id, bool next, uint64_t value)
{
	struct seg s;
	int r;

	if (id == 0)
		return 0;
	if (seg_open(&s, of->dir_fd, id, of->access) == -1)
		return -1;
	if (next)
		s.h.next = value;
	else
		s.h.prev = value;
	r = seg_write_header(&s);
	seg_close(&s);
	return r;
}

/* remove_segment -- remove and close m->seg; its memory is given back at the unlock. */
static void
remove_segment(struct mbox *m)
{
	struct seg *s = &m->seg;

	txn_removed(m, s->idx_fd);
	txn_removed(m, s->log_fd);
	s->idx_fd = s->log_fd = -1;
	m->ctl.orphans |= seg_remove(s) == -1;
}

static int
remove_spent(struct mbox *m)
{
	struct seg *s = &m->seg;
	struct ctl *c = &m->ctl;
	uint64_t prev = s->h.prev, next = s->h.next;

	if (set_link(s, prev, true, next) == -1 || set_link(s, next, false, prev) == -1)
		return -1;
	if (prev == 0)
		c->first_seg = next;
	remove_segment(m);
	c->layout++;
	return 0;
}

void
compact_newest(struct mbox *m)
{
	struct ctl *c = &m->ctl;

	remove_segment(m);
	c->first_seg = c->last_seg = c->log_len = c->names = c->names_len = 0;
	c->layout++;
}

/* A rewriting under way, from s to t. */
struct rewriting {
	struct seg *s, *t;
	struct names from, to;
	struct seg_cursor at;           /* in s */
	uint32_t n;                     /* messages gathered for t */
	struct slot slots[SEG_BLOCK];
	uint64_t states[SEG_BLOCK], ids[SEG_BLOCK];
	size_t used;                    /* bytes of their frames in log */
	char log[BATCH_LOG];
	uint64_t near_at;               /* of the log of s, from here on, */
	size_t near_len;                /* so many bytes are in near */
	char near[NEAR];
};

/* flush -- write what was gathered to t. */
static int
flush(struct rewriting *w)
{
	struct seg *t = w->t;

	if (io_pwrite(t->log_fd, w->log, w->used, t->h.log_len) == -1 || seg_reserve(t, t->h.n, w->n) == -1
	    || seg_write_slots(t, t->h.n, w->n, w->slots) == -1 || seg_write(t, SEG_STATES, t->h.n, w->n, w->states) == -1
	    || seg_write(t, SEG_IDS, t->h.n, w->n, w->ids) == -1)
		return -1;
	t->h.log_len += w->used;
	t->h.n += w->n;
	w->used = w->n = 0;
	return 0;
}

/* read_frame -- read a frame of len bytes into out.  Returns 0, or -1. */
static int
read_frame(struct rewriting *w, uint64_t at, size_t len, char *out)
{
	ssize_t got;

	if (len > NEAR)
		return io_pread(w->s->log_fd, out, len, at) == (ssize_t)len ? 0 : -1;
	if (at < w->near_at || at + len > w->near_at + w->near_len) {
		got = io_pread(w->s->log_fd, w->near, NEAR, at);
		if (got < (ssize_t)len)
			return -1;
		w->near_at = at;
		w->near_len = (size_t)got;
	}
	memcpy(out, w->near + (at - w->near_at), len);
	return 0;
}

/* keep_message -- the message at hand goes to t. */
static int
keep_message(struct rewriting *w)
{
	struct slot *slot = w->at.slot;
	uint32_t pos = w->at.pos, to;
	size_t len = slot_frame_len(slot);
	uint64_t due, expiry;

	if (len > sizeof w->log || ((w->n == SEG_BLOCK || w->used + len > sizeof w->log) && flush(w) == -1)
	    || read_frame(w, slot->off, len, w->log + w->used) == -1)
		return -1;
	to = w->t->h.n + w->n;
	if ((state_status(w->at.state) != STATE_READY || (slot->flags & SLOT_OFFER))
	    && (seg_read(w->s, SEG_DUE, pos, 1, &due) == -1 || seg_write_one(w->t, SEG_DUE, to, due) == -1))
		return -1;
	if ((slot->flags & SLOT_EXPIRES)
	    && (seg_read(w->s, SEG_EXPIRY, pos, 1, &expiry) == -1 || seg_write_one(w->t, SEG_EXPIRY, to, expiry) == -1))
		return -1;
	slot->off = (uint32_t)(w->t->h.log_len + w->used);
	/* a subset of a table fits in a table */
	slot->tag = (uint16_t)names_add(&w->to, names_get(&w->from, slot->tag));
	slot->source = (uint16_t)names_add(&w->to, names_get(&w->from, slot->source));
	w->slots[w->n] = *slot;
	w->states[w->n] = w->at.state;
	w->ids[w->n] = seg_id(w->s, pos);
	if (w->ids[w->n] == 0)
		return -1;
	w->n++;
	w->used += len;
	return 0;
}

/* copy_messages -- copy to t what waits in s. */
static int
copy_messages(struct seg *s, struct seg *t)
{
	struct rewriting w;
	int r;

	w.s = s;
	w.t = t;
	names_none(&w.from);
	names_none(&w.to);
	w.n = w.at.next = 0;
	w.used = w.near_at = w.near_len = 0;
	w.at.n = s->h.n;
	w.at.raw = false;
	if (seg_log(s) == -1 || names_read(&w.from, s, s->h.names, s->h.names_len) == -1)
		return -1;
	while ((r = seg_next(s, &w.at)) == 1)
		if (state_status(w.at.state) < STATE_DONE && keep_message(&w) == -1)
			return -1;
	t->h.names = w.to.n;
	t->h.names_len = w.to.len;
	return r == -1 || flush(&w) == -1 || names_write(&w.to, t, 0) == -1 ? -1 : seg_write_header(t);
}

static void
rewrite(struct seg *s, struct ctl *c)
{
	struct seg t = *s;
	char log[SEG_NAME_BYTES], new[SEG_NAME_BYTES], idx[SEG_NAME_BYTES], old[SEG_NAME_BYTES];

	t.h.n = t.h.done = t.h.names = t.h.names_len = 0;
	t.h.log_len = 0;
	t.h.sparse = 1;
	t.h.variant++;
	seg_file(old, s->h.first, s->h.variant, "log");
	seg_file(log, s->h.first, t.h.variant, "log");
	seg_file(new, s->h.first, 0, "idx.new");
	seg_file(idx, s->h.first, 0, "idx");
	t.log_fd = safefile_make(s->dir_fd, log, mode_files(c->mode));
	t.idx_fd = safefile_make(s->dir_fd, new, mode_files(c->mode));
	/*
	 * In a durable mailbox the new files are on disk under their own names before the rename: if a power cut undoes
	 * the rename, and not the removal of the old log, the new index is still there (audit.c).
	 */
	if (t.log_fd == -1 || t.idx_fd == -1 || copy_messages(s, &t) == -1
	    || (c->durable && (io_sync_data(t.log_fd) == -1 || io_sync_data(t.idx_fd) == -1 || io_sync(s->dir_fd) == -1))
	    || renameat(s->dir_fd, new, s->dir_fd, idx) == -1) {
		c->orphans |= safefile_remove(s->dir_fd, log) == -1 || safefile_remove(s->dir_fd, new) == -1;
	} else {
		c->orphans |= safefile_remove(s->dir_fd, old) == -1;
		seg_close(s);
		c->layout++;
	}
	seg_close(&t);
}

int
compact_spent(struct mbox *m, uint64_t keep)
{
	const struct ctl *c = &m->ctl;

	if (m->seg.h.first == c->last_seg) {
		if (c->live == 0 && c->log_len > keep)
			compact_newest(m);
		return 0;
	}
	return m->seg.h.done >= m->seg.h.n ? remove_spent(m) : 0;
}

/*
 * in_hand -- whether a message in s is claimed, or that is not known.  From the end on: where it is drained in order, what
 * stands behind those that are claimed is what waits, and that is little.
 */
static bool
in_hand(const struct seg *s, const struct ctl *c)
{
	uint64_t states[SEG_BLOCK];
	uint32_t first, n;

	if (c->claimed == 0)
		return false;
	if (seg_find(s, s->h.n, c->first, &first) == -1)
		return true;
	for (uint32_t to = s->h.n; to > first; to -= n) {
		n = to - first < SEG_BLOCK ? to - first : SEG_BLOCK;
		if (seg_read(s, SEG_STATES, to - n, n, states) == -1)
			return true;
		for (uint32_t i = 0; i < n; i++)
			if (state_status(states[i]) == STATE_CLAIMED)
				return true;
	}
	return false;
}

void
compact_sparse(struct mbox *m, struct seg *s)
{
	uint32_t waiting;

	if (s->h.first == 0 || s->h.first == m->ctl.last_seg || seg_read_links(s) == -1)
		return;
	waiting = s->h.n - s->h.done;
	if ((s->h.n >= WORTH || s->h.log_len >= WORTH_BYTES) && waiting < (s->h.n + SPARSE - 1) / SPARSE
	    && !in_hand(s, &m->ctl))
		rewrite(s, &m->ctl);
}

void
compact_left(struct mbox *m, uint64_t first)
{
	const bool now = m->layout == m->ctl.layout;
	struct seg s;

	if (m->seg.h.first == first) {
		compact_sparse(m, &m->seg);
		return;
	}
	/* the newest is never rewritten; a spent one is gone */
	if (first == 0 || first == m->ctl.last_seg || seg_open(&s, m->dir_fd, first, seg_access(m->ctl.mode)) == -1)
		return;
	compact_sparse(m, &s);
	seg_close(&s);
	if (now)
		m->layout = m->ctl.layout;      /* m->seg is as it was */
}
