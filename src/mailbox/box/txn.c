/* SPDX-License-Identifier: ISC */
/*
 * txn: lock, begin, commit, unlock: the frame of every change.  A crash in any of them leaves what the next txn_lock
 * makes whole.
 */
#include "mailbox/box/txn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bootid.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/reclock.h"
#include "base/safefile.h"
#include "mailbox/box/audit.h"
#include "mailbox/box/recover.h"
#include "mailbox/disk/dropdir.h"

enum { LOOK_NAP_MS = 20 };

#define LOOK_NS UINT64_C(1000000000)    /* how long a change may take that is waited out by who only looks */
#define HELD_NS UINT64_C(2000000000)    /* how long a lock may be held before somebody who waits is told */
#define LAST_NS UINT64_C(1000000000)    /* how long txn_insist still waits after the last signal */

static int
unlock_with(struct mbox *m, int err)
{
	m->txn.locked = true;
	txn_unlock(m);
	errno = err;
	return -1;
}

/* look_at_ctl -- ctl, at a moment when nothing is being changed where that comes within a second.  Returns 0, or -1. */
static int
look_at_ctl(struct mbox *m)
{
	uint64_t deadline_ns = clock_after(LOOK_NS);
	int r, ms = 1;

	/* a copy that is being written may look damaged */
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

/* open_wants -- the table of wants, which a killed process may have left something in. */
static int
open_wants(struct mbox *m)
{
	return m->ctl.wants > 0 || m->ctl.busy || m->ctl.orphans ? mbox_wants(m) : 0;
}

/* mend -- what a killed process left; in one section, however much waits, for nobody can go on before. */
static int
mend(struct mbox *m)
{
	m->txn.tidied = true;
	if (recover(m->dir_fd, m->lock_fd, m->want_fd, m->number, &m->ctl) == 0)
		return txn_commit(m);
	return errno == ENOENT || errno == EBADMSG ? mbox_missing(m) : -1;
}

/* take -- take the lock; where that takes long, somebody at a terminal is told once. */
static int
take(struct mbox *m, uint64_t deadline_ns)
{
	mailbox_tell *held = m->txn.told;
	uint64_t soon_ns;

	if (held != NULL) {
		if (reclock_spin(m->lock_fd, MBOX_LOCK) == 0)
			return 0;
		if (errno != EAGAIN)
			return -1;
		soon_ns = clock_after(HELD_NS);
		if (soon_ns < deadline_ns && isatty(STDERR_FILENO)) {
			if (reclock_take(m->lock_fd, MBOX_LOCK, soon_ns) == 0)
				return 0;
			if (errno != EBUSY)
				return -1;
			m->txn.told = NULL;
			held(m->name);
		}
	}
	return reclock_take(m->lock_fd, MBOX_LOCK, deadline_ns);
}

/* identify -- a copy gets an identity of its own, but one that some may only send to: what waits in drop/ is for it. */
static int
identify(struct mbox *m)
{
	if (mode_drops(m->ctl.mode))
		return 0;
	return getrandom(&m->ctl.identity, sizeof m->ctl.identity, 0) == -1 ? -1 : 0;
}

/* have_wants -- make the table of wants where it is missing: in half a copy, say.  Nobody waits yet.  Returns 0, or -1. */
static int
have_wants(const struct mbox *m)
{
	struct stat st;
	int fd;

	if (fstatat(m->dir_fd, "want", &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return 0;
	fd = safefile_make(m->dir_fd, "want", mode_files(m->ctl.mode));
	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

/*
 * prove -- where the machine has stopped since the mailbox was last found whole, or it is a copy: look at all of it, in
 * one section as mend.
 * Then ctl is as a killed process would have left it, to be recounted.  A copy is a mailbox of its own.
 */
static int
prove(struct mbox *m)
{
	struct ctl *c = &m->ctl;
	uint64_t boot = bootid_get(), place;

	if (bootid_place(m->ctl_fd, &place) == -1)
		return -1;
	if (boot != 0 && boot == c->boot && place == c->place)
		return 0;
	if ((place != c->place && identify(m) == -1) || audit(m->dir_fd, c, &m->damage) == -1 || have_wants(m) == -1)
		return -1;
	/* what was synced then is on the disk; what has its numbers now is not */
	if (c->durable && io_pwrite(m->ctl_fd, (char[CTL_SYNCED]){ 0 }, CTL_SYNCED, (uint64_t)2 * CTL_COPY) == -1)
		return -1;
	c->boot = boot;
	c->place = place;
	c->proven = c->next;
	c->busy = 1;
	return 0;
}

int
txn_lock(struct mbox *m, uint64_t deadline_ns)
{
	if (m->look)
		return look_at_ctl(m) == -1 ? -1 : open_wants(m);
	if (take(m, deadline_ns) == -1)
		return -1;
	if (mbox_removed(m))
		return unlock_with(m, EIDRM);
	if (ctl_read(m->ctl_fd, &m->ctl) == -1)
		return unlock_with(m, errno);
	if (m->ctl.removed)
		return unlock_with(m, EIDRM);
	if (!m->txn.proven && !(m->txn.proven = bootid_marked(m->ctl_fd)) && prove(m) == -1)
		return unlock_with(m, errno);
	if (open_wants(m) == -1)
		return unlock_with(m, errno);
	m->txn.locked = true;
	m->txn.changing = false;
	m->txn.failed = 0;
	m->waiter.kinds_known = false;
	m->waiter.crowd.kinds = 0;
	if ((m->ctl.busy || (m->ctl.orphans && !m->txn.tidied)) && mend(m) == -1)
		return unlock_with(m, errno);
	if (!m->txn.proven)
		bootid_mark(m->ctl_fd);
	m->txn.proven = true;
	return 0;
}

int
txn_insist(struct mbox *m, int stops)
{
	uint64_t deadline_ns = m->txn.told != NULL ? clock_after(HELD_NS) : CLOCK_NEVER, last_ns = CLOCK_NEVER;

	while (txn_lock(m, deadline_ns) == -1) {
		if (errno == EBUSY && deadline_ns != CLOCK_NEVER) {
			deadline_ns = CLOCK_NEVER;
			if (m->txn.told != NULL)
				m->txn.told(m->name);
			m->txn.told = NULL;
		} else if (errno != EINTR || stops == 1 || clock_mono_ns() >= last_ns) {
			return -1;
		} else if (io_stops >= stops && last_ns == CLOCK_NEVER) {
			last_ns = clock_after(LAST_NS);
		}
	}
	return 0;
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
	if (ctl_write(m->ctl_fd, &m->ctl) == -1)
		return -1;
	m->txn.changing = true;
	return 0;
}

int
txn_note(struct mbox *m)
{
	return ctl_write(m->ctl_fd, &m->ctl);
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
	if (ctl_write(m->ctl_fd, &m->ctl) == -1)
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
txn_unlock(struct mbox *m)
{
	int err = errno;

	if (!m->txn.locked)
		return;
	m->txn.locked = false;
	if (m->txn.changing) {
		seg_close(&m->seg);
		m->txn.changing = false;
	}
	if (!m->look)
		reclock_free(m->lock_fd, MBOX_LOCK);
	while (m->txn.ringing > 0)
		close(m->txn.rings[--m->txn.ringing]);
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
