/* SPDX-License-Identifier: ISC */
/* mbox: open, lock, begin, commit, unlock.  A crash in any of them leaves what the next mbox_lock makes whole. */
#include "mbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bell.h"
#include "clock.h"
#include "io.h"
#include "lock.h"
#include "recount.h"

enum { MAILBOX_LOCK = 0 };      /* the byte of the mailbox lock; process numbers are above */

static int
open_at(int dir_fd, const char *name, int flags, unsigned mode)
{
	return openat(dir_fd, name, flags | O_RDWR | O_NOFOLLOW | O_CLOEXEC, mode);
}

/* ---- open and close ---- */

int
mbox_open(struct mbox *m, const char *path)
{
	struct stat st;

	*m = (struct mbox)MBOX_CLOSED;
	/* openat(2): musl's open(3) sets FD_CLOEXEC by a second call */
	m->dir_fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->dir_fd == -1)
		return -1;
	m->ctl_fd = open_at(m->dir_fd, "ctl", 0, 0);
	m->lock_fd = m->ctl_fd == -1 ? -1 : open_at(m->dir_fd, "lock", 0, 0);
	if (m->lock_fd == -1 && errno == ENOENT)
		errno = ENODEV;         /* a directory, and no mailbox */
	if (m->lock_fd == -1 || fstat(m->dir_fd, &st) == -1)
		goto fail;
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	return 0;
fail:
	mbox_close(m);
	return -1;
}

void
mbox_close(struct mbox *m)
{
	int err = errno;

	seg_close(&m->seg);
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

/* ---- make and remove ---- */

/* make_files -- in an empty directory that is ours; ctl comes last, and makes it a mailbox. */
static int
make_files(int dir_fd, int lock_fd, const struct mbox_settings *settings)
{
	struct ctl c = { .magic = CTL_MAGIC, .version = CTL_VERSION, .next = 1, .first = 1, .head = 1 };
	int want_fd, ctl_fd = -1, r = -1;

	c.mode = settings->mode;
	c.cap_messages = settings->cap_messages;
	c.cap_bytes = settings->cap_bytes;
	c.policy = (uint8_t)settings->policy;
	if (getrandom(&c.identity, sizeof c.identity, 0) == -1)
		return -1;
	want_fd = open_at(dir_fd, "want", O_CREAT, 0600);
	if (want_fd == -1)
		return -1;
	ctl_fd = open_at(dir_fd, "ctl.new", O_CREAT | O_TRUNC, 0600);
	if (ctl_fd != -1 && ctl_write(ctl_fd, &c) == 0 && ctl_write(ctl_fd, &c) == 0
	    && fchmod(lock_fd, settings->mode) == 0 && fchmod(want_fd, settings->mode) == 0
	    && fchmod(ctl_fd, settings->mode) == 0)
		r = renameat(dir_fd, "ctl.new", dir_fd, "ctl");
	if (ctl_fd != -1)
		close(ctl_fd);
	close(want_fd);
	return r;
}

/* directory_mode -- the directory's permission bits: who may write files may also search and list. */
static mode_t
directory_mode(unsigned mode)
{
	mode_t m = mode;

	if (mode & 0600)
		m |= 0100;
	if (mode & 0060)
		m |= 0010 | S_ISGID;
	if (mode & 0006)
		m |= 0001;
	return m;
}

static int
remove_file(int dir_fd, const char *name)
{
	return unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT ? 0 : -1;
}

/* remove_files -- what a mailbox that never was, or no longer is, consists of: `lock` last.  Returns 0, or -1. */
static int
remove_files(int dir_fd)
{
	return remove_file(dir_fd, "ctl.new") == -1 || remove_file(dir_fd, "want") == -1
	    || remove_file(dir_fd, "ctl") == -1 ? -1 : remove_file(dir_fd, "lock");
}

/*
 * unfinished -- whether dir_fd is what a killed mbox_make or mbox_remove left.
 * The sticky bit stands from mkdir(2) until `lock` is there, and again while a mailbox is being removed; a mailbox has
 * both `lock` and `ctl`.
 */
static bool
unfinished(int dir_fd)
{
	bool ctl = faccessat(dir_fd, "ctl", F_OK, 0) == 0, lock = faccessat(dir_fd, "lock", F_OK, 0) == 0;
	struct stat st;

	if ((ctl && lock) || fstat(dir_fd, &st) == -1 || st.st_uid != geteuid())
		return false;
	return (st.st_mode & S_ISVTX) != 0 || (lock && !ctl);
}

/* make_in -- make a mailbox of a directory that is empty or unfinished. */
static int
make_in(int dir_fd, const struct mbox_settings *settings)
{
	int lock_fd = open_at(dir_fd, "lock", O_CREAT, 0600);
	int r = -1, err;

	if (lock_fd == -1)
		return -1;
	if (lock_take(lock_fd, MAILBOX_LOCK, CLOCK_NEVER) == 0) {
		if (faccessat(dir_fd, "ctl", F_OK, 0) == 0)
			errno = EEXIST;         /* another maker was first */
		else if (fchmod(dir_fd, directory_mode(settings->mode)) == 0)
			r = make_files(dir_fd, lock_fd, settings);
	}
	err = errno;
	close(lock_fd);
	errno = err;
	return r;
}

int
mbox_make(const char *path, const struct mbox_settings *settings)
{
	bool made = mkdir(path, S_ISVTX | 0700) == 0;
	int dir_fd, r, err;

	if (!made && errno != EEXIST)
		return -1;
	dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd == -1 || (!made && !unfinished(dir_fd))) {
		if (dir_fd != -1)
			close(dir_fd);
		errno = EEXIST;
		return -1;
	}
	r = make_in(dir_fd, settings);
	err = errno;
	if (r == -1 && err != EEXIST) {
		remove_files(dir_fd);
		rmdir(path);
	}
	close(dir_fd);
	errno = err;
	return r;
}

/* ring_all -- open the bells of all who wait. */
static void
ring_all(struct mbox *m)
{
	struct want w;

	for (uint32_t i = 0; i < m->ctl.wants && m->ringing < MBOX_RINGS; i++)
		if (want_read(m->want_fd, i, &w) == 0 && w.owner != 0
		    && (m->rings[m->ringing] = bell_ring_open(m->dir_fd, w.owner)) != -1)
			m->ringing++;
}

/* empty -- remove every file of a mailbox but `lock` and `ctl`.  Returns 0, or -1. */
static int
empty(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0, err;
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (d == NULL) {
		err = errno;
		if (fd != -1)
			close(fd);
		errno = err;
		return -1;
	}
	while (r == 0 && (errno = 0, e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && strcmp(e->d_name, "lock") != 0 && strcmp(e->d_name, "ctl") != 0)
			r = remove_file(dir_fd, e->d_name);
	err = errno;
	closedir(d);
	errno = err;
	return r == 0 && err != 0 && e == NULL ? -1 : r;
}

/* remove_rest -- the end of a removal, with the lock held or nobody there to hold it. */
static int
remove_rest(int dir_fd, const char *path)
{
	if (fchmod(dir_fd, S_ISVTX | 0700) == -1 || empty(dir_fd) == -1 || remove_files(dir_fd) == -1)
		return -1;
	return rmdir(path);
}

int
mbox_remove(const char *path, bool force, uint64_t deadline_ns)
{
	struct mbox m;
	int r = -1, dir_fd, err;

	if (mbox_open(&m, path) == -1) {
		dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir_fd == -1)
			return -1;
		r = unfinished(dir_fd) ? remove_rest(dir_fd, path) : -1;
		if (r == -1 && errno == ENOENT)
			errno = ENODEV;
		close(dir_fd);
		return r;
	}
	if (mbox_lock(&m, deadline_ns) == -1) {
		/* EIDRM with the lock held: a removal that was killed */
		if (errno == EIDRM && m.ctl.removed && lock_take(m.lock_fd, MAILBOX_LOCK, deadline_ns) == 0)
			r = remove_rest(m.dir_fd, path);
	} else if (m.ctl.live > 0 && !force) {
		errno = ENOTEMPTY;
	} else {
		ring_all(&m);
		m.ctl.removed = 1;
		if (mbox_commit(&m) == 0)
			r = remove_rest(m.dir_fd, path);
	}
	err = errno;
	mbox_unlock(&m);
	mbox_close(&m);
	errno = err;
	return r;
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

	return fstat(m->lock_fd, &st) == 0 && st.st_nlink == 0;
}

int
mbox_lock(struct mbox *m, uint64_t deadline_ns)
{
	if (lock_take(m->lock_fd, MAILBOX_LOCK, deadline_ns) == -1)
		return -1;
	if (removed(m))
		return unlock_with(m, EIDRM);
	if (ctl_read(m->ctl_fd, &m->ctl) == -1)
		return unlock_with(m, errno);
	if (m->ctl.removed)
		return unlock_with(m, EIDRM);
	if (m->want_fd == -1 && (m->ctl.wants > 0 || m->ctl.busy)
	    && (m->want_fd = open_at(m->dir_fd, "want", 0, 0)) == -1)
		return unlock_with(m, errno);
	m->locked = true;
	m->changing = false;
	if (m->ctl.busy && (recount(m->dir_fd, m->lock_fd, m->want_fd, m->number, &m->ctl) == -1
	    || mbox_commit(m) == -1))
		return unlock_with(m, errno);
	return 0;
}

int
mbox_begin(struct mbox *m)
{
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
mbox_commit(struct mbox *m)
{
	m->ctl.busy = 0;
	if (ctl_write(m->ctl_fd, &m->ctl) == -1)
		return -1;
	m->changing = false;
	return 0;
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
	lock_free(m->lock_fd, MAILBOX_LOCK);
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
		if (number == MAILBOX_LOCK)
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
	return number == m->number || lock_holder(m->lock_fd, number) != -1;
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
	if (seg_open(&m->seg, m->dir_fd, first) == -1) {
		if (errno == ENOENT)
			errno = EBADMSG;        /* what ctl or a neighbour names must be there */
		return -1;
	}
	if (first == m->ctl.last_seg || (m->seg.h.next != 0 && m->seg.h.next <= m->ctl.last_seg))
		return 0;
	seg_close(&m->seg);
	errno = EBADMSG;                        /* the chain ends before the newest */
	return -1;
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
