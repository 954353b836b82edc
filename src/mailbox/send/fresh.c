/* SPDX-License-Identifier: ISC */
/* fresh: see fresh.h.  A crash leaves entries, or a window, that do not count. */
#include "mailbox/send/fresh.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/io.h"
#include "base/memory.h"
#include "base/safefile.h"
#include "mailbox/mode.h"

enum {
	TABLE = 4 * ONCE_IDS,                   /* places in the table of a window, a power of two, */
	TABLE_FULL = TABLE / 2,                 /* and how many are used before it is made anew */
};

#define NOWHERE UINT32_MAX              /* a window that is not in the file yet */

_Static_assert((int)ONCE_APPEND == (int)BATCH_MESSAGES, "a batch has room in a ring");
_Static_assert((int)ONCE_SCOPE == (int)SENDER_SCOPE && (int)ONCE_INCARNATION == (int)SEG_INCARNATION
    && (int)ONCE_INCARNATION == (int)MESSAGE_INCARNATION, "they are the same");

/*
 * A window in memory: the ring of its ids, and a table from ids to places in the ring.  What the table has is looked up
 * in the ring: so an id that was forgotten, or never counted, may stay there.
 */
struct fresh_window {
	struct once_head head;                  /* scope, incarnation, born */
	uint32_t at;                            /* which window of the file; NOWHERE */
	uint64_t taken;                         /* ids that count, */
	uint64_t top;                           /* and those of the batch at hand behind them */
	uint64_t synced;                        /* those that are on the disk, in a durable mailbox */
	uint64_t highest;                       /* no id above it is there */
	uint64_t seed;                          /* random */
	uint64_t used;                          /* counts the uses of all windows */
	uint32_t filled;                        /* places of the table that are used */
	uint64_t ids[ONCE_RING];
	uint32_t table[TABLE];                  /* a place in ids, from 1 on; 0 none */
};

struct fresh *
fresh_new(struct mbox *m, const char *scope)
{
	struct fresh *f = memory_new(sizeof *f);

	if (f == NULL)
		return NULL;
	f->m = m;
	f->fd = -1;
	memcpy(f->scope, scope, strnlen(scope, sizeof f->scope));
	return f;
}

void
fresh_free(struct fresh *f)
{
	if (f == NULL)
		return;
	for (int i = 0; i < FRESH_WINDOWS; i++)
		memory_free(f->windows[i]);
	io_close(f->fd);
	memory_free(f);
}

/* ---- a window in memory ---- */

/*
 * first_place -- where an id would stand in the table if nothing else did.  Neighbours stand in one line of the cache, as
 * they mostly come; where that is no sender can tell, so that none can have all of its ids stand in one place.
 */
static uint32_t
first_place(const struct fresh_window *w, uint64_t id)
{
	uint64_t line = ((id >> 4) ^ w->seed) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint32_t)((line ^ line >> 29) * UINT64_C(0xbf58476d1ce4e5b9) >> 40 << 4 | (id & 15)) % TABLE;
}

static void
enter(struct fresh_window *w, uint64_t at)
{
	uint32_t place = (uint32_t)(at % ONCE_RING), i = first_place(w, w->ids[place]);

	while (w->table[i] != 0)
		i = (i + 1) % TABLE;
	w->table[i] = place + 1;
	w->filled++;
}

/* oldest -- the first number that is remembered. */
static uint64_t
oldest(const struct fresh_window *w)
{
	return w->taken > ONCE_IDS ? w->taken - ONCE_IDS : 0;
}

/* add -- add an id on top. */
static void
add(struct fresh_window *w, uint64_t id)
{
	w->ids[w->top % ONCE_RING] = id;
	if (w->highest < id)
		w->highest = id;
	w->top++;
	if (w->filled < TABLE_FULL) {
		enter(w, w->top - 1);
		return;
	}
	memset(w->table, 0, sizeof w->table);
	w->filled = 0;
	for (uint64_t at = oldest(w); at < w->top; at++)
		enter(w, at);
}

/* find -- the number under which id stands, at w->taken or above in the batch at hand.  Returns whether it does. */
static bool
find(const struct fresh_window *w, uint64_t id, uint64_t *at)
{
	uint64_t age;
	uint32_t place;

	if (id > w->highest)
		return false;
	for (uint32_t i = first_place(w, id); w->table[i] != 0; i = (i + 1) % TABLE) {
		place = w->table[i] - 1;
		age = (w->top + ONCE_RING - 1 - place) % ONCE_RING;
		if (w->ids[place] == id && age < w->top && w->top - 1 - age >= oldest(w)) {
			*at = w->top - 1 - age;
			return true;
		}
	}
	return false;
}

/* empty -- forget all, for a window of this incarnation that is not in the file. */
static void
empty(struct fresh *f, struct fresh_window *w, const unsigned char *incarnation)
{
	w->head = (struct once_head){ .taken = 0 };
	memcpy(w->head.scope, f->scope, sizeof w->head.scope);
	memcpy(w->head.incarnation, incarnation, sizeof w->head.incarnation);
	w->at = NOWHERE;
	w->taken = w->top = w->synced = w->highest = 0;
	w->filled = 0;
	memset(w->table, 0, sizeof w->table);
}

/* ---- the file ---- */

/* open_file -- have f->fd open; the file is made where there is none.  Returns 0, or -1. */
static int
open_file(struct fresh *f)
{
	struct mbox *m = f->m;

	if (f->fd == -1)
		f->fd = once_open(m->dir_fd, m->ctl.mode);
	if (f->fd == -1 && (errno == ENOENT || errno == EBADMSG)) {
		f->fd = safefile_make(m->dir_fd, "once", mode_files(m->ctl.mode));
		f->made = f->fd != -1;
	}
	return f->fd == -1 ? -1 : 0;
}

/* taken -- how many entries window i, with this head, has taken. */
static uint64_t
taken(const struct ctl *c, uint32_t i, const struct once_head *head)
{
	return c->once_at == i + 1 ? c->once_taken : head->taken;
}

/* is_same -- whether the head is of our scope and this incarnation. */
static bool
is_same(const struct fresh *f, const struct once_head *head, const unsigned char *incarnation)
{
	return memcmp(head->scope, f->scope, sizeof head->scope) == 0
	    && memcmp(head->incarnation, incarnation, sizeof head->incarnation) == 0;
}

/* look_up -- find the window's place in the file.  Returns 0, or -1. */
static int
look_up(struct fresh *f, struct fresh_window *w)
{
	struct once_head head;
	int r;

	for (uint32_t i = 0; i < f->m->ctl.once_heads; i++) {
		r = once_read_head(f->fd, i, &head);
		if (r == -1)
			return -1;
		if (r == 1 && is_same(f, &head, w->head.incarnation)) {
			w->head = head;
			w->at = i;
			return 0;
		}
	}
	return 0;
}

/* read_to -- read what others have added, up to number `to'.  Returns 0, or -1. */
static int
read_to(struct fresh *f, struct fresh_window *w, uint64_t to)
{
	uint32_t n;

	/* what is forgotten by now need not be read */
	if (to > w->taken + ONCE_IDS)
		w->taken = to - ONCE_IDS;
	for (w->top = w->taken; w->taken < to; w->taken += n) {
		n = to - w->taken < ONCE_APPEND ? (uint32_t)(to - w->taken) : ONCE_APPEND;
		if (once_read(f->fd, w->at, w->taken, f->entries, n) == -1)
			return -1;
		for (uint32_t i = 0; i < n; i++)
			add(w, f->entries[i].id);
	}
	return 0;
}

/* read_kept -- what others have on the disk need not be synced again.  Returns 0, or -1. */
static int
read_kept(const struct fresh *f, struct fresh_window *w)
{
	struct once_kept kept;

	if (once_read_kept(f->fd, w->at, &w->head, &kept) == -1)
		return -1;
	if (w->synced < kept.taken && kept.taken <= w->taken)
		w->synced = kept.taken;
	return 0;
}

/* refresh -- have the window in memory as it is in the file.  Returns 0, or -1. */
static int
refresh(struct fresh *f, struct fresh_window *w)
{
	const struct ctl *c = &f->m->ctl;
	struct once_head head;
	int r = w->at == NOWHERE || w->at >= c->once_heads ? 0 : once_read_head(f->fd, w->at, &head);

	if (r == -1)
		return -1;
	/* its place in the file may have been given to another */
	if (r == 0 || !is_same(f, &head, w->head.incarnation) || head.born != w->head.born
	    || taken(c, w->at, &head) < w->taken) {
		unsigned char incarnation[ONCE_INCARNATION];

		memcpy(incarnation, w->head.incarnation, sizeof incarnation);
		empty(f, w, incarnation);
		if (look_up(f, w) == -1)
			return -1;
		head = w->head;
	}
	w->top = w->taken;
	f->number = c->next - 1;
	if (w->at == NOWHERE)
		return 0;
	return read_to(f, w, taken(c, w->at, &head)) == -1 || (c->durable && read_kept(f, w) == -1) ? -1 : 0;
}

/* window -- have f->window be that of this incarnation, as it is in the file.  Returns 0, or -1. */
static int
window(struct fresh *f, const unsigned char *incarnation)
{
	struct fresh_window **free = &f->windows[0], *w = NULL;

	for (int i = 0; i < FRESH_WINDOWS && w == NULL; i++) {
		if (f->windows[i] != NULL && is_same(f, &f->windows[i]->head, incarnation))
			w = f->windows[i];
		else if (*free != NULL && (f->windows[i] == NULL || f->windows[i]->used < (*free)->used))
			free = &f->windows[i];
	}
	if (w == NULL) {
		if (*free == NULL && ((*free = memory_new(sizeof **free)) == NULL
		    || getrandom(&(*free)->seed, sizeof (*free)->seed, 0) == -1))
			return -1;
		w = *free;
		empty(f, w, incarnation);
	}
	w->used = ++f->uses;
	f->window = w;
	return open_file(f) == -1 ? -1 : refresh(f, w);
}

/* ---- a batch ---- */

int
fresh_skip(struct fresh *f, struct batch *b)
{
	struct fresh_window *w;
	uint64_t at;

	if (window(f, b->incarnation) == -1)
		return -1;
	w = f->window;
	f->counted = 0;
	for (; b->from < b->n && find(w, b->many->once[b->from], &at); b->from++)
		f->unsure = f->unsure || at >= w->synced;
	return 0;
}

uint32_t
fresh_run(struct fresh *f, const struct batch *b, uint32_t n)
{
	struct fresh_window *w = f->window;
	uint64_t at;
	uint32_t i;

	for (i = 0; i < n && !find(w, b->many->once[b->from + i], &at); i++)
		add(w, b->many->once[b->from + i]);
	return i;
}

/* choose -- where a new window goes: to a free place, a new one, or that of the window used longest ago.  -1: errno. */
static long
choose(struct fresh *f)
{
	const struct ctl *c = &f->m->ctl;
	struct once_head head;
	uint64_t used = UINT64_MAX, used_here = UINT64_MAX;
	long free = -1, old = -1, old_here = -1;
	uint32_t here = 0;
	int r;

	for (uint32_t i = 0; i < c->once_heads; i++) {
		r = once_read_head(f->fd, i, &head);
		if (r == -1)
			return -1;
		here += r == 1 && memcmp(head.scope, f->scope, sizeof head.scope) == 0;
		if (c->once_at == i + 1)
			continue;       /* it is the one used last */
		if (r == 0) {
			free = (long)i;
			continue;
		}
		if (head.used < used) {
			used = head.used;
			old = (long)i;
		}
		if (head.used < used_here && memcmp(head.scope, f->scope, sizeof head.scope) == 0) {
			used_here = head.used;
			old_here = (long)i;
		}
	}
	if (here >= ONCE_INCARNATIONS && old_here != -1)
		return old_here;
	if (free != -1 || c->once_heads < ONCE_WINDOWS)
		return free != -1 ? free : c->once_heads;
	return old;
}

/* begin -- have our window in the file.  Returns 0, or -1. */
static int
begin(struct fresh *f)
{
	struct fresh_window *w = f->window;
	struct once_head before;
	long at = choose(f);
	int r;

	if (at == -1)
		return -1;
	r = at < f->m->ctl.once_heads ? once_read_head(f->fd, (uint32_t)at, &before) : 0;
	w->head.taken = 0;
	w->head.used = w->head.born = f->m->ctl.generation;
	if (r == -1 || once_write_head(f->fd, (uint32_t)at, &w->head) == -1)
		return -1;
	f->evicts = r == 1;
	w->at = (uint32_t)at;
	return 0;
}

/* leave -- another window than ours was written last: have its head tell what ctl tells now.  Returns 0, or -1. */
static int
leave(const struct fresh *f)
{
	const struct ctl *c = &f->m->ctl;
	struct once_head head;
	int r = once_read_head(f->fd, c->once_at - 1U, &head);

	if (r != 1)
		return r;
	head.taken = c->once_taken;
	head.used = c->generation;
	return once_write_head(f->fd, c->once_at - 1U, &head);
}

int
fresh_write(struct fresh *f, const struct batch *b, uint32_t n)
{
	const struct ctl *c = &f->m->ctl;
	struct fresh_window *w = f->window;
	const struct slot *slot = &b->slots[b->from];

	f->evicts = false;
	if ((w->at == NOWHERE && begin(f) == -1) || (c->once_at != 0 && c->once_at != w->at + 1 && leave(f) == -1))
		return -1;
	for (uint32_t i = 0; i < n; i++)
		f->entries[i] = (struct once_entry){ b->many->once[b->from + i], (uint32_t)(c->next + i),
			once_bind(seg_bind(slot[i].sum, f->m->seg.h.salt, c->next + i), &w->head, b->many->once[b->from + i]) };
	return once_write(f->fd, w->at, w->taken, f->entries, n);
}

void
fresh_count(struct fresh *f, uint32_t n)
{
	struct ctl *c = &f->m->ctl;
	const struct fresh_window *w = f->window;

	if (w->at == c->once_heads)
		c->once_heads++;
	c->once_at = (uint16_t)(w->at + 1);
	c->once_taken = w->taken + n;
	c->once_evicted += f->evicts;
}

void
fresh_counted(struct fresh *f, uint32_t n)
{
	struct fresh_window *w = f->window;

	w->taken += n;
	w->top = w->taken;
	f->counted = n;
	f->number = f->m->ctl.next - 1;
}

int
fresh_sync(struct fresh *f)
{
	/* what was passed over may be of a sender that was killed before its sync, and stand in any file */
	if (f->unsure ? syncfs(f->m->dir_fd) == -1 : io_sync_data(f->fd) == -1 || (f->made && io_sync(f->m->dir_fd) == -1))
		return -1;
	f->made = false;
	return 0;
}

void
fresh_synced(struct fresh *f)
{
	struct fresh_window *w = f->window;
	struct once_kept kept = { .born = w->head.born, .taken = w->taken, .number = f->number };

	if (w->synced < w->taken && (f->unsure || w->synced + f->counted >= w->taken)) {
		w->synced = w->taken;
		/* should that fail, less is known after a boot */
		(void)once_write_kept(f->fd, w->at, &kept);
	}
	f->unsure = false;
}
