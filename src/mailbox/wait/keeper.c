/* SPDX-License-Identifier: ISC */
/* keeper: see keeper.h.  A crash leaves the number of a dead process in ctl, which the next that sleeps replaces. */
#include "mailbox/wait/keeper.h"

#include "base/clock.h"
#include "mailbox/box/txn.h"
#include "mailbox/wait/wake.h"

enum {
	DEPUTIES = 16,                  /* wants whose owners look besides the keeper, */
	LATE_US = 15000,                /* so long after the due time */
};

/* alarm -- when we look, if a message falls due at due_us; 0 for none. */
static uint64_t
alarm(const struct mbox *m, uint64_t due_us)
{
	if (due_us == 0 || m->ctl.keeper == m->number || !m->waiter.posted)
		return due_us;
	return m->waiter.index < DEPUTIES ? due_us + LATE_US : 0;
}

int
keeper_watch(struct mbox *m, uint64_t *alarm_us)
{
	struct ctl *c = &m->ctl;

	if (c->due_us != 0 && m->waiter.posted && c->keeper != m->number
	    && (c->keeper == 0 || !mbox_lives(m, c->keeper))) {
		if (txn_begin(m) == -1)
			return -1;
		c->keeper = m->number;
	}
	*alarm_us = alarm(m, c->due_us);
	return 0;
}

int
keeper_leave(struct mbox *m, bool woken)
{
	struct ctl *c = &m->ctl;

	if (c->keeper == m->number && m->number != 0) {
		if (txn_begin(m) == -1)
			return -1;
		c->keeper = 0;
		woken = true;
	}
	return woken && c->keeper == 0 && c->due_us != 0 ? wake_listener(m, 0) : 0;
}

int
keeper_tell(struct mbox *m)
{
	return m->ctl.wants > 0 ? wake_listener(m, m->ctl.keeper) : 0;
}

bool
keeper_again(const struct mbox *m, uint64_t *alarm_us)
{
	struct ctl c;

	if (m->ctl.keeper == m->number || ctl_read(m->ctl_fd, &c) == -1 || c.busy || c.removed)
		return false;
	if (c.due_us != 0 && c.due_us <= clock_wall_us())
		return false;
	*alarm_us = alarm(m, c.due_us);
	return true;
}
