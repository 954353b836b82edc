/* SPDX-License-Identifier: ISC */
/*
 * reclaim: spent segments, sparse segments.
 *
 * A segment is rewritten as ID.VARIANT.log and ID.idx.new, which then takes the place of ID.idx: the index names its
 * log, so the rename is the one moment of the change.
 */
#include "mailbox/box/compact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/safefile.h"
#include "mailbox/disk/batch.h"
#include "mailbox/mode.h"

enum {
	SPARSE = 8,             /* rewritten when less than 1/SPARSE of it waits ... */
	BLOCK = 256,            /* messages copied at a time */
	WORTH = 512,            /* ... and it had at least so many messages, */
	WORTH_BYTES = 1 << 20,  /* ... or a log of so many bytes */
};

/* set_link -- tell the neighbour named id of a change in the chain. */
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

static int
remove_spent(struct seg *s, struct ctl *c)
{
	uint64_t prev = s->h.prev, next = s->h.next;

	if (set_link(s, prev, true, next) == -1 || set_link(s, next, false, prev) == -1)
		return -1;
	if (prev == 0)
		c->first_seg = next;
	c->orphans |= seg_remove(s) == -1;
	c->layout++;
	return 0;
}

void
compact_newest(struct seg *s, struct ctl *c)
{
	c->orphans |= seg_remove(s) == -1;
	c->first_seg = c->last_seg = c->log_len = c->names = c->names_len = 0;
	c->layout++;
}

/* A rewriting under way: from s to t, a block of messages at a time. */
struct rewriting {
	struct seg *s, *t;
	struct names from, to;
	uint32_t n;                     /* messages of the block that go to t */
	struct slot slots[BLOCK];
	uint64_t states[BLOCK], ids[BLOCK];
	size_t used;                    /* bytes of frames gathered in log */
	char log[BATCH_LOG];
};

/* rename_number -- the number in the new table of the name that has number i in the old one. */
static uint16_t
rename_number(struct rewriting *w, uint16_t i)
{
	/* a subset of a table fits in a table */
	return (uint16_t)names_add(&w->to, names_get(&w->from, i));
}

static int
flush_log(struct rewriting *w)
{
	if (io_pwrite(w->t->log_fd, w->log, w->used, w->t->h.log_len) == -1)
		return -1;
	w->t->h.log_len += w->used;
	w->used = 0;
	return 0;
}

/* keep_message -- the message at place pos goes to the new segment. */
static int
keep_message(struct rewriting *w, uint32_t pos, uint64_t state, const struct slot *old)
{
	struct slot *slot = &w->slots[w->n];
	size_t len = slot_frame_len(old);
	uint64_t due;

	if (len > sizeof w->log || (w->used + len > sizeof w->log && flush_log(w) == -1)
	    || io_pread(seg_log(w->s), w->log + w->used, len, old->off) != (ssize_t)len)
		return -1;
	if ((state_status(state) == STATE_DELAYED || (old->flags & SLOT_OFFER))
	    && (seg_read_due(w->s, pos, &due) == -1 || seg_write_due(w->t, w->t->h.n + w->n, due) == -1))
		return -1;
	if ((old->flags & SLOT_EXPIRES) && (seg_read_expiry(w->s, pos, 1, &due) == -1
	    || seg_write_expiry(w->t, w->t->h.n + w->n, due) == -1))
		return -1;
	*slot = *old;
	slot->off = (uint32_t)(w->t->h.log_len + w->used);
	slot->tag = rename_number(w, old->tag);
	slot->source = rename_number(w, old->source);
	w->states[w->n] = state;
	w->ids[w->n++] = seg_id(w->s, pos);
	w->used += len;
	return 0;
}

/* copy_block -- n messages of s, from place pos on: those that wait go to t. */
static int
copy_block(struct rewriting *w, uint32_t pos, uint32_t n)
{
	uint64_t states[BLOCK];
	struct slot slots[BLOCK];

	if (seg_read_states(w->s, pos, n, states) == -1 || seg_read_slots(w->s, pos, n, slots) == -1)
		return -1;
	w->n = 0;
	for (uint32_t i = 0; i < n; i++)
		if (state_status(states[i]) < STATE_DONE && keep_message(w, pos + i, states[i], &slots[i]) == -1)
			return -1;
	if (w->n > 0 && (seg_reserve(w->t, w->t->h.n, w->n) == -1
	    || seg_write_slots(w->t, w->t->h.n, w->n, w->slots) == -1
	    || seg_write_states(w->t, w->t->h.n, w->n, w->states) == -1
	    || seg_write_ids(w->t, w->t->h.n, w->n, w->ids) == -1))
		return -1;
	w->t->h.n += w->n;
	return 0;
}

static int
copy_messages(struct seg *s, struct seg *t)
{
	struct rewriting w;
	uint32_t step;

	w.s = s;
	w.t = t;
	w.from.n = w.from.len = w.to.n = w.to.len = 0;
	w.used = 0;
	if (names_read(&w.from, s, s->h.names, s->h.names_len) == -1)
		return -1;
	for (uint32_t pos = 0; pos < s->h.n; pos += step) {
		step = s->h.n - pos < BLOCK ? s->h.n - pos : BLOCK;
		if (copy_block(&w, pos, step) == -1)
			return -1;
	}
	t->h.names = w.to.n;
	t->h.names_len = w.to.len;
	if (flush_log(&w) == -1 || names_write(&w.to, t, 0) == -1)
		return -1;
	return seg_write_header(t);
}

/* make_new -- open the two files of a rewriting of s. */
static int
make_new(struct seg *t, const struct seg *s, unsigned mode, const char *log, const char *idx)
{
	*t = *s;
	t->h.n = t->h.done = t->h.names = t->h.names_len = 0;
	t->h.log_len = 0;
	t->h.sparse = 1;
	t->h.variant++;
	t->log_fd = safefile_make(s->dir_fd, log, mode_files(mode));
	t->idx_fd = safefile_make(s->dir_fd, idx, mode_files(mode));
	return t->log_fd == -1 || t->idx_fd == -1 ? -1 : 0;
}

static void
rewrite(struct seg *s, struct ctl *c)
{
	struct seg t;
	char log[SEG_NAME_BYTES], new[SEG_NAME_BYTES], idx[SEG_NAME_BYTES], old[SEG_NAME_BYTES];

	seg_file(old, s->h.first, s->h.variant, "log");
	seg_file(log, s->h.first, s->h.variant + 1, "log");
	seg_file(new, s->h.first, 0, "idx.new");
	seg_file(idx, s->h.first, 0, "idx");
	/*
	 * In a durable mailbox the new files are on the disk, by their own names, before they take the old ones' place: should
	 * the rename be lost, and not the removal of the old log, the new index is still there (audit.c).
	 */
	if (make_new(&t, s, c->mode, log, new) == -1 || copy_messages(s, &t) == -1
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
compact_spent(struct seg *s, struct ctl *c, uint64_t keep)
{
	if (s->h.first == c->last_seg) {
		if (c->live == 0 && c->log_len > keep)
			compact_newest(s, c);
		return 0;
	}
	return s->h.done >= s->h.n ? remove_spent(s, c) : 0;
}

void
compact_sparse(struct seg *s, struct ctl *c)
{
	uint32_t waiting = s->h.n - s->h.done;

	if (s->h.first == 0 || s->h.first == c->last_seg)
		return;
	if ((s->h.n >= WORTH || s->h.log_len >= WORTH_BYTES) && waiting < (s->h.n + SPARSE - 1) / SPARSE)
		rewrite(s, c);
}
