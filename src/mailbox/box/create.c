/* SPDX-License-Identifier: ISC */
/*
 * create: make a mailbox, look at its settings, and remove it.
 *
 * Invariant: a directory with both `lock` and `ctl` is a mailbox; `lock` is made first and removed last.  The directory
 * has the sticky bit from mkdir(2) until `lock` is there, and again while a mailbox is being removed.  A crash leaves a
 * directory that the next mailbox_make or mailbox_remove of its owner takes for unfinished.
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
#include "base/fail.h"
#include "base/io.h"
#include "base/reclock.h"
#include "base/safefile.h"
#include "mailbox/box/callers.h"
#include "mailbox/box/create.h"
#include "mailbox/box/fscheck.h"
#include "mailbox/box/mbox.h"
#include "mailbox/box/rights.h"
#include "mailbox/box/shut.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/dropdir.h"
#include "mailbox/disk/replydir.h"
#include "mailbox/disk/seg.h"
#include "mailbox/mode.h"

#define WAIT_NS UINT64_C(1000000000)    /* how long a look waits for the lock, and a removal for files to be closed */
#define HIDDEN ".fuse_hidden"           /* how libfuse begins the name of a file that was removed and is open */

enum { NAP_MS = 20 };

/* ---- remove the files ---- */

/* empty -- remove every file but `lock`, `ctl` and drop/.  Returns 0, or -1. */
static int
empty(int dir_fd)
{
	DIR *d = safefile_list_open(dir_fd);
	const struct dirent *e;
	uint64_t number;
	int r = 0;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL)
		if (replydir_parse(e->d_name, &number))
			r = replydir_remove(dir_fd, e->d_name);
		else if (e->d_name[0] != '.' && strcmp(e->d_name, "lock") != 0 && strcmp(e->d_name, "ctl") != 0
		    && strcmp(e->d_name, "drop") != 0)
			r = safefile_remove(dir_fd, e->d_name);
	safefile_list_close(d);
	return r;
}

/*
 * remove_files -- remove the files of a mailbox that is empty, `lock` last.  Returns 0, or -1.
 * If other users' files in drop/ cannot be removed, only drop/ stays, and the name can be used for a mailbox again.
 */
static int
remove_files(int dir_fd)
{
	static const char *const names[] = { FSCHECK_PROBE, "identity", "identity.new", "closed", "ctl.new", "want", "ctl", "lock" };
	int r = dropdir_remove(dir_fd), err = errno;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (safefile_remove(dir_fd, names[i]) == -1)
			return -1;
	errno = err;
	return r;
}

/*
 * remove_all -- remove all files, with the lock held or no process there to take it; in one section, however many there
 * are: nothing can be settled any more, and processes that wait for the lock wait to be told that.
 */
static int
remove_all(int dir_fd)
{
	return fchmod(dir_fd, S_ISVTX | 0700) == -1 || empty(dir_fd) == -1 ? -1 : remove_files(dir_fd);
}

/*
 * remove_directory -- the end of a removal, when we have none of the files open any more: on a FUSE file system one that
 * is open stays, under another name, and until soon after it has been closed.
 * Returns 0, or -1: EBUSY another process has them open; what is left the next removal finishes.
 */
static int
remove_directory(const char *path)
{
	uint64_t deadline_ns = clock_after(WAIT_NS);
	int ms = 1;

	while (rmdir(path) == -1)
		if ((errno != ENOTEMPTY && errno != EEXIST) || io_nap(deadline_ns, &ms, NAP_MS) == -1) {
			if (errno == ETIMEDOUT)
				errno = EBUSY;
			return -1;
		}
	return 0;
}

/* ---- make ---- */

/* make_files -- fill an empty directory that is ours; ctl comes last, and makes it a mailbox.  Returns 0, or -1. */
static int
make_files(int dir_fd, int lock_fd, const struct mailbox_settings *settings)
{
	struct ctl c = { .magic = CTL_MAGIC, .version = CTL_VERSION, .next = 1, .first = 1, .head = 1,
		.mode = settings->mode, .cap_messages = settings->cap_messages, .cap_bytes = settings->cap_bytes,
		.policy = (uint8_t)settings->policy, .durable = settings->durable };
	const unsigned mode = mode_files(settings->mode);
	int fd, r = -1;

	if (getrandom(&c.identity, sizeof c.identity, 0) == -1
	    || getrandom(c.incarnation, sizeof c.incarnation, 0) == -1
	    || (mode_drops(settings->mode) && dropdir_make(dir_fd, settings->mode, c.identity) == -1)
	    || (fd = safefile_make(dir_fd, "want", mode)) == -1 || close(fd) == -1
	    || (fd = safefile_make(dir_fd, "ctl.new", mode)) == -1)
		return -1;
	c.boot = bootid_get();
	if (bootid_place(fd, &c.place) == 0 && ctl_write(fd, &c) == 0 && ctl_write(fd, &c) == 0
	    && fchmod(lock_fd, (mode_t)mode_members(settings->mode)) == 0
	    && (!settings->durable || io_sync(fd) == 0))
		r = renameat(dir_fd, "ctl.new", dir_fd, "ctl");
	if (r == 0)
		bootid_mark(fd);
	io_close(fd);
	return r;
}

/* is_ours -- whether a mailbox has files of this name. */
static bool
is_ours(const char *name)
{
	static const char *const names[] = { "lock", "ctl", "ctl.new", "want", "due", "once", "once.new", "drop",
		"identity", "identity.new", "closed", FSCHECK_PROBE, ".wake", ".spool", ".damaged", ".link" };
	const char *dot = strrchr(name, '.');
	uint32_t variant;
	uint64_t id;

	if (replydir_parse(name, &id))
		return true;
	/* the last: removed from a FUSE file system, and still open */
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strncmp(name, HIDDEN, strlen(HIDDEN)) == 0)
		return true;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i]) == 0 || (dot != NULL && strcmp(dot, names[i]) == 0))
			return true;
	return seg_parse_file(name, &id, &variant) != 0;
}

/* holds_more -- whether a directory has a file that is no mailbox's, or cannot be read. */
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

/* unfinished -- whether the directory is what a mailbox_make or mailbox_remove of ours left when it was killed. */
static bool
unfinished(int dir_fd)
{
	bool ctl = faccessat(dir_fd, "ctl", F_OK, 0) == 0, lock = faccessat(dir_fd, "lock", F_OK, 0) == 0;
	struct stat st;

	if ((ctl && lock) || fstat(dir_fd, &st) == -1 || st.st_uid != geteuid() || holds_more(dir_fd))
		return false;
	return (st.st_mode & S_ISVTX) != 0 || (lock && !ctl);
}

/* give_group -- have the directory, and so its files, in the group that was asked for.  Returns 0, or -1. */
static int
give_group(int dir_fd, int lock_fd, const struct mailbox_settings *settings)
{
	if (!settings->grouped)
		return 0;
	return fchown(dir_fd, (uid_t)-1, settings->group) == -1 ? -1 : fchown(lock_fd, (uid_t)-1, settings->group);
}

int
create_in(int dir_fd, const struct mailbox_settings *settings)
{
	int lock_fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = -1;

	if (lock_fd == -1)
		return -1;
	if (reclock_take(lock_fd, MBOX_LOCK, CLOCK_NEVER) == 0) {
		if (faccessat(dir_fd, "ctl", F_OK, 0) == 0)
			errno = EEXIST;         /* another process made it meanwhile */
		else if (fscheck(dir_fd, lock_fd) == 0
		    && (!settings->durable || io_sync(dir_fd) == 0)     /* `lock` before the sticky bit goes */
		    && give_group(dir_fd, lock_fd, settings) == 0 && rights_open_up(dir_fd, settings->mode) == 0)
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
	r = create_in(dir_fd, settings);
	if (r == 0 && settings->durable)
		r = mailbox_sync(path);
	err = errno;
	if (r == -1 && err != EEXIST) {
		fchmod(dir_fd, S_ISVTX | 0700);         /* what stays is unfinished */
		remove_files(dir_fd);
		rmdir(path);
	}
	io_close(dir_fd);
	errno = err;
	return r;
}

int
mailbox_sync(const char *path)
{
	static const char *const names[] = { "lock", "want", "ctl", ".", ".." };
	int fd, dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = dir_fd == -1 ? -1 : 0;

	for (size_t i = 0; r == 0 && i < sizeof names / sizeof names[0]; i++) {
		fd = openat(dir_fd, names[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		r = fd == -1 ? -1 : io_sync(fd);
		io_close(fd);
	}
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
	settings->group = m.gid;
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

/* stays -- whether `empty' cannot remove this: it is hidden, or a directory, and not a mailbox's own. */
static bool
stays(int dir_fd, const char *name)
{
	struct stat st;

	if (is_ours(name))
		return false;
	return name[0] == '.' || (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode));
}

/* can_empty -- whether all that is in the directory can be removed.  Returns 0, or -1: EEXIST. */
static int
can_empty(int dir_fd)
{
	DIR *d = safefile_list_open(dir_fd);
	const struct dirent *e;
	bool stuck = false;
	int r = 0;

	if (d == NULL)
		return -1;
	while (!stuck && (e = safefile_list_next(d, &r)) != NULL)
		stuck = stays(dir_fd, e->d_name);
	safefile_list_close(d);
	return stuck ? fail_with(EEXIST) : r;
}

/*
 * removable -- before a removal begins: whether it can be completed.  The mailbox is ours, path names it, we may write
 * in the directory above, and nothing foreign is there that would stay.
 * Returns 0, or -1: EPERM, EACCES, ELOOP path is a symbolic link, EEXIST, or errno.
 */
static int
removable(const struct mbox *m, const char *path)
{
	char bare[PATH_MAX];
	size_t len = strlen(path);
	struct stat st;

	/* with a slash behind it the link would be followed here, and not by rmdir(2) */
	while (len > 1 && path[len - 1] == '/')
		len--;
	snprintf(bare, sizeof bare, "%.*s", (int)len, path);
	if (lstat(bare, &st) == -1)
		return -1;
	if (st.st_dev != m->dev || st.st_ino != m->ino)
		return fail_with(ELOOP);
	if (geteuid() != 0 && geteuid() != m->uid)
		return fail_with(EPERM);
	return faccessat(m->dir_fd, "..", W_OK | X_OK, AT_EACCESS) == -1 ? -1 : can_empty(m->dir_fd);
}

/* remove_unfinished -- remove what mailbox_make or mailbox_remove has left.  Returns 0, or -1: ENODEV no such thing. */
static int
remove_unfinished(const char *path)
{
	int r, dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir_fd == -1)
		return -1;
	r = unfinished(dir_fd) ? remove_all(dir_fd) : -1;
	if (r == -1 && (errno == ENOENT || errno == 0))
		errno = ENODEV;
	io_close(dir_fd);
	return r == -1 ? -1 : remove_directory(path);
}

/*
 * holds_messages -- whether messages wait, in drop/ too, or were found damaged just now.  If none do, drop/ is shut, so that no drop is lost; after a
 * kill, or a removal that fails, recovery opens it again.
 * Returns 1, 2 where none do, but callers await their answers, 0, or -1.
 */
static int
holds_messages(struct mbox *m, uint64_t deadline_ns)
{
	uint64_t waiting = 0;
	int callers = callers_wait(m, deadline_ns);

	if (callers == -1 || m->ctl.live > 0 || m->damage.n > 0 || m->damage.kept)
		return callers == -1 ? -1 : 1;
	if (callers > 0)
		return 2;
	if (!m->drops)
		return 0;
	if (mbox_drop(m) == -1 || txn_begin(m) == -1 || dropdir_shut(m->drop_fd) == -1
	    || dropdir_count(m->drop_fd, m->ctl.taken, &waiting) == -1)
		return -1;
	if (waiting == 0)
		return 0;
	if (!m->ctl.closed && dropdir_unshut(m->drop_fd, m->ctl.mode) == -1)
		return -1;
	return txn_commit(m) == -1 ? -1 : 1;
}

/* ends_in_dots -- whether the last part of path is "." or "..": rmdir(2) takes neither, and would say so only at the end. */
static bool
ends_in_dots(const char *path)
{
	size_t end = strlen(path), start;

	while (end > 1 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	return path[start] == '.' && (end - start == 1 || (end - start == 2 && path[start + 1] == '.'));
}

int
mailbox_remove(const char *path, bool force, uint64_t deadline_ns, struct damage *damage)
{
	struct mbox m;
	int r = -1, holds;

	if (ends_in_dots(path))
		return fail_with(EINVAL);
	if (mbox_open(&m, path) == -1)
		return errno == EACCES ? -1 : remove_unfinished(path);
	m.name = path;
	if (removable(&m, path) == -1) {
		;
	} else if (txn_lock(&m, deadline_ns) == -1) {
		/* removed, and the lock can be had: the removal was killed */
		if (((errno == EIDRM && m.ctl.removed) || (errno == EUCLEAN && force))
		    && reclock_take(m.lock_fd, MBOX_LOCK, deadline_ns) == 0)
			r = remove_all(m.dir_fd);
	} else if (!force && (holds = holds_messages(&m, deadline_ns)) != 0) {
		if (holds != -1)
			errno = holds == 1 ? ENOTEMPTY : EINPROGRESS;
	} else {
		shut_wake(&m);
		m.ctl.removed = 1;
		if (txn_commit(&m) == 0)
			r = remove_all(m.dir_fd);
	}
	txn_unlock(&m);
	if (damage != NULL)
		*damage = m.damage;
	mbox_close(&m);
	return r == -1 ? -1 : remove_directory(path);
}
