/* SPDX-License-Identifier: ISC */
/* room: see room.h.  A crash leaves the want of a dead process, and what was dropped. */
#include "mailbox/send/room.h"

#include <errno.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/waiting.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/wait/wait.h"
#include "mailbox/wait/wake.h"

uint32_t
room_admits(const struct ctl *c, const struct batch *b)
{
	uint64_t live = c->live, bytes = c->live_bytes;
	uint32_t i;

	if (c->policy == MAILBOX_LATEST || (c->cap_messages == MAILBOX_UNBOUNDED && c->cap_bytes == MAILBOX_UNBOUNDED))
		return b->n - b->from;
	for (i = b->from; i < b->n; i++) {
		if (live > 0 && (live >= c->cap_messages || bytes + batch_cost(b->slots[i].len) > c->cap_bytes))
			break;
		live++;
		bytes += batch_cost(b->slots[i].len);
	}
	return i - b->from;
}

int
room_make(struct mbox *m, const struct batch *b, struct latest *l, struct expiring *e)
{
	const struct slot *slot = &b->slots[b->from];
	int r = mbox_fits(&m->ctl, batch_cost(slot->len)) ? 0 : evict_expired(m, e);

	return r != 0 ? r : evict(m, l, b->name[slot->tag], batch_cost(slot->len), e);
}

/* full -- what a wait for room is, for those who are told. */
static void
full(const struct mbox *m)
{
	const struct ctl *c = &m->ctl;
	const bool messages = c->live >= c->cap_messages;

	waiting_for(messages ? WAITING_ROOM : WAITING_ROOM_BYTES, m->name);
	waiting_facts(c->paused, messages ? c->live : c->live_bytes, messages ? c->cap_messages : c->cap_bytes);
}

int
room_wait(struct mbox *m, uint64_t need_bytes, uint64_t deadline_ns)
{
	int r;

	if (deadline_ns == APPEND_NOW) {
		(void)txn_end(m, 0);
		errno = EAGAIN;
		return -1;
	}
	io_catch_stop();
	full(m);
	r = txn_end(m, wait_post(m, WANT_ROOM, NULL, need_bytes));
	if (r == 0 && deadline_ns == APPEND_ASK) {
		errno = EAGAIN;
		return -1;
	}
	if (r == 0) {
		r = wait_sleep(m, deadline_ns);
		if (r == 1)
			return 0;
		if (r == 0)
			errno = ETIMEDOUT;
	}
	if (errno != EIDRM)
		wait_leave(m);
	return -1;
}

uint64_t
room_lock_deadline(uint64_t deadline_ns)
{
	if (deadline_ns == APPEND_ASK)
		return CLOCK_NEVER;
	return deadline_ns == APPEND_NOW ? clock_after(WAKE_LOOK_NS) : deadline_ns;
}

int
room_come_in(struct mbox *m, const struct batch *b, struct latest *l, uint64_t deadline_ns)
{
	struct expiring e = { .from = 0 };
	int ahead, more;

	for (;;) {
		ahead = wake_ahead(m);
		m->waiter.behind = ahead == 1;
		if (ahead != 0)
			return ahead;
		more = room_make(m, b, l, &e);
		if (more != 1)
			return more;
		if (piece_next(m, deadline_ns) == -1)
			return -1;
	}
}
