/* SPDX-License-Identifier: ISC */
/* wake: the table of wants at work.  A crash leaves wants of the dead, which whoever meets them removes. */
#include "wake.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "batch.h"
#include "bell.h"
#include "clock.h"
#include "door.h"
#include "file.h"
#include "io.h"
#include "mode.h"
#include "ready.h"

/*
 * What queues wants needs room on the stack for all of them: such functions are kept out of line and called only where
 * there are any, for every page of a frame that the compiler probes is a page fault in a one-shot.
 */
#define OUT_OF_LINE __attribute__((noinline))

/* ---- waking others ---- */

/* remove_want -- take down a want, ours or a dead process's, with what its owner left in the directory. */
static int
remove_want(struct mbox *m, uint32_t index, uint64_t owner)
{
	char spool[BELL_NAME_MAX];
	int used;

	if (mbox_begin(m) == -1 || want_void(m->want_fd, index) == -1)
		return -1;
	bell_spool_name(spool, owner);
	m->ctl.litter |= bell_remove(m->dir_fd, owner) == -1
	    || (owner != m->number && file_remove(m->dir_fd, spool) == -1);
	used = want_used(m->want_fd, m->ctl.wants);
	if (used == -1)
		return -1;
	m->ctl.wants = (uint32_t)used;
	return 0;
}

/* ring -- open a waiter's bell and mark its want.  Returns 1, 0 where it turned out dead, or -1. */
static int
ring(struct mbox *m, uint32_t index, const struct want *w, uint64_t mark)
{
	int fd = bell_ring_open(m->dir_fd, w->owner), err;

	if (fd == -1) {
		if (errno != ENXIO && errno != ENOENT)
			return -1;
		/* its owner may be alive and without a bell: it looks by itself */
		return mbox_lives(m, w->owner) || remove_want(m, index, w->owner) == 0 ? 0 : -1;
	}
	/* marked before it may ring */
	err = want_mark(m->want_fd, index, mark);
	mbox_ring(m, fd);
	return err == -1 ? -1 : 1;
}

/* first_match -- the first of n messages not yet given to a waiter that w wants, n for none. */
static uint32_t
first_match(const struct want *w, uint32_t n, const struct slot *slots, const struct slice *names, const bool *given)
{
	int tag = -1, source = -1;
	bool match = w->filter.len == 0;

	for (uint32_t j = 0; j < n; j++) {
		if (given[j])
			continue;
		if (w->filter.len > 0 && (slots[j].tag != tag || slots[j].source != source)) {
			tag = slots[j].tag;
			source = slots[j].source;
			match = filter_match(&w->filter, names[tag], names[source]);
		}
		if (match)
			return j;
	}
	return n;
}

/*
 * queue -- want_queue; but the table is not looked through again in one locked section for a kind that it has not.
 * places: room for WANT_MAX.
 */
static int
queue(struct mbox *m, enum want_kind kind, bool asleep, struct want_place *places)
{
	int n;

	if (m->kinds_known && (m->kinds & 1U << kind) == 0)
		return 0;
	n = want_queue(m->want_fd, m->ctl.wants, kind, asleep, places, &m->kinds);
	m->kinds_known = n != -1;
	return n;
}

/* wake_kind -- wake the sleeping wants of one kind; takers have a message each, peekers need not. */
static OUT_OF_LINE int
wake_kind(struct mbox *m, enum want_kind kind, uint64_t first_id, uint32_t n, const struct slot *slots,
    const struct slice *names)
{
	struct want_place places[WANT_MAX];
	bool given[BATCH_MESSAGES] = { false };
	struct want w;
	uint32_t j, left = n;
	int waiting = queue(m, kind, true, places), rung;

	if (waiting == -1)
		return -1;
	for (int i = 0; i < waiting && left > 0; i++) {
		if (want_read(m->want_fd, places[i].index, &w) == -1)
			return -1;
		if (w.owner == m->number)
			continue;
		j = first_match(&w, n, slots, names, given);
		if (j == n)
			continue;
		rung = ring(m, places[i].index, &w, first_id + j);
		if (rung == -1)
			return -1;
		if (rung == 1 && kind == WANT_RECEIVE) {
			given[j] = true;
			left--;
		}
	}
	return 0;
}

int
wake_receivers(struct mbox *m, uint64_t first_id, uint32_t n, const struct slot *slots, const struct slice *names)
{
	if (m->ctl.wants == 0)
		return 0;
	if (wake_kind(m, WANT_RECEIVE, first_id, n, slots, names) == -1)
		return -1;
	return wake_kind(m, WANT_PEEK, first_id, n, slots, names);
}

int
wake_wanted(struct mbox *m, struct slice tag, struct slice source)
{
	struct want_place places[WANT_MAX];
	struct want w;
	int waiting = queue(m, WANT_RECEIVE, true, places);

	for (int i = 0; i < waiting; i++) {
		if (want_read(m->want_fd, places[i].index, &w) == -1)
			return -1;
		if (filter_match(&w.filter, tag, source) && mbox_lives(m, w.owner))
			return 1;
	}
	return waiting == -1 ? -1 : 0;
}

int
wake_end(struct mbox *m, uint64_t id, enum state_status status)
{
	struct want_place places[WANT_MAX];
	struct want w;
	int rung;
	int waiting = queue(m, WANT_END, false, places);

	for (int i = 0; i < waiting; i++) {
		if (want_read(m->want_fd, places[i].index, &w) == -1)
			return -1;
		if (w.object != id)
			continue;
		/* the mark tells; the bell only says when to look, and may be missing */
		if (w.owner != m->number && (rung = ring(m, places[i].index, &w, (uint64_t)status)) != 0)
			return rung == -1 ? -1 : 0;
		return mbox_lives(m, w.owner) ? want_mark(m->want_fd, places[i].index, (uint64_t)status) : 0;
	}
	return waiting == -1 ? -1 : 0;
}

/* wake_queued -- wake_room where there are wants. */
static OUT_OF_LINE int
wake_queued(struct mbox *m)
{
	struct want_place places[WANT_MAX];
	struct want w;
	int waiting, rung;

	waiting = queue(m, WANT_ROOM, false, places);
	if (waiting == -1)
		return -1;
	for (int i = 0; i < waiting; i++) {
		if (want_read(m->want_fd, places[i].index, &w) == -1)
			return -1;
		if (w.mark == WAKE_AWAKE || w.owner == m->number)
			continue;
		if (w.mark == 0 && !mbox_fits(&m->ctl, w.object))
			return 0;
		if (w.mark == 0) {
			rung = ring(m, places[i].index, &w, 1);
			if (rung != 0)
				return rung == -1 ? -1 : 0;
		} else if (mbox_lives(m, w.owner)) {
			return 0;
		} else if (remove_want(m, places[i].index, w.owner) == -1) {
			return -1;
		}
	}
	return 0;
}

int
wake_room(struct mbox *m)
{
	return m->ctl.wants == 0 ? 0 : wake_queued(m);
}

/* queued_ahead -- wake_ahead where there are wants. */
static OUT_OF_LINE int
queued_ahead(struct mbox *m)
{
	struct want_place places[WANT_MAX];
	struct want w;
	uint64_t now;
	int waiting;

	waiting = queue(m, WANT_ROOM, false, places);
	if (waiting == -1)
		return -1;
	now = waiting > 0 ? clock_mono_ns() : 0;
	for (int i = 0; i < waiting; i++) {
		if (want_read(m->want_fd, places[i].index, &w) == -1)
			return -1;
		if (w.mark == WAKE_AWAKE)
			continue;
		if (w.owner == m->number)
			return 0;
		if (!mbox_lives(m, w.owner)) {
			if (remove_want(m, places[i].index, w.owner) == -1)
				return -1;
		} else if (w.looked_ns > now || now - w.looked_ns < WAKE_STOPPED_NS) {
			return 1;
		}
	}
	return 0;
}

int
wake_ahead(struct mbox *m)
{
	return m->ctl.wants == 0 ? 0 : queued_ahead(m);
}

/* ---- our own want ---- */

/* clear_dead -- remove the wants of the dead, before a new one is added. */
static int
clear_dead(struct mbox *m)
{
	struct want w;

	for (uint32_t i = 0; i < m->ctl.wants; i++) {
		if (want_read(m->want_fd, i, &w) == -1 || w.owner == 0 || mbox_lives(m, w.owner))
			continue;
		if (remove_want(m, i, w.owner) == -1)
			return -1;
	}
	return 0;
}

/* add_want -- find a place for our want.  Returns 1, 0 where the table is full, or -1. */
static int
add_want(struct mbox *m)
{
	int place;

	if (mbox_wants(m) == -1 || mbox_number(m) == -1 || mbox_begin(m) == -1)
		return -1;
	/* once for each process, which may come and go here for every message, and where all places are taken */
	if (!m->cleared && clear_dead(m) == -1)
		return -1;
	place = want_free_place(m->want_fd, m->ctl.wants);
	if (place >= WANT_MAX && m->cleared && clear_dead(m) == 0)
		place = want_free_place(m->want_fd, m->ctl.wants);
	m->cleared = true;
	if (place == -1)
		return -1;
	if (place >= WANT_MAX)
		return 0;
	m->want_index = (uint32_t)place;
	m->want.owner = m->number;
	m->want.ticket = ++m->ctl.ticket;
	if (m->ctl.wants <= m->want_index)
		m->ctl.wants = m->want_index + 1;
	return 1;
}

int
wake_post(struct mbox *m, enum want_kind kind, const struct filter *filter, uint64_t object)
{
	bool had_bell = m->bell_fd != -1;

	if (m->look)
		return 0;
	if (!m->posted) {
		m->want = (struct want){ .kind = (uint32_t)kind };
		switch (add_want(m)) {
		case -1:
			return -1;
		case 0:
			return 0;
		}
	} else if (m->want.mark == WAKE_AWAKE || (kind == WANT_ROOM && m->want.kind != WANT_ROOM)) {
		/* it got what it waited for, or did not wait in this queue: it queues anew */
		if (mbox_begin(m) == -1)
			return -1;
		m->want.ticket = ++m->ctl.ticket;
	}
	m->want.kind = (uint32_t)kind;
	m->kinds |= 1U << kind;
	m->want.mark = 0;
	m->want.looked_ns = clock_mono_ns();
	m->want.object = object;
	if (filter != NULL)
		m->want.filter = *filter;
	if (want_write(m->want_fd, m->want_index, &m->want) == -1) {
		if (m->posted || (errno != ENOSPC && errno != EDQUOT))
			return -1;
		m->ctl.wants = (uint32_t)want_used(m->want_fd, m->ctl.wants);
		return 0;
	}
	m->posted = true;
	if (had_bell)
		m->bell_fd = bell_rearm(m->dir_fd, m->number, mode_members(m->ctl.mode), m->bell_fd);
	else if (kind != WANT_SPOOL)
		m->bell_fd = bell_make(m->dir_fd, m->number, mode_members(m->ctl.mode));
	return 0;
}

int
wake_ready(struct mbox *m, uint64_t id)
{
	struct names names = { .n = 0 };
	struct slice two[2];
	struct slot slot;

	if (!ready_find(m, id, &slot, &names))
		return 0;
	two[0] = names_get(&names, slot.tag);
	two[1] = names_get(&names, slot.source);
	slot.tag = 0;
	slot.source = 1;
	return wake_receivers(m, id, 1, &slot, two);
}

/* hand_on_door -- nobody keeps the door: wake the first receiver that sleeps, one that only looks last. */
static OUT_OF_LINE int
hand_on_door(struct mbox *m)
{
	static const enum want_kind kinds[] = { WANT_RECEIVE, WANT_PEEK };
	struct want_place places[WANT_MAX];
	struct want w;
	int waiting, rung;

	for (int k = 0; k < 2; k++) {
		waiting = queue(m, kinds[k], true, places);
		if (waiting == -1)
			return -1;
		for (int i = 0; i < waiting; i++) {
			if (want_read(m->want_fd, places[i].index, &w) == -1)
				return -1;
			if (w.owner == m->number)
				continue;
			rung = ring(m, places[i].index, &w, WAKE_DOOR);
			if (rung != 0)
				return rung == -1 ? -1 : 0;
		}
	}
	return 0;
}

/* leave_door -- keep the door no longer; somebody else is to. */
static int
leave_door(struct mbox *m)
{
	if (m->door.bell_fd == -1)
		return 0;
	door_leave(m);
	return m->ctl.wants == 0 ? 0 : hand_on_door(m);
}

int
wake_awake(struct mbox *m)
{
	struct want w;

	if (leave_door(m) == -1)
		return -1;
	if (!m->posted || m->want.mark == WAKE_AWAKE)
		return 0;
	if (want_read_head(m->want_fd, m->want_index, &w) == -1)
		return -1;
	m->want.mark = WAKE_AWAKE;
	if (want_mark(m->want_fd, m->want_index, WAKE_AWAKE) == -1)
		return -1;
	if (w.mark == WAKE_DOOR)
		return door_kept(m) ? 0 : hand_on_door(m);
	if (w.kind == WANT_ROOM)
		return wake_room(m);
	if (w.kind == WANT_RECEIVE && w.mark != 0 && w.mark != WAKE_AWAKE)
		return wake_ready(m, w.mark);
	return 0;
}

int
wake_down(struct mbox *m)
{
	if (!m->posted)
		return 0;
	if (mbox_begin(m) == -1 || wake_awake(m) == -1)
		return -1;
	if (remove_want(m, m->want_index, m->number) == -1)
		return -1;
	m->posted = false;
	if (m->bell_fd != -1)
		close(m->bell_fd);
	m->bell_fd = -1;
	return 0;
}

void
wake_leave(struct mbox *m)
{
	int err = errno;

	if ((m->posted || m->door.bell_fd != -1) && mbox_lock(m, clock_after(WAKE_LOOK_NS)) == 0) {
		if ((m->posted ? wake_down(m) : wake_awake(m)) == 0 && m->changing)
			mbox_commit(m);
		mbox_unlock(m);
	}
	errno = err;
}

int
wake_sleep(struct mbox *m, uint64_t deadline_ns)
{
	struct pollfd pfd = { .fd = m->bell_fd, .events = POLLIN };
	uint64_t generation = m->ctl.generation;
	int r, ms;

	for (;;) {
		if (io_stop) {
			errno = EINTR;
			return -1;
		}
		ms = clock_left_ms(deadline_ns, (int)(WAKE_LOOK_NS / 1000000));
		if (ms == 0)
			return 0;
		r = poll(&pfd, 1, ms);
		if (r == 1)
			return 1;
		if (r == -1 && errno != EINTR)
			return -1;
		if (r == 0 && (r = m->behind || m->ctl.expires ? 1 : mbox_moved(m, generation)) != 0)
			return r;
		if (m->posted)
			want_looked(m->want_fd, m->want_index, clock_mono_ns());
	}
}
