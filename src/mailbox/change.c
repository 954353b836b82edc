/* SPDX-License-Identifier: ISC */
/*
 * change: the settings of a mailbox that stands.
 *
 * The first write of ctl that has the new ones is the change: a kill leaves the old ones or all of the new ones.  For
 * what is outside ctl see shut.h, where the mailbox is closed or opened, and rights.h, for the permissions of files.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "mailbox/box/mbox.h"
#include "mailbox/box/rights.h"
#include "mailbox/box/shut.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/dropdir.h"
#include "mailbox/mailbox.h"
#include "mailbox/wait/wake.h"

/* waits -- whether a message is there, or a living process has a want.  Returns 1, 0 or -1. */
static int
waits(const struct mbox *m)
{
	struct want w;

	if (m->ctl.live > 0)
		return 1;
	for (uint32_t i = 0; i < m->ctl.wants; i++) {
		if (want_read_head(m->want_fd, i, &w) == -1)
			return -1;
		if (w.owner != 0 && mbox_lives(m, w.owner))
			return 1;
	}
	return 0;
}

/* merge -- have all settings in `to': those that change are there, the others are the mailbox's. */
static void
merge(const struct mailbox_settings *is, unsigned what, struct mailbox_settings *to)
{
	const struct mailbox_settings want = *to;

	*to = *is;
	if (what & MAILBOX_BYTES)
		to->cap_bytes = want.cap_bytes;
	if (what & MAILBOX_MESSAGES)
		to->cap_messages = want.cap_messages;
	if (what & MAILBOX_POLICY)
		to->policy = want.policy;
	if (what & MAILBOX_PAUSED)
		to->paused = want.paused;
	if (what & MAILBOX_CLOSED)
		to->closed = want.closed;
	if (what & MAILBOX_MODE)
		to->mode = want.mode;
	if (what & MAILBOX_GROUP)
		to->group = want.group;
}

/*
 * may_give -- whether mode and group may become those of `to'.  Where send-only access goes, drop/ is shut first; where
 * the change fails then, recovery opens it again.  Returns 0, or -1.
 */
static int
may_give(struct mbox *m, const struct mailbox_settings *to)
{
	uint64_t left;

	if (rights_check(m, to->mode, to->group) == -1)
		return -1;
	if (!m->drops || mode_drops(to->mode))
		return 0;
	if (mbox_drop(m) == -1 || txn_begin(m) == -1 || dropdir_shut(m->drop_fd) == -1
	    || dropdir_count(m->drop_fd, m->ctl.taken, &left) == -1)
		return txn_fail(m);
	if (left == 0)
		return 0;
	if (!m->ctl.closed && dropdir_unshut(m->drop_fd, m->ctl.mode) == -1)
		return txn_fail(m);
	return txn_commit(m) == -1 ? -1 : fail_with(ENOTEMPTY);
}

/* change -- with the lock held; the caller commits.  Returns 0, or -1. */
static int
change(struct mbox *m, unsigned what, struct mailbox_settings *to)
{
	struct ctl *c = &m->ctl;
	const bool rights = what & (MAILBOX_MODE | MAILBOX_GROUP);
	struct mailbox_settings is;
	bool drops;
	int r;

	mbox_settings(c, &is);
	is.group = c->rights ? c->group : m->gid;
	merge(&is, what, to);
	if (mailbox_wrong(to) != NULL)
		return fail_with(EINVAL);
	/* a process that has it open knows which of the two kinds it is */
	if ((is.cap_messages == 0) != (to->cap_messages == 0) && (r = waits(m)) != 0)
		return r == -1 ? -1 : fail_with(EINPROGRESS);
	drops = m->drops != mode_drops(to->mode);
	if (rights && may_give(m, to) == -1)
		return -1;
	m->drops = m->drops && mode_drops(to->mode);
	/* what these begin is done or undone whatever becomes of the others */
	if (is.closed != to->closed && (to->closed ? shut_mark(m) : shut_open(m)) == -1)
		return -1;
	c->cap_bytes = to->cap_bytes;
	c->cap_messages = to->cap_messages;
	c->policy = (uint8_t)to->policy;
	c->paused = to->paused;
	c->mode = to->mode;
	c->group = rights ? to->group : c->group;
	c->rights |= rights;
	if ((to->closed && shut_close(m) == -1) || (rights && m->txn.changing ? txn_note(m) : txn_begin(m)) == -1
	    || (rights && rights_apply(m) == -1) || wake_room(m) == -1)
		return -1;
	c->rights &= !rights;
	/* receivers listen for drops, or do so no more */
	if (drops)
		shut_wake(m);
	if (!is.paused || to->paused)
		return 0;
	/* all of them may end */
	if (to->closed)
		shut_wake(m);
	return wake_resumed(m);
}

int
mailbox_change(const char *path, struct mailbox_change *ask)
{
	struct mbox m;
	int r;

	if (mbox_open(&m, path) == -1)
		return -1;
	m.name = path;
	r = txn_lock(&m, CLOCK_NEVER) == -1 ? -1 : txn_end(&m, change(&m, ask->what, &ask->to));
	if (r == 0 && m.ctl.durable)
		r = io_sync(m.ctl_fd);
	ask->damage = m.damage;
	mbox_close(&m);
	return r;
}
