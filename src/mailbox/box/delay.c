/* SPDX-License-Identifier: ISC */
/* delay: see delay.h.  Every change is begun first: a crash leaves what recovery counts and writes anew. */
#include "mailbox/box/delay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/safefile.h"
#include "mailbox/mode.h"

enum {
	BLOCK = 1024,                   /* states read at a time */
	LEFTOVERS = 1024,               /* entries without a message that are no matter */
};

/* open_due -- have m->due_fd open; the file is made where there is none, or no plain one. */
static int
open_due(struct mbox *m)
{
	if (m->due_fd == -1)
		m->due_fd = mode_shared(m->ctl.mode) ? safefile_open_own(m->dir_fd, "due", O_RDWR)
		    : safefile_open_plain(m->dir_fd, "due", O_RDWR);
	if (m->due_fd == -1 && (errno == ENOENT || errno == EBADMSG))
		m->due_fd = safefile_make(m->dir_fd, "due", mode_files(m->ctl.mode));
	return m->due_fd == -1 ? -1 : 0;
}

int
delay_open(struct mbox *m)
{
	if (open_due(m) == -1)
		return -1;
	return m->ctl.dues > 2 * m->ctl.delayed + LEFTOVERS ? delay_recount(m) : 0;
}

int
delay_add(struct mbox *m, uint64_t id, uint64_t due_us)
{
	struct ctl *c = &m->ctl;

	if (due_push(m->due_fd, c->dues, &(struct due){ due_us, id }) == -1)
		return -1;
	c->dues++;
	c->delayed++;
	if (c->due_us == 0 || due_us < c->due_us)
		c->due_us = due_us;
	return 0;
}

int
delay_first(struct mbox *m, struct due *first)
{
	return due_first(m->due_fd, first);
}

int
delay_pop(struct mbox *m)
{
	struct ctl *c = &m->ctl;
	struct due first = { 0, 0 };

	if (due_pop(m->due_fd, c->dues) == -1 || (c->dues > 1 && due_first(m->due_fd, &first) == -1))
		return -1;
	c->dues--;
	c->due_us = first.time_us;
	return 0;
}

/* ---- written anew ---- */

struct list {
	struct due *entry;
	size_t n, room;
};

static int
list_add(struct list *l, uint64_t due_us, uint64_t id)
{
	struct due *more;

	if (l->n == l->room) {
		l->room = l->room > 0 ? 2 * l->room : BLOCK;
		more = realloc(l->entry, l->room * sizeof *more);
		if (more == NULL)
			return -1;
		l->entry = more;
	}
	l->entry[l->n++] = (struct due){ due_us, id };
	return id == 0 ? -1 : 0;
}

/* list_segment -- add the delayed ones of n messages of s. */
static int
list_segment(struct list *l, const struct seg *s, uint32_t n)
{
	uint64_t states[BLOCK], dues[BLOCK];
	bool known;

	for (uint32_t pos = 0, step; pos < n; pos += step) {
		step = n - pos < BLOCK ? n - pos : BLOCK;
		known = false;
		if (seg_read(s, SEG_STATES, pos, step, states) == -1)
			return -1;
		for (uint32_t i = 0; i < step; i++) {
			if (state_status(states[i]) != STATE_DELAYED)
				continue;
			if (!known && seg_read(s, SEG_DUE, pos, step, dues) == -1)
				return -1;
			known = true;
			if (list_add(l, dues[i], seg_id(s, pos + i)) == -1)
				return -1;
		}
	}
	return 0;
}

/* list_all -- add all that are delayed.  The segment that is open stays so. */
static int
list_all(const struct mbox *m, struct list *l)
{
	const struct ctl *c = &m->ctl;
	struct seg s;
	int r = 0;

	for (uint64_t at = c->first_seg, next; r == 0 && at != 0; at = next) {
		if (seg_open(&s, m->dir_fd, at, seg_access(c->mode)) == -1)
			return -1;
		next = at == c->last_seg ? 0 : s.h.next;
		r = list_segment(l, &s, next == 0 ? (uint32_t)(c->next - at) : s.h.n);
		seg_close(&s);
	}
	return r;
}

int
delay_recount(struct mbox *m)
{
	struct ctl *c = &m->ctl;
	struct list l = { NULL, 0, 0 };
	int r = open_due(m) == -1 || list_all(m, &l) == -1 || due_fill(m->due_fd, l.entry, l.n) == -1 ? -1 : 0;

	if (r == 0) {
		c->delayed = c->dues = l.n;
		c->due_us = l.n > 0 ? l.entry[0].time_us : 0;
	}
	free(l.entry);
	return r;
}

/* ---- where what is ready begins ---- */

void
delay_came_ready(struct ctl *c, uint64_t id)
{
	const bool in = id >= c->passed_from && id < c->passed_to, joined = c->passed_from <= c->head && c->head < c->passed_to;
	const uint64_t from = id + 1, to = id >= c->head && !in ? from : in || joined ? c->passed_to : c->head;
	const uint64_t left = in ? id - c->passed_from : c->passed_to > c->passed_from ? c->passed_to - c->passed_from : 0;

	/* of two stretches in which nothing is ready the longer is kept */
	if (to - from >= left) {
		c->passed_from = from;
		c->passed_to = to;
	} else if (in) {
		c->passed_to = id;
	}
	if (id < c->head)
		c->head = id;
}
