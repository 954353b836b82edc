/* SPDX-License-Identifier: ISC */
/*
 * create: make a mailbox, look at its settings, and remove it.
 *
 * Invariant: a directory with both `lock` and `ctl` is a mailbox: `lock` comes first and goes last.  The sticky bit
 * stands from mkdir(2) until `lock` is there, and again while a mailbox is being removed.  A crash leaves a directory
 * that the next mailbox_make or mailbox_remove of its owner takes for unfinished.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bootid.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/reclock.h"
#include "base/safefile.h"
#include "mailbox/box/fscheck.h"
#include "mailbox/box/mbox.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/dropdir.h"
#include "mailbox/disk/seg.h"
#include "mailbox/disk/wakefifo.h"
#include "mailbox/mode.h"

#define WAIT_NS UINT64_C(1000000000)    /* how long a look waits for the lock */

/* ---- make ---- */

/* make_empty -- make a file and close it.  Returns 0, or -1. */
static int
make_empty(int dir_fd, const char *name, unsigned mode)
{
	int fd = safefile_make(dir_fd, name, mode);

	return fd == -1 ? -1 : close(fd);
}

/* make_files -- in an empty directory that is ours; ctl comes last, and makes it a mailbox. */
static int
make_files(int dir_fd, int lock_fd, const struct mailbox_settings *settings)
{
	struct ctl c = { .magic = CTL_MAGIC, .version = CTL_VERSION, .next = 1, .first = 1, .head = 1 };
	int ctl_fd, r = -1;

	c.mode = settings->mode;
	c.cap_messages = settings->cap_messages;
	c.cap_bytes = settings->cap_bytes;
	c.policy = (uint8_t)settings->policy;
	c.durable = settings->durable;
	if (getrandom(&c.identity, sizeof c.identity, 0) == -1
	    || (mode_drops(settings->mode) && dropdir_make(dir_fd, settings->mode, c.identity) == -1)
	    || make_empty(dir_fd, "want", mode_files(settings->mode)) == -1)
		return -1;
	ctl_fd = safefile_make(dir_fd, "ctl.new", mode_files(settings->mode));
	if (ctl_fd == -1)
		return -1;
	c.boot = bootid_get();
	if (bootid_place(ctl_fd, &c.place) == 0 && ctl_write(ctl_fd, &c) == 0 && ctl_write(ctl_fd, &c) == 0
	    && fchmod(lock_fd, (mode_t)mode_members(settings->mode)) == 0
	    && (!settings->durable || io_sync(ctl_fd) == 0))
		r = renameat(dir_fd, "ctl.new", dir_fd, "ctl");
	if (r == 0)
		bootid_mark(ctl_fd);
	io_close(ctl_fd);
	return r;
}

/*
 * directory_mode -- the directory's permission bits: members may write, who looks may list, all may search.
 * Where others may come, files are the directory's group's whoever makes them: each class is the same for all files.
 */
static mode_t
directory_mode(unsigned mode)
{
	mode_t m = (mode_t)mode_files(mode);

	for (unsigned shift = 0; shift < 9; shift += 3)
		m |= mode_class(mode, shift) != 0 ? 1U << shift : 0;
	return (mode & 077) != 0 ? m | S_ISGID : m;
}

/* open_up -- give the directory its mode.  Returns 0, or -1. */
static int
open_up(int dir_fd, unsigned mode)
{
	struct stat st;

	if (fchmod(dir_fd, directory_mode(mode)) == -1 || fstat(dir_fd, &st) == -1)
		return -1;
	if ((st.st_mode & 07777) == directory_mode(mode))
		return 0;
	errno = EPERM;          /* chmod(2) leaves set-group-id out, silently, for a group that is not the maker's */
	return -1;
}

/*
 * remove_files -- what a mailbox that never was, or no longer is, consists of: `lock` last.  Returns 0, or -1.
 * What others have put into drop/, and cannot be removed, stays; with the rest gone the name can be used again.
 */
static int
remove_files(int dir_fd)
{
	int r = dropdir_remove(dir_fd), err = errno;

	if (safefile_remove(dir_fd, FSCHECK_NAME) == -1 || safefile_remove(dir_fd, "identity") == -1
	    || safefile_remove(dir_fd, "identity.new") == -1 || safefile_remove(dir_fd, "ctl.new") == -1
	    || safefile_remove(dir_fd, "want") == -1 || safefile_remove(dir_fd, "ctl") == -1
	    || safefile_remove(dir_fd, "lock") == -1)
		return -1;
	errno = err;
	return r;
}

/* is_ours -- whether a mailbox has files of this name. */
static bool
is_ours(const char *name)
{
	static const char *const names[] = { ".", "..", "lock", "ctl", "ctl.new", "want", "drop", "identity", "identity.new",
		FSCHECK_NAME };
	static const char *const suffixes[] = { ".wake", ".spool", ".damaged" };
	const char *dot = strrchr(name, '.');
	uint32_t variant;
	uint64_t id;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0] && dot != NULL; i++)
		if (strcmp(dot, suffixes[i]) == 0)
			return true;
	return seg_parse_file(name, &id, &variant) != 0;
}

/* holds_more -- whether a directory has anything in it that no mailbox has, or cannot be read. */
static bool
holds_more(int dir_fd)
{
	DIR *d = safefile_list_open(dir_fd);
	const struct dirent *e;
	bool more = d == NULL;
	int r = 0;

	while (!more && (e = safefile_list_next(d, &r)) != NULL)
		more = !is_ours(e->d_name);
	if (d != NULL)
		safefile_list_close(d);
	return more || r == -1;
}

/* unfinished -- whether dir_fd is what a killed mailbox_make or mailbox_remove of ours left. */
static bool
unfinished(int dir_fd)
{
	bool ctl = faccessat(dir_fd, "ctl", F_OK, 0) == 0, lock = faccessat(dir_fd, "lock", F_OK, 0) == 0;
	struct stat st;

	if ((ctl && lock) || fstat(dir_fd, &st) == -1 || st.st_uid != geteuid() || holds_more(dir_fd))
		return false;
	return (st.st_mode & S_ISVTX) != 0 || (lock && !ctl);
}

/* make_in -- make a mailbox of a directory that is empty or unfinished. */
static int
make_in(int dir_fd, const struct mailbox_settings *settings)
{
	int lock_fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = -1;

	if (lock_fd == -1)
		return -1;
	if (reclock_take(lock_fd, MBOX_LOCK, CLOCK_NEVER) == 0) {
		if (faccessat(dir_fd, "ctl", F_OK, 0) == 0)
			errno = EEXIST;         /* another maker was first */
		else if (fscheck(dir_fd, lock_fd) == 0
		    && (!settings->durable || io_sync(dir_fd) == 0)     /* `lock` before the sticky bit goes */
		    && open_up(dir_fd, settings->mode) == 0)
			r = make_files(dir_fd, lock_fd, settings);
	}
	io_close(lock_fd);
	return r;
}

int
mailbox_make(const char *path, const struct mailbox_settings *settings)
{
	bool made = mkdir(path, S_ISVTX | 0700) == 0;
	int dir_fd, r, err;

	if (!made && errno != EEXIST)
		return -1;
	dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir_fd == -1 && made) {
		err = errno;
		rmdir(path);
		errno = err;
		return -1;
	}
	if (dir_fd == -1 || (!made && !unfinished(dir_fd))) {
		io_close(dir_fd);
		errno = EEXIST;
		return -1;
	}
	r = make_in(dir_fd, settings);
	if (r == 0 && settings->durable)
		r = mailbox_sync(path);
	err = errno;
	if (r == -1 && err != EEXIST) {
		/* should not all of it go, it is seen to be unfinished */
		fchmod(dir_fd, S_ISVTX | 0700);
		remove_files(dir_fd);
		rmdir(path);
	}
	close(dir_fd);
	errno = err;
	return r;
}

/* sync_at -- sync one file.  Returns 0, or -1. */
static int
sync_at(int dir_fd, const char *name, int flags)
{
	int fd = openat(dir_fd, name, flags | O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;

	if (fd == -1)
		return -1;
	r = io_sync(fd);
	io_close(fd);
	return r;
}

int
mailbox_sync(const char *path)
{
	int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (dir_fd == -1)
		return -1;
	r = sync_at(dir_fd, "lock", 0) == -1 || sync_at(dir_fd, "want", 0) == -1 || sync_at(dir_fd, "ctl", 0) == -1
	    || io_sync(dir_fd) == -1 ? -1 : sync_at(dir_fd, "..", O_DIRECTORY);
	io_close(dir_fd);
	return r;
}

/* ---- look ---- */

int
mailbox_look(const char *path, struct mailbox_settings *settings, struct damage *damage)
{
	struct mbox m;
	int r;

	if (mbox_open_any(&m, path) == -1)
		return -1;
	r = txn_lock(&m, clock_after(WAIT_NS));
	mbox_settings(&m.ctl, settings);
	txn_unlock(&m);
	*damage = m.damage;
	mbox_close(&m);
	return r;
}

int
mailbox_check(const char *path)
{
	struct mbox m;

	if (mbox_open_any(&m, path) == -1)
		return -1;
	mbox_close(&m);
	return 0;
}

/* ---- remove ---- */

/* ring_all -- open the bells of all who wait. */
static void
ring_all(struct mbox *m)
{
	struct want w;
	int fd;

	for (uint32_t i = 0; i < m->ctl.wants; i++)
		if (want_read(m->want_fd, i, &w) == 0 && w.owner != 0 && (fd = wakefifo_ring_open(m->dir_fd, w.owner)) != -1)
			txn_ring(m, fd);
}

/* empty -- remove every file of a mailbox but `lock` and `ctl`.  Returns 0, or -1. */
static int
empty(int dir_fd)
{
	DIR *d = safefile_list_open(dir_fd);
	const struct dirent *e;
	int r = 0;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL)
		if (e->d_name[0] != '.' && strcmp(e->d_name, "lock") != 0 && strcmp(e->d_name, "ctl") != 0
		    && strcmp(e->d_name, "drop") != 0)
			r = safefile_remove(dir_fd, e->d_name);
	safefile_list_close(d);
	return r;
}

/*
 * remove_rest -- the end of a removal, with the lock held or nobody there to hold it; in one section, however many files
 * there are: nothing can be settled any more, and who waits for the lock waits to be told that.
 */
static int
remove_rest(int dir_fd, const char *path)
{
	if (fchmod(dir_fd, S_ISVTX | 0700) == -1 || empty(dir_fd) == -1 || remove_files(dir_fd) == -1)
		return -1;
	return rmdir(path);
}

/*
 * removable -- whether the mailbox can be removed to the end, before it is begun: it is ours, and so is what path names,
 * in a directory that we may write.  Returns 0, or -1: EPERM, EACCES, ENOTDIR for a symbolic link, or errno.
 */
static int
removable(const struct mbox *m, const char *path)
{
	char parent[PATH_MAX];
	struct stat st;
	int n;

	if (lstat(path, &st) == -1)
		return -1;
	if (st.st_dev != m->dev || st.st_ino != m->ino) {
		errno = ENOTDIR;
		return -1;
	}
	if (geteuid() != 0 && geteuid() != m->uid) {
		errno = EPERM;
		return -1;
	}
	n = snprintf(parent, sizeof parent, "%s/..", path);
	if (n < 0 || n >= (int)sizeof parent) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS);
}

/* remove_unfinished -- remove what is no mailbox, where it is the rest of one. */
static int
remove_unfinished(const char *path)
{
	int r, dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir_fd == -1)
		return -1;
	r = unfinished(dir_fd) ? remove_rest(dir_fd, path) : -1;
	if (r == -1 && (errno == ENOENT || errno == 0))
		errno = ENODEV;
	io_close(dir_fd);
	return r;
}

/*
 * holds_messages -- whether messages wait, in drop/ too, which is shut where none do: what was left there must not be
 * lost.  A kill, or a removal that fails, has it opened again by recount.  Returns 1, 0, or -1.
 */
static int
holds_messages(struct mbox *m)
{
	uint64_t waiting = 0;

	if (m->ctl.live > 0)
		return 1;
	if (!m->drops)
		return 0;
	if (mbox_drop(m) == -1 || txn_begin(m) == -1 || dropdir_shut(m->drop_fd) == -1
	    || dropdir_count(m->drop_fd, m->ctl.taken, &waiting) == -1)
		return -1;
	if (waiting == 0)
		return 0;
	return dropdir_unshut(m->drop_fd, m->ctl.mode) == -1 || txn_commit(m) == -1 ? -1 : 1;
}

int
mailbox_remove(const char *path, bool force, uint64_t deadline_ns, mailbox_tell *locked)
{
	struct mbox m;
	int r = -1, holds;

	if (mbox_open(&m, path) == -1)
		return errno == EACCES ? -1 : remove_unfinished(path);
	m.name = path;
	m.txn.told = locked;
	if (removable(&m, path) == -1) {
		;
	} else if (txn_lock(&m, deadline_ns) == -1) {
		/* EIDRM with the lock held: a removal that was killed */
		if (((errno == EIDRM && m.ctl.removed) || (errno == EUCLEAN && force))
		    && reclock_take(m.lock_fd, MBOX_LOCK, deadline_ns) == 0)
			r = remove_rest(m.dir_fd, path);
	} else if (!force && (holds = holds_messages(&m)) != 0) {
		if (holds == 1)
			errno = ENOTEMPTY;
	} else {
		ring_all(&m);
		m.ctl.removed = 1;
		if (txn_commit(&m) == 0)
			r = remove_rest(m.dir_fd, path);
	}
	txn_unlock(&m);
	mbox_close(&m);
	return r;
}
