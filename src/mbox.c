/* SPDX-License-Identifier: ISC */
/* mbox: open, lock, begin, commit, unlock.  A crash in any of them leaves what the next mbox_lock makes whole. */
#include "mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"
#include "boot.h"
#include "clock.h"
#include "drop.h"
#include "file.h"
#include "io.h"
#include "lock.h"
#include "mode.h"
#include "recount.h"

enum { LOOK_NAP_MS = 20 };

#define LOOK_NS UINT64_C(1000000000)    /* how long a change may take that is waited out by who only looks */
#define HELD_NS UINT64_C(2000000000)    /* how long a lock may be held before somebody who waits is told */

/* ---- open and close ---- */

/* open_files -- open what a mailbox is entered by.  Returns 0, or -1: ENODEV for a directory that is no mailbox. */
static int
open_files(struct mbox *m, const char *path)
{
	struct stat st;

	/* openat(2): musl's open(3) sets FD_CLOEXEC by a second call */
	m->dir_fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->dir_fd == -1)
		return -1;
	m->ctl_fd = file_open(m->dir_fd, "ctl", m->look ? O_RDONLY : O_RDWR);
	if (m->ctl_fd != -1 && !m->look)
		m->lock_fd = file_open(m->dir_fd, "lock", O_RDWR);
	if (m->ctl_fd == -1 || (m->lock_fd == -1 && !m->look)) {
		if (errno == ENOENT)
			errno = ENODEV;
		return -1;
	}
	if (fstat(m->dir_fd, &st) == -1)
		return -1;
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	m->uid = st.st_uid;
	m->gid = st.st_gid;
	/* members may write in the directory; who may only send may search it, and that is all */
	m->shared = mode_class(st.st_mode, 0) == 7 || mode_class(st.st_mode, 3) == 7;
	if (m->shared && !m->look && file_one_name(m->ctl_fd) == -1)
		return -1;      /* it might be that of another mailbox of ours */
	m->drops = !m->look && (mode_class(st.st_mode, 0) == 1 || mode_class(st.st_mode, 3) == 1);
	return 0;
}

static int
open_for(struct mbox *m, const char *path, bool look)
{
	int r;

	*m = (struct mbox)MBOX_CLOSED;
	m->look = look;
	r = open_files(m, path);
	if (r == -1)
		mbox_close(m);
	return r;
}

int
mbox_open(struct mbox *m, const char *path)
{
	return open_for(m, path, false);
}

int
mbox_look(struct mbox *m, const char *path)
{
	return open_for(m, path, true);
}

int
mbox_open_any(struct mbox *m, const char *path)
{
	/* a file system that is read-only can be looked at as well */
	if (mbox_open(m, path) == 0 || (errno != EACCES && errno != EROFS))
		return m->dir_fd == -1 ? -1 : 0;
	return mbox_look(m, path);
}

int
mbox_drop(struct mbox *m)
{
	if (m->drop_fd == -1 && m->drops)
		m->drop_fd = drop_open(m->dir_fd, m->uid);
	return m->drop_fd;
}

void
mbox_close(struct mbox *m)
{
	const int drops[3] = { m->drop_fd, m->door.bell_fd, m->door.own_fd };
	int err = errno;

	seg_close(&m->seg);
	for (int i = 0; m->drops && i < 3; i++)
		if (drops[i] != -1)
			close(drops[i]);
	if (m->bell_fd != -1)
		close(m->bell_fd);
	if (m->want_fd != -1)
		close(m->want_fd);
	if (m->ctl_fd != -1)
		close(m->ctl_fd);
	if (m->lock_fd != -1)
		close(m->lock_fd);
	if (m->dir_fd != -1)
		close(m->dir_fd);
	*m = (struct mbox)MBOX_CLOSED;
	errno = err;
}

/* ---- the lock and the change ---- */

static int
unlock_with(struct mbox *m, int err)
{
	m->locked = true;
	mbox_unlock(m);
	errno = err;
	return -1;
}

/* removed -- whether the directory or its lock was removed while we held it open. */
static bool
removed(const struct mbox *m)
{
	struct stat st;

	return fstat(m->look ? m->dir_fd : m->lock_fd, &st) == 0 && st.st_nlink == 0;
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
	if (m->ctl.removed || removed(m)) {
		errno = EIDRM;
		return -1;
	}
	m->locked = true;
	return 0;
}

bool
mbox_held_still(const struct mbox *m)
{
	return !m->look || ctl_still(m->ctl_fd, m->ctl.generation);
}

int
mbox_missing(const struct mbox *m)
{
	uint64_t deadline_ns = clock_after(LOOK_NS);
	int ms = 1;

	while (!removed(m))
		if (m->look || io_nap(deadline_ns, &ms, LOOK_NAP_MS) == -1) {
			if (m->look || errno == ETIMEDOUT)
				errno = EBADMSG;
			return -1;
		}
	errno = EIDRM;
	return -1;
}

/* not_opened -- a file that must be there could not be opened. */
static int
not_opened(const struct mbox *m)
{
	return errno == ENOENT ? mbox_missing(m) : -1;
}

int
mbox_wants(struct mbox *m)
{
	if (m->want_fd == -1)
		m->want_fd = mode_shared(m->ctl.mode) && !m->look ? file_open_own(m->dir_fd, "want", O_RDWR)
		    : file_open_plain(m->dir_fd, "want", m->look ? O_RDONLY : O_RDWR);
	return m->want_fd == -1 ? not_opened(m) : 0;
}

/* open_wants -- the table of wants, which a killed process may have left something in. */
static int
open_wants(struct mbox *m)
{
	return m->ctl.wants > 0 || m->ctl.busy || m->ctl.litter ? mbox_wants(m) : 0;
}

/* mend -- what a killed process left; in one section, however much waits, for nobody can go on before. */
static int
mend(struct mbox *m)
{
	m->tidied = true;
	if (recount(m->dir_fd, m->lock_fd, m->want_fd, m->number, &m->ctl) == 0)
		return mbox_commit(m);
	return errno == ENOENT || errno == EBADMSG ? mbox_missing(m) : -1;
}

/* take -- take the lock; where that takes long, somebody at a terminal is told once. */
static int
take(struct mbox *m, uint64_t deadline_ns)
{
	mbox_held *held = m->held;
	uint64_t soon_ns;

	if (held != NULL) {
		if (lock_spin(m->lock_fd, MBOX_LOCK) == 0)
			return 0;
		if (errno != EAGAIN)
			return -1;
		soon_ns = clock_after(HELD_NS);
		if (soon_ns < deadline_ns && isatty(STDERR_FILENO)) {
			if (lock_take(m->lock_fd, MBOX_LOCK, soon_ns) == 0)
				return 0;
			if (errno != EBUSY)
				return -1;
			m->held = NULL;
			held(m->name);
		}
	}
	return lock_take(m->lock_fd, MBOX_LOCK, deadline_ns);
}

/* identify -- a copy gets an identity of its own; one that some may only send to keeps it, and says whose it is now. */
static int
identify(struct mbox *m)
{
	/* what waits in drop/ is for this one */
	if (mode_drops(m->ctl.mode))
		return drop_identify(m->dir_fd, m->ctl.mode, m->ctl.identity, m->uid);
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
	fd = file_make(m->dir_fd, "want", mode_files(m->ctl.mode));
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
	uint64_t boot = boot_id(), place;

	if (boot_place(m->ctl_fd, &place) == -1)
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
mbox_lock(struct mbox *m, uint64_t deadline_ns)
{
	if (m->look)
		return look_at_ctl(m) == -1 ? -1 : open_wants(m);
	if (take(m, deadline_ns) == -1)
		return -1;
	if (removed(m))
		return unlock_with(m, EIDRM);
	if (ctl_read(m->ctl_fd, &m->ctl) == -1)
		return unlock_with(m, errno);
	if (m->ctl.removed)
		return unlock_with(m, EIDRM);
	if (!m->proven && !(m->proven = boot_marked(m->ctl_fd)) && prove(m) == -1)
		return unlock_with(m, errno);
	if (open_wants(m) == -1)
		return unlock_with(m, errno);
	m->locked = true;
	m->changing = false;
	m->failed = 0;
	m->kinds_known = false;
	m->crowd.kinds = 0;
	if ((m->ctl.busy || (m->ctl.litter && !m->tidied)) && mend(m) == -1)
		return unlock_with(m, errno);
	if (!m->proven)
		boot_mark(m->ctl_fd);
	m->proven = true;
	return 0;
}

int
mbox_begin(struct mbox *m)
{
	if (m->failed != 0 || m->look) {
		errno = m->failed != 0 ? m->failed : EACCES;
		return -1;
	}
	if (m->changing)
		return 0;
	m->ctl.busy = 1;
	if (ctl_write(m->ctl_fd, &m->ctl) == -1)
		return -1;
	m->changing = true;
	return 0;
}

int
mbox_note(struct mbox *m)
{
	return ctl_write(m->ctl_fd, &m->ctl);
}

int
mbox_fail(struct mbox *m)
{
	m->failed = errno;
	return -1;
}

int
mbox_commit(struct mbox *m)
{
	if (m->failed != 0) {
		errno = m->failed;
		return -1;
	}
	m->ctl.busy = 0;
	if (ctl_write(m->ctl_fd, &m->ctl) == -1)
		return -1;
	m->changing = false;
	return 0;
}

void
mbox_ring(struct mbox *m, int fd)
{
	if (m->ringing < MBOX_RINGS)
		m->rings[m->ringing++] = fd;
	else
		close(fd);
}

void
mbox_unlock(struct mbox *m)
{
	int err = errno;

	if (!m->locked)
		return;
	m->locked = false;
	if (m->changing) {
		seg_close(&m->seg);
		m->changing = false;
	}
	if (!m->look)
		lock_free(m->lock_fd, MBOX_LOCK);
	while (m->ringing > 0)
		close(m->rings[--m->ringing]);
	errno = err;
}

/* ---- who we are, who lives ---- */

int
mbox_number(struct mbox *m)
{
	uint64_t number;

	while (m->number == 0) {
		if (getrandom(&number, sizeof number, 0) == -1)
			return -1;
		number = state_owner(number);
		if (number < MBOX_NUMBERS)
			continue;
		if (lock_try(m->lock_fd, number) == 0)
			m->number = number;
		else if (errno != EAGAIN)
			return -1;
	}
	return 0;
}

bool
mbox_lives(const struct mbox *m, uint64_t number)
{
	/* who only looks has no lock to ask by */
	return number == m->number || m->look || lock_holder(m->lock_fd, number) != -1;
}

bool
mbox_fits(const struct ctl *c, uint64_t cost)
{
	return c->live == 0 || (c->live < c->cap_messages && c->live_bytes + cost <= c->cap_bytes);
}

int
mbox_moved(struct mbox *m, uint64_t generation)
{
	struct ctl c;

	if (removed(m)) {
		errno = EIDRM;
		return -1;
	}
	/* a copy that is being written may look damaged: the look under the lock will tell */
	if (ctl_read(m->ctl_fd, &c) == -1)
		return 1;
	return c.generation != generation || c.claimed > 0 || c.delayed > 0 || c.busy || c.removed;
}

/* ---- segments ---- */

int
mbox_seg(struct mbox *m, uint64_t first)
{
	if (m->seg.h.first == first && m->shape == m->ctl.shape)
		return 0;
	seg_close(&m->seg);
	m->shape = m->ctl.shape;
	/* what ctl or a neighbour names must be there */
	if (seg_open(&m->seg, m->dir_fd, first, m->look ? SEG_LOOK : seg_access(m->ctl.mode)) == -1)
		return not_opened(m);
	if (first == m->ctl.last_seg || (m->seg.h.next != 0 && m->seg.h.next <= m->ctl.last_seg))
		return 0;
	seg_close(&m->seg);
	errno = EBADMSG;                        /* the chain ends before the newest */
	return -1;
}

int
mbox_seg_log(struct mbox *m)
{
	return seg_log(&m->seg) == -1 ? not_opened(m) : 0;
}

uint64_t
mbox_seg_next(const struct mbox *m)
{
	return m->seg.h.first == m->ctl.last_seg ? 0 : m->seg.h.next;
}

uint32_t
mbox_seg_n(const struct mbox *m)
{
	return m->seg.h.first == m->ctl.last_seg ? (uint32_t)(m->ctl.next - m->ctl.last_seg) : m->seg.h.n;
}

void
mbox_seg_names(const struct mbox *m, uint32_t *names, uint32_t *len)
{
	bool newest = m->seg.h.first == m->ctl.last_seg;

	*names = newest ? m->ctl.names : m->seg.h.names;
	*len = newest ? m->ctl.names_len : m->seg.h.names_len;
}
