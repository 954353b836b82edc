/* SPDX-License-Identifier: ISC */
/* wait: a crash leaves our want, our wake FIFO and our spool, which the next process that meets the want removes. */
#include "mailbox/wait/wait.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/waiting.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/wakefifo.h"
#include "mailbox/mode.h"
#include "mailbox/wait/keeper.h"
#include "mailbox/wait/listen.h"
#include "mailbox/wait/wake.h"

enum { CLEARED = 64 };                  /* wants that a newcomer looks at */

/*
 * clear_dead -- remove wants of dead processes, before a new one is added.  Each newcomer looks at some, in turn: so the
 * table grows no longer than by those who live, and nobody keeps the lock for all of them.
 */
static int
clear_dead(struct mbox *m)
{
	const uint32_t wants = m->ctl.wants, n = wants < CLEARED ? wants : CLEARED;
	struct want w;
	uint32_t i;

	for (uint32_t k = 0; k < n; k++) {
		i = (uint32_t)((m->ctl.ticket * CLEARED + k) % wants);
		if (want_read_head(m->want_fd, i, &w) == -1 || w.owner == 0 || mbox_lives(m, w.owner))
			continue;
		if (wake_remove(m, i, w.owner) == -1)
			return -1;
	}
	return 0;
}

/* add_want -- find a place for our want.  Returns 0, or -1. */
static int
add_want(struct mbox *m)
{
	int place;

	if (mbox_wants(m) == -1 || mbox_number(m) == -1 || txn_begin(m) == -1)
		return -1;
	/* once for each process, which may come and go here for every message */
	if (!m->waiter.cleared && clear_dead(m) == -1)
		return -1;
	place = want_free_place(m->want_fd, m->ctl.wants);
	m->waiter.cleared = true;
	if (place == -1)
		return -1;
	if (place >= WANT_MAX)
		return fail_with(ENOSPC);
	m->waiter.index = (uint32_t)place;
	m->waiter.want.owner = m->number;
	m->waiter.want.ticket = ++m->ctl.ticket;
	if (m->ctl.wants <= m->waiter.index)
		m->ctl.wants = m->waiter.index + 1;
	return 0;
}

/*
 * set_filter -- have our want say what filter wants, or more.  A want that does may have been woken for a message that
 * we have seen, and do not want: that is handed on.  Returns 0, or -1.
 */
static int
set_filter(struct mbox *m, const struct filter *filter)
{
	struct want w;

	if (m->waiter.filter != filter || !m->waiter.posted)
		want_set_filter(&m->waiter.want, filter);
	m->waiter.filter = filter;
	if (!m->waiter.posted || !m->waiter.want.wide || m->waiter.want.mark == WANT_AWAKE)
		return 0;
	if (want_read_head(m->want_fd, m->waiter.index, &w) == -1)
		return -1;
	return w.kind == WANT_RECEIVE && want_is_message(w.mark) ? wake_decline(m, w.mark) : 0;
}

int
wait_post(struct mbox *m, enum want_kind kind, const struct filter *filter, uint64_t object)
{
	bool had_bell = m->waiter.fifo_fd != -1;

	if (m->look)
		return 0;
	if (!m->waiter.posted) {
		m->waiter.want = (struct want){ .kind = (uint32_t)kind };
		if (add_want(m) == -1)
			return -1;
	} else if (m->waiter.want.mark == WANT_AWAKE || (kind == WANT_ROOM && m->waiter.want.kind != WANT_ROOM)) {
		/* we got what we waited for, or did not wait in this queue: we queue anew */
		if (txn_begin(m) == -1)
			return -1;
		m->waiter.want.ticket = ++m->ctl.ticket;
	}
	if (filter != NULL && set_filter(m, filter) == -1)
		return -1;
	if (!m->waiter.posted || m->waiter.want.mark == WANT_AWAKE || m->waiter.want.kind != (uint32_t)kind)
		m->waiter.want.since_ns = clock_mono_ns();
	m->waiter.want.kind = (uint32_t)kind;
	m->waiter.crowd.kinds |= 1U << kind;
	m->waiter.want.mark = 0;
	m->waiter.want.looked_ns = clock_mono_ns();
	m->waiter.want.object = object;
	if (want_write(m->want_fd, m->waiter.index, &m->waiter.want) == -1) {
		if (m->waiter.posted || (errno != ENOSPC && errno != EDQUOT))
			return -1;
		return wake_count(m);
	}
	m->waiter.posted = true;
	if (had_bell)
		m->waiter.fifo_fd = wakefifo_rearm(m->dir_fd, m->number, mode_members(m->ctl.mode), m->waiter.fifo_fd);
	else if (kind != WANT_SPOOL)
		m->waiter.fifo_fd = wakefifo_make(m->dir_fd, m->number, mode_members(m->ctl.mode));
	return 0;
}

/* hands_on -- whether it matters what our want was woken for: something may be left for the next waiter. */
static bool
hands_on(const struct mbox *m)
{
	const struct ctl *c = &m->ctl;

	return m->waiter.want.kind == WANT_ROOM || m->drops || c->due_us != 0 || c->keeper == m->number
	    || c->live > c->claimed + c->delayed;
}

int
wait_awake(struct mbox *m)
{
	struct want w;

	if (m->listen.bell_fd != -1) {
		listen_leave(m);
		if (wake_listener(m, 0) == -1)
			return -1;
	}
	if (!m->waiter.posted || m->waiter.want.mark == WANT_AWAKE)
		return 0;
	w = m->waiter.want;
	if (hands_on(m) && want_read_head(m->want_fd, m->waiter.index, &w) == -1)
		return -1;
	m->waiter.want.mark = WANT_AWAKE;
	if (want_mark(m->want_fd, m->waiter.index, WANT_AWAKE) == -1)
		return -1;
	if (keeper_leave(m, w.mark == WANT_LISTEN) == -1)
		return -1;
	if (w.mark == WANT_LISTEN)
		return !m->drops || listen_kept(m) ? 0 : wake_listener(m, 0);
	if (w.kind == WANT_ROOM)
		return wake_room(m);
	/* where nothing is ready there is nothing to look for */
	if (w.kind == WANT_RECEIVE && want_is_message(w.mark) && m->ctl.live > m->ctl.claimed + m->ctl.delayed)
		return wake_next(m, w.mark);
	return 0;
}

int
wait_down(struct mbox *m)
{
	if (!m->waiter.posted)
		return 0;
	if (txn_begin(m) == -1 || wait_awake(m) == -1 || wake_remove(m, m->waiter.index, m->number) == -1)
		return -1;
	m->waiter.posted = false;
	io_close(m->waiter.fifo_fd);
	m->waiter.fifo_fd = -1;
	return 0;
}

void
wait_leave(struct mbox *m)
{
	int err = errno;

	if ((m->waiter.posted || m->listen.bell_fd != -1) && txn_lock(m, clock_after(WAKE_LOOK_NS)) == 0)
		(void)txn_end(m, m->waiter.posted ? wait_down(m) : wait_awake(m));
	errno = err;
}

int
wait_sleep(struct mbox *m, uint64_t deadline_ns)
{
	struct pollfd pfd[2] = { { .fd = m->waiter.fifo_fd, .events = POLLIN }, { .fd = m->waiter.told_fd } };
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
		r = poll(pfd, 2, ms);
		if (r > 0)
			return pfd[1].revents != 0 ? fail_with(EPIPE) : 1;
		if (r == -1 && errno != EINTR)
			return -1;
		if (r == 0)
			waiting_slept(ms);
		/* a signal that is none to stop is a moment to look as well: many of them keep nobody from it */
		if (r <= 0 && (r = m->waiter.behind || m->ctl.expires ? 1 : mbox_moved(m, generation)) != 0)
			return r;
		if (m->waiter.posted)
			want_looked(m->want_fd, m->waiter.index, clock_mono_ns());
	}
}
