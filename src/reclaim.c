/* SPDX-License-Identifier: ISC */
/*
 * reclaim: spent segments, sparse segments.
 *
 * A segment is rewritten as ID.VARIANT.log and ID.idx.new, which then takes the place of ID.idx: the index names its
 * log, so the rename is the one moment of the change.
 */
#include "reclaim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "batch.h"
#include "io.h"

enum {
	SPARSE = 8,             /* rewritten when less than 1/SPARSE of it waits ... */
	WORTH = 512,            /* ... and it had at least so many messages, */
	WORTH_BYTES = 1 << 20,  /* ... or a log of so many bytes */
};

/* set_link -- tell the neighbour named id of a change in the chain. */
static int
set_link(int dir_fd, uint64_t id, bool next, uint64_t value)
{
	struct seg s;
	int r;

	if (id == 0)
		return 0;
	if (seg_open(&s, dir_fd, id) == -1)
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

	if (set_link(s->dir_fd, prev, true, next) == -1 || set_link(s->dir_fd, next, false, prev) == -1)
		return -1;
	if (prev == 0)
		c->first_seg = next;
	seg_remove(s);
	c->shape++;
	return 0;
}

static void
remove_newest(struct seg *s, struct ctl *c)
{
	seg_remove(s);
	c->first_seg = c->last_seg = c->log_len = c->names = c->names_len = 0;
	c->shape++;
}

/* rename_number -- the number in to of the name that has number i in from. */
static uint16_t
rename_number(struct names *to, const struct names *from, uint16_t i)
{
	/* a subset of a table fits in a table */
	return (uint16_t)names_add(to, names_get(from, i));
}

/* copy_message -- append the message at place pos of s to t.  buf: room for any frame. */
static int
copy_message(struct seg *s, uint32_t pos, uint64_t state, struct seg *t, struct names *from, struct names *to,
    char *buf)
{
	struct slot slot;
	uint64_t due;
	size_t len;

	if (seg_read_slots(s, pos, 1, &slot) == -1)
		return -1;
	len = slot.head_len + (slot.flags & SLOT_BIG ? 0 : (size_t)slot.len) + 1;
	if (len > BATCH_LOG || io_pread(seg_log(s), buf, len, slot.off) != (ssize_t)len
	    || io_pwrite(t->log_fd, buf, len, t->h.log_len) == -1)
		return -1;
	slot.off = (uint32_t)t->h.log_len;
	slot.tag = rename_number(to, from, slot.tag);
	slot.source = rename_number(to, from, slot.source);
	if (state_status(state) == STATE_DELAYED
	    && (seg_read_due(s, pos, &due) == -1 || seg_write_due(t, t->h.n, due) == -1))
		return -1;
	if (seg_reserve(t, t->h.n, 1) == -1 || seg_write_slots(t, t->h.n, 1, &slot) == -1
	    || seg_write_states(t, t->h.n, 1, &state) == -1 || seg_write_id(t, t->h.n, seg_id(s, pos)) == -1)
		return -1;
	t->h.log_len += len;
	t->h.n++;
	return 0;
}

static int
copy_messages(struct seg *s, struct seg *t)
{
	struct names from = { .n = 0 }, to = { .n = 0 };
	char buf[BATCH_LOG];
	uint64_t states[256];
	uint32_t step;

	if (names_read(&from, s, s->h.names, s->h.names_len) == -1)
		return -1;
	for (uint32_t pos = 0; pos < s->h.n; pos += step) {
		step = s->h.n - pos < 256 ? s->h.n - pos : 256;
		if (seg_read_states(s, pos, step, states) == -1)
			return -1;
		for (uint32_t i = 0; i < step; i++)
			if (state_status(states[i]) != STATE_DONE
			    && copy_message(s, pos + i, states[i], t, &from, &to, buf) == -1)
				return -1;
	}
	t->h.names = to.n;
	t->h.names_len = to.len;
	if (names_write(&to, t, 0) == -1)
		return -1;
	return seg_write_header(t);
}

/* make_new -- open the two files of a rewriting of s. */
static int
make_new(struct seg *t, const struct seg *s, unsigned mode, const char *log, const char *idx)
{
	int flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;

	*t = *s;
	t->h.n = t->h.done = t->h.names = t->h.names_len = 0;
	t->h.log_len = 0;
	t->h.sparse = 1;
	t->h.variant++;
	t->log_fd = openat(s->dir_fd, log, flags, mode);
	t->idx_fd = openat(s->dir_fd, idx, flags, mode);
	if (t->log_fd == -1 || t->idx_fd == -1)
		return -1;
	return (mode & 077) != 0 && (fchmod(t->log_fd, mode) == -1 || fchmod(t->idx_fd, mode) == -1) ? -1 : 0;
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
	if (make_new(&t, s, c->mode, log, new) == -1 || copy_messages(s, &t) == -1
	    || renameat(s->dir_fd, new, s->dir_fd, idx) == -1) {
		unlinkat(s->dir_fd, log, 0);
		unlinkat(s->dir_fd, new, 0);
	} else {
		unlinkat(s->dir_fd, old, 0);
		seg_close(s);
		c->shape++;
	}
	seg_close(&t);
}

int
reclaim(struct seg *s, struct ctl *c, uint64_t keep)
{
	uint32_t waiting;

	if (s->h.first == c->last_seg) {
		if (c->live == 0 && c->log_len > keep)
			remove_newest(s, c);
		return 0;
	}
	if (s->h.done >= s->h.n)
		return remove_spent(s, c);
	waiting = s->h.n - s->h.done;
	if ((s->h.n >= WORTH || s->h.log_len >= WORTH_BYTES) && waiting < (s->h.n + SPARSE - 1) / SPARSE)
		rewrite(s, c);
	return 0;
}
