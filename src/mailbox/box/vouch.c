/* SPDX-License-Identifier: ISC */
/* vouch: see vouch.h.  A crash leaves once.new, which recovery removes. */
#include "mailbox/box/vouch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"
#include "base/safefile.h"
#include "mailbox/disk/once.h"
#include "mailbox/mode.h"

#define NUMBERS_BACK (UINT64_C(1) << 31)        /* how far numbers may differ of which the lowest bits are known */

/* A name that counts. */
struct name {
	uint64_t id;
	uint64_t number;                /* of its message here */
	uint32_t sum;                   /* the sum in its slot */
};

struct vouch {
	struct mbox *m;
	const struct recover_list *segments;
	struct seg s;                   /* the segment used last */
	bool copy;
	int from_fd, to_fd;             /* once, once.new; -1 */
	uint64_t last;                  /* the number of the last message that is there */
	uint64_t next;                  /* above all that were given */
	uint32_t windows;               /* in once.new */
	struct once_head head;          /* of the window at hand, */
	struct once_kept kept;
	struct once_entry entries[ONCE_RING];
	struct name names[ONCE_RING];   /* and what counts of it, */
	uint32_t n;                     /* so many */
};

/* whole_number -- the number, of those up to `last', with these lowest bits; 0 for none. */
static uint64_t
whole_number(uint64_t last, uint32_t bits)
{
	uint64_t back = (uint32_t)last - bits;

	return back < NUMBERS_BACK && back < last ? last - back : 0;
}

/* ---- one name ---- */

/* is_kept -- whether the entry at this place of the ring was on the disk, and its message.  Gets its number. */
static bool
is_kept(const struct vouch *v, uint32_t place, uint64_t *number)
{
	const struct once_kept *k = &v->kept;
	uint64_t age;

	if (k->taken == 0)
		return false;
	age = ((k->taken - 1) % ONCE_RING + ONCE_RING - place) % ONCE_RING;
	/* what was written over it, behind those that are on the disk, has a higher number */
	*number = whole_number(k->number, v->entries[place].number);
	return age < k->taken && age < ONCE_IDS && *number != 0;
}

/* segment_of -- have the segment open that message `number' would be in.  Returns 1, 0 there is none, or -1. */
static int
segment_of(struct vouch *v, uint64_t number)
{
	const struct recover_list *l = v->segments;
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (l->seg[mid].id <= number)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0)
		return 0;
	if (v->s.idx_fd != -1 && v->s.h.first == l->seg[low - 1].id)
		return 1;
	seg_close(&v->s);
	if (seg_open(&v->s, v->m->dir_fd, l->seg[low - 1].id, seg_access(v->m->ctl.mode)) == 0)
		return 1;
	return errno == EBADMSG || errno == ENOENT ? 0 : -1;
}

/* waits -- whether message `number' waits, and has this sum in its slot.  Returns 1, 0 or -1. */
static int
waits(struct vouch *v, uint64_t number, uint32_t sum)
{
	struct slot slot;
	uint64_t state;
	uint32_t pos;
	int r = segment_of(v, number);

	if (r != 1)
		return r;
	if (seg_find(&v->s, v->s.h.n, number, &pos) == -1)
		return -1;
	if (pos == v->s.h.n || seg_id(&v->s, pos) != number)
		return 0;
	if (seg_read(&v->s, SEG_STATES, pos, 1, &state) == -1 || seg_read_slots(&v->s, pos, 1, &slot) == -1)
		return errno == EBADMSG ? 0 : -1;
	return state_status(state) < STATE_DONE && slot.sum == sum;
}

/* look_at -- whether the name at this place of the ring counts; then it is in v->names.  Returns 0, or -1. */
static int
look_at(struct vouch *v, uint32_t place)
{
	const struct once_entry *e = &v->entries[place];
	struct name name = { .id = e->id, .sum = once_bind(e->sum, &v->head, e->id) };
	int r;

	if (e->id == 0)
		return 0;
	if (!is_kept(v, place, &name.number)) {
		name.number = whole_number(v->last, e->number);
		r = name.number == 0 ? 0 : waits(v, name.number, name.sum);
		if (r != 1)
			return r;
	}
	v->names[v->n++] = name;
	return 0;
}

/* ---- one window ---- */

static int
by_number(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/* write_window -- write the names that count to once.new, in their order.  Returns 0, or -1. */
static int
write_window(struct vouch *v)
{
	struct mbox *m = v->m;
	struct once_kept kept = { .born = m->ctl.generation, .taken = v->n };

	if (v->to_fd == -1 && (v->to_fd = safefile_make(m->dir_fd, "once.new", mode_files(m->ctl.mode))) == -1)
		return -1;
	v->head.born = m->ctl.generation;
	v->head.taken = v->n;
	if (v->head.used > m->ctl.generation)
		v->head.used = m->ctl.generation;
	for (uint32_t i = 0; i < v->n; i++) {
		const struct name *name = &v->names[i];

		v->entries[i] = (struct once_entry){ name->id, (uint32_t)name->number, once_bind(name->sum, &v->head, name->id) };
		kept.number = name->number;
	}
	if (once_write_head(v->to_fd, v->windows, &v->head) == -1
	    || once_write(v->to_fd, v->windows, 0, v->entries, v->n) == -1
	    || (m->ctl.durable && !v->copy && once_write_kept(v->to_fd, v->windows, &kept) == -1))
		return -1;
	v->windows++;
	return 0;
}

/* window -- the names of window i.  Returns 0, or -1. */
static int
window(struct vouch *v, uint32_t i)
{
	int r = once_read_head(v->from_fd, i, &v->head);

	if (r != 1)
		return r;
	v->kept.taken = 0;
	if (!v->copy && once_read_kept(v->from_fd, i, &v->head, &v->kept) == -1)
		return -1;
	if (v->kept.taken != 0 && v->kept.number >= v->next) {
		if (v->kept.number - v->next < NUMBERS_BACK)
			v->next = v->kept.number + 1;
		else
			v->kept.taken = 0;
	}
	if (once_read(v->from_fd, i, 0, v->entries, ONCE_RING) == -1)
		return -1;
	v->n = 0;
	for (uint32_t place = 0; place < ONCE_RING; place++)
		if (look_at(v, place) == -1)
			return -1;
	if (v->n == 0)
		return 0;
	qsort(v->names, v->n, sizeof v->names[0], by_number);
	return write_window(v);
}

/* ---- all of them ---- */

/* windows -- once.new, and that in the place of once; without one of them, neither.  Returns 0, or -1. */
static int
windows(struct vouch *v)
{
	struct mbox *m = v->m;

	for (uint32_t i = 0; i < ONCE_WINDOWS; i++)
		if (window(v, i) == -1)
			return -1;
	if (v->to_fd == -1)
		return safefile_remove(m->dir_fd, "once");
	if ((m->ctl.durable && io_sync(v->to_fd) == -1) || renameat(m->dir_fd, "once.new", m->dir_fd, "once") == -1)
		return -1;
	return m->ctl.durable ? io_sync(m->dir_fd) : 0;
}

/* no_room -- whether the disk, or a limit, keeps a file from being written, or read. */
static bool
no_room(int err)
{
	return err == ENOSPC || err == EDQUOT || err == EFBIG || err == EIO;
}

int
vouch(struct mbox *m, const struct recover_list *segments, bool copy, uint64_t *next)
{
	struct vouch *v;
	int fd = once_open(m->dir_fd, m->ctl.mode), r;

	m->ctl.once_taken = m->ctl.once_at = m->ctl.once_heads = 0;
	if (fd == -1)
		return errno == ENOENT || errno == EBADMSG ? 0 : -1;
	v = calloc(1, sizeof *v);
	if (v == NULL) {
		io_close(fd);
		return -1;
	}
	v->m = m;
	v->segments = segments;
	v->s = (struct seg)SEG_CLOSED;
	v->copy = copy;
	v->from_fd = fd;
	v->to_fd = -1;
	v->last = *next - 1;
	v->next = *next;
	r = windows(v);
	if (r == 0) {
		m->ctl.once_heads = (uint16_t)v->windows;
	} else if (no_room(errno)) {
		/* all is forgotten: that loses no message, and keeps no process from the mailbox */
		r = safefile_remove(m->dir_fd, "once.new") == -1 || safefile_remove(m->dir_fd, "once") == -1 ? -1 : 0;
	}
	*next = v->next;
	seg_close(&v->s);
	io_close(v->to_fd);
	io_close(fd);
	free(v);
	return r;
}
