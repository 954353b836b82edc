/* SPDX-License-Identifier: ISC */
/* request: reads, but for taking a message back, which is one change, and for the reply box (replydir.h). */
#include "mailbox/queue/request.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/users.h"
#include "mailbox/box/callers.h"
#include "mailbox/box/create.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/replydir.h"
#include "mailbox/disk/want.h"
#include "mailbox/wait/backlog.h"

#define LOCK_NS UINT64_C(1000000000)

/*
 * is_offerer -- whether owner, which has claimed the message at place pos, is its sender: an offer that was put back.
 */
static bool
is_offerer(const struct mbox *m, uint32_t pos, uint64_t owner)
{
	uint64_t sender;

	return m->ctl.cap_messages == 0 && seg_read(&m->seg, SEG_DUE, pos, 1, &sender) == 0 && sender == owner;
}

/* has_claimer -- whether a living process has claimed a message, this one or another.  Returns 1, 0 or -1. */
static OUT_OF_LINE int
has_claimer(struct mbox *m)
{
	uint64_t left = m->ctl.claimed, dead = 0, owner;
	struct backlog c;
	int r;

	backlog_begin(&c, m, m->ctl.first, UINT64_MAX, BACKLOG_CLAIMED);
	for (; left > 0 && (r = backlog_next(&c)) != 0; left--) {
		if (r == -1)
			return -1;
		owner = state_owner(c.state);
		if (owner == dead || is_offerer(m, c.pos, owner))
			continue;
		if (mbox_lives(m, owner))
			return 1;
		dead = owner;
	}
	return 0;
}

int
request_served(struct mbox *m, struct slice tag, struct slice source)
{
	struct want w;
	struct filter f;

	for (uint32_t i = 0; i < m->ctl.wants; i++) {
		if (want_read(m->want_fd, i, &w) == -1)
			return -1;
		f = want_filter(&w);
		if (w.owner != 0 && w.kind == WANT_RECEIVE && filter_match(&f, tag, source)
		    && mbox_lives(m, w.owner))
			return 1;
	}
	return has_claimer(m);
}

/* find -- settle_find.  lost: gets whether the claimer of the message is dead. */
static int
find(struct mbox *m, uint64_t id, struct item *item, enum state_status *status, bool *lost)
{
	uint64_t state;
	int r = settle_find(m, id, item, status);

	*lost = false;
	if (r != 1 || *status != STATE_CLAIMED)
		return r;
	if (seg_read(&m->seg, SEG_STATES, item->pos, 1, &state) == -1)
		return -1;
	*lost = !mbox_lives(m, state_owner(state));
	return 1;
}

/* drop -- the message leaves the mailbox, unreceived.  Returns 0, or -1. */
static int
drop(struct mbox *m, const struct item *item, enum state_status was)
{
	return settle_gone(m, item, 1, was, STATE_DROPPED, 0);
}

/* look -- request_find, with the lock held; the caller commits. */
static int
look(struct mbox *m, uint64_t id, struct slice tag, struct slice source)
{
	struct item item;
	enum state_status status;
	bool lost;
	int r = find(m, id, &item, &status, &lost);

	if (r != 1)
		return r == -1 ? -1 : status == STATE_DROPPED ? REQUEST_DROPPED : REQUEST_GONE;
	/* a receiver that lives has it, or none has had it, or one has put it back; what a dead one had is ready at once */
	if (!lost && (status != STATE_READY || item.tries == 0))
		return REQUEST_WAITS;
	r = request_served(m, tag, source);
	if (r != 0)
		return r == -1 ? -1 : REQUEST_WAITS;
	/* looking for other receivers may have moved m->seg */
	return find(m, id, &item, &status, &lost) != 1 || drop(m, &item, status) == -1 ? -1 : REQUEST_LOST;
}

int
request_find(struct mbox *m, uint64_t id, struct slice tag, struct slice source)
{
	if (txn_lock(m, clock_after(LOCK_NS)) == -1)
		return -1;
	return txn_end(m, look(m, id, tag, source));
}

/* ---- the reply box ---- */

/*
 * make_ours -- make a mailbox of our new directory dir_fd, for the members of m and no others.
 * One that root makes belongs to the owner, who must be able to answer, and to remove it.
 */
static int
make_ours(const struct mbox *m, int dir_fd)
{
	const unsigned mode = mode_members(m->ctl.mode);
	const struct mailbox_settings settings = { .cap_messages = MAILBOX_UNBOUNDED,
		.cap_bytes = MAILBOX_UNBOUNDED, .mode = mode };
	const bool give = geteuid() == 0 && m->uid != 0 && m->uid != users_unknown();

	if (give && fchown(dir_fd, m->uid, (gid_t)-1) == -1)
		return -1;
	/* all users are members, of whatever group; only a member of a group can make what is in it that group's */
	if (mode_class(mode, 0) != 0 && fchown(dir_fd, (uid_t)-1, getegid()) == -1)
		return -1;
	if (create_in(dir_fd, &settings) == -1)
		return -1;
	return give ? fchownat(dir_fd, "lock", m->uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) : 0;
}

/* make_dir -- under the lock, make our directory: a removal sees it, or comes before.  Returns 0, or -1. */
static int
make_dir(struct mbox *m, const char *name, uint64_t deadline_ns)
{
	if (txn_lock(m, deadline_ns) == -1)
		return -1;
	return txn_end(m, mkdirat(m->dir_fd, name, S_ISVTX | 0700));
}

int
request_make_box(struct mbox *m, char *name, uint64_t deadline_ns)
{
	int dir_fd, r, err;

	if (mbox_number(m) == -1)
		return -1;
	replydir_name(name, m->number);
	if (make_dir(m, name, deadline_ns) == -1)
		return -1;
	(void)callers_clear(m);
	dir_fd = openat(m->dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = dir_fd == -1 ? -1 : make_ours(m, dir_fd);
	err = errno;
	io_close(dir_fd);
	if (r == -1)
		replydir_remove(m->dir_fd, name);
	errno = err;
	return r;
}

void
request_remove_box(struct mbox *m)
{
	char name[REPLYDIR_NAME_MAX];

	if (m->number == 0)
		return;
	replydir_name(name, m->number);
	replydir_remove(m->dir_fd, name);
}

/* ---- taken back ---- */

int
request_take_back(struct mbox *m, uint64_t id)
{
	struct item item;
	enum state_status status;
	bool lost;
	int r;

	if (txn_lock(m, clock_after(LOCK_NS)) == -1)
		return -1;
	r = find(m, id, &item, &status, &lost);
	if (r == 1 && status == STATE_CLAIMED && !lost)
		r = 0;
	if (r == 1 && drop(m, &item, status) == -1)
		r = -1;
	return txn_end(m, r);
}
