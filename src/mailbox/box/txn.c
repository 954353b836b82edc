/* SPDX-License-Identifier: ISC */
/* txn: lock, begin, commit, unlock.  After a crash in any of them the next txn_lock recovers. */
#include "mailbox/box/txn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bootid.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/reclock.h"
#include "base/safefile.h"
#include "base/waiting.h"
#include "mailbox/box/audit.h"
#include "mailbox/box/recover.h"
#include "mailbox/box/rights.h"
#include "mailbox/disk/dropdir.h"

enum { LOOK_NAP_MS = 20 };

#define LOOK_NS UINT64_C(1000000000)    /* how long a look without the lock waits for a change to end */
#define HELD_NS UINT64_C(2000000000)    /* how long txn_insist waits before the user is told */
#define LAST_NS UINT64_C(1000000000)    /* how long txn_insist still waits after the last signal */

/* look_at_ctl -- read ctl when no change is under way, if that comes within a second.  Returns 0, or -1. */
static int
look_at_ctl(struct mbox *m)
{
	uint64_t deadline_ns = clock_after(LOOK_NS);
	int r, ms = 1;

	/* EUCLEAN: a copy may be being written */
	while (((r = ctl_read(m->ctl_fd, &m->ctl)) == -1 && errno == EUCLEAN) || (r == 0 && m->ctl.busy))
		if (io_nap(deadline_ns, &ms, LOOK_NAP_MS) == -1) {
			if (errno != ETIMEDOUT)
				return -1;
			if (r == -1)
				errno = EUCLEAN;
			break;
		}
	if (r == -1)
		return -1;
	if (m->ctl.removed || mbox_removed(m)) {
		errno = EIDRM;
		return -1;
	}
	m->txn.locked = true;
	return 0;
}

bool
txn_still(const struct mbox *m)
{
	return !m->look || ctl_still(m->ctl_fd, m->ctl.generation);
}

/* open_wants -- open the table of wants, if there may be something in it. */
static int
open_wants(struct mbox *m)
{
	if (m->ctl.wants == 0 && !m->ctl.busy && !m->ctl.orphans)
		return 0;
	if (mbox_wants(m) == -1)
		return -1;
	/* very many are looked for only in a table that is as long */
	if (!m->ctl.busy && m->ctl.wants > WANT_CHUNK && m->ctl.wants > (uint32_t)want_room(m->want_fd)) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

/* mend -- recover, in one section however much waits: until then no process can go on. */
static int
mend(struct mbox *m)
{
	m->txn.tidied = true;
	if (recover(m) == 0)
		return txn_commit(m);
	return errno == ENOENT || errno == EBADMSG ? mbox_missing(m) : -1;
}

/* take -- take the lock. */
static int
take(struct mbox *m, uint64_t deadline_ns)
{
	int r = reclock_spin(m->lock_fd, MBOX_LOCK);

	if (r == 0 || errno != EAGAIN)
		return r;
	waiting_for(WAITING_LOCK, m->name);
	r = reclock_await(m->lock_fd, MBOX_LOCK, deadline_ns);
	waiting_for(WAITING_NOTHING, NULL);
	return r;
}

/* have_wants -- make the table of wants if it is missing, as in half a copy; nothing waits yet.  Returns 0, or -1. */
static int
have_wants(const struct mbox *m)
{
	struct stat st;
	int fd;

	if (fstatat(m->dir_fd, "want", &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return 0;
	fd = safefile_make(m->dir_fd, "want", mode_files(m->ctl.mode));
	io_close(fd);
	return fd == -1 ? -1 : 0;
}

/*
 * prove -- if the machine has stopped since the mailbox was last found whole, or this is a copy, audit all of it, in
 * one section as mend.  Then ctl is as a killed process would have left it, to be recovered.
 */
static int
prove(struct mbox *m)
{
	struct ctl *c = &m->ctl;
	struct bootid_place place;
	uint64_t boot = bootid_get();
	bool copy;

	if (bootid_place(m->ctl_fd, &place) == -1)
		return -1;
	copy = !bootid_same(&place, &c->place);
	if (boot != 0 && boot == c->boot && !copy)
		return 0;
	if (boot != 0 && boot == c->boot && bootid_views(&place, &c->place)) {
		errno = EXDEV;
		return -1;
	}
	/* a copy gets an identity of its own, unless it has drop/: what waits there names the old one */
	if ((copy && !mode_drops(c->mode) && getrandom(&c->identity, sizeof c->identity, 0) == -1)
	    || getrandom(c->incarnation, sizeof c->incarnation, 0) == -1)
		return -1;
	if (audit(m, copy) == -1 || have_wants(m) == -1)
		return -1;
	/* what was synced before is on disk; new messages of the same ids are not */
	if (c->durable && io_pwrite(m->ctl_fd, (char[CTL_SYNCED]){ 0 }, CTL_SYNCED, (uint64_t)2 * CTL_COPY) == -1)
		return -1;
	c->boot = boot;
	c->place = place;
	c->proven = c->next;
	c->busy = 1;
	return 0;
}

/* untidy -- whether something was left that we might put in order. */
static bool
untidy(const struct mbox *m)
{
	return m->ctl.orphans || (m->ctl.rights && rights_ours(m));
}

int
txn_there(const struct mbox *m)
{
	if (!mbox_removed(m))
		return 0;
	errno = EIDRM;
	return -1;
}

/* enter -- with the lock just taken: read ctl, and make the mailbox whole.  Returns 0, or -1. */
static int
enter(struct mbox *m, bool asks)
{
	const bool known = m->txn.read;

	m->txn.read = false;
	m->txn.there = known || !asks;
	if (!known && ((!asks && txn_there(m) == -1) || ctl_read(m->ctl_fd, &m->ctl) == -1))
		return -1;
	if (m->ctl.removed) {
		errno = EIDRM;
		return -1;
	}
	/* whether another process has changed anything since our last section */
	if (m->ctl.generation != m->txn.left || m->ctl.busy)
		mbox_seg_stale(m);
	m->txn.left = m->ctl.generation;
	m->drops = mode_drops(m->ctl.mode);
	if (!m->txn.proven && !(m->txn.proven = bootid_marked(m->ctl_fd)) && prove(m) == -1)
		return -1;
	if (open_wants(m) == -1 || ((m->ctl.busy || (untidy(m) && !m->txn.tidied)) && mend(m) == -1))
		return -1;
	if (!m->txn.proven)
		bootid_mark(m->ctl_fd);
	m->txn.proven = true;
	return 0;
}

int
txn_soon(struct mbox *m)
{
	m->txn.taken = m->txn.read = reclock_try(m->lock_fd, MBOX_LOCK) == 0;
	if (ctl_read(m->ctl_fd, &m->ctl) == 0)
		return 0;
	txn_unlock(m);
	return -1;
}

int
txn_lock(struct mbox *m, uint64_t deadline_ns)
{
	const bool asks = m->txn.asks;

	m->txn.asks = false;
	if (m->look)
		return look_at_ctl(m) == -1 ? -1 : open_wants(m);
	if (!m->txn.taken && take(m, deadline_ns) == -1)
		return -1;
	m->txn.taken = false;
	m->txn.locked = true;
	m->txn.changing = false;
	m->txn.failed = 0;
	m->waiter.kinds_known = false;
	m->waiter.crowd.kinds = 0;
	want_forget();
	if (enter(m, asks) == 0)
		return 0;
	txn_unlock(m);
	return -1;
}

int
txn_insist(struct mbox *m, int stops)
{
	uint64_t deadline_ns = CLOCK_NEVER, last_ns = CLOCK_NEVER;

	m->txn.taken = !m->look && reclock_try(m->lock_fd, MBOX_LOCK) == 0;
	if (m->name != NULL && !m->txn.taken)
		deadline_ns = clock_after(HELD_NS);
	while (txn_lock(m, deadline_ns) == -1) {
		if (errno == EBUSY && deadline_ns != CLOCK_NEVER) {
			deadline_ns = CLOCK_NEVER;
			waiting_for(WAITING_LOCK, m->name);
			waiting_say();
		} else if (errno != EINTR || stops == 1 || clock_mono_ns() >= last_ns) {
			return -1;
		} else if (io_stops >= stops && last_ns == CLOCK_NEVER) {
			last_ns = clock_after(LAST_NS);
		}
	}
	return 0;
}

/* write_ctl -- write m->ctl, of which the generation is known then.  Returns 0, or -1. */
static int
write_ctl(struct mbox *m)
{
	int r = ctl_write(m->ctl_fd, &m->ctl);

	m->txn.left = r == 0 ? m->ctl.generation : 0;
	return r;
}

int
txn_begin(struct mbox *m)
{
	if (m->txn.failed != 0 || m->look) {
		errno = m->txn.failed != 0 ? m->txn.failed : EACCES;
		return -1;
	}
	if (m->txn.changing)
		return 0;
	m->ctl.busy = 1;
	if (write_ctl(m) == -1)
		return -1;
	m->txn.changing = true;
	return 0;
}

int
txn_note(struct mbox *m)
{
	return m->txn.failed != 0 ? fail_with(m->txn.failed) : write_ctl(m);
}

int
txn_fail(struct mbox *m)
{
	m->txn.failed = errno;
	return -1;
}

int
txn_commit(struct mbox *m)
{
	if (m->txn.failed != 0) {
		errno = m->txn.failed;
		return -1;
	}
	m->ctl.busy = 0;
	if (write_ctl(m) == -1)
		return -1;
	m->txn.changing = false;
	return 0;
}

void
txn_ring(struct mbox *m, int fd)
{
	if (m->txn.ringing < TXN_RINGS)
		m->txn.rings[m->txn.ringing++] = fd;
	else
		close(fd);
}

void
txn_removed(struct mbox *m, int fd)
{
	if (m->txn.removing < TXN_REMOVED)
		m->txn.removed[m->txn.removing++] = fd;
	else
		io_close(fd);
}

void
txn_give_back(struct mbox *m)
{
	while (m->txn.removing > 0)
		io_close(m->txn.removed[--m->txn.removing]);
}

void
txn_unlock(struct mbox *m)
{
	int err = errno;

	if (!m->txn.locked && !m->txn.taken)
		return;
	m->txn.locked = m->txn.taken = m->txn.read = false;
	if (m->txn.changing) {
		mbox_seg_close(m);
		m->txn.changing = false;
	}
	if (!m->look)
		reclock_free(m->lock_fd, MBOX_LOCK);
	while (m->txn.ringing > 0)
		close(m->txn.rings[--m->txn.ringing]);
	txn_give_back(m);
	errno = err;
}

int
txn_end(struct mbox *m, int r)
{
	if (r != -1 && m->txn.changing && txn_commit(m) == -1)
		r = -1;
	txn_unlock(m);
	return r;
}
