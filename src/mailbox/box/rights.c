/* SPDX-License-Identifier: ISC */
/* rights: see rights.h. */
#include "mailbox/box/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/io.h"
#include "base/safefile.h"
#include "mailbox/disk/dropdir.h"
#include "mailbox/mode.h"

/*
 * directory_mode -- the directory's permission bits: members may write, those who look may list, all may search.
 * In a mailbox for others too, files get the directory's group, so that a class has the same users for all of them.
 */
static mode_t
directory_mode(unsigned mode)
{
	mode_t m = (mode_t)mode_files(mode);

	for (unsigned shift = 0; shift < 9; shift += 3)
		m |= mode_class(mode, shift) != 0 ? 1U << shift : 0;
	return (mode & 077) != 0 ? m | S_ISGID : m;
}

int
rights_open_up(int dir_fd, unsigned mode)
{
	struct stat st;

	if (fchmod(dir_fd, directory_mode(mode)) == -1 || fstat(dir_fd, &st) == -1)
		return -1;
	/* chmod(2) leaves set-group-id out, silently, for a group that is not the maker's */
	return (st.st_mode & 07777) == directory_mode(mode) ? 0 : fail_with(EPERM);
}

bool
rights_ours(const struct mbox *m)
{
	return geteuid() == 0 || geteuid() == m->uid;
}

/* What a file needs. */
struct need {
	unsigned mode;
	gid_t group;
};

/* bits -- the permission bits that a file of this kind and name needs. */
static mode_t
bits(const struct need *need, const struct stat *st, const char *name)
{
	if (strcmp(name, "identity") == 0 || strcmp(name, "closed") == 0)
		return dropdir_bits(need->mode);
	return (mode_t)(S_ISFIFO(st->st_mode) || strcmp(name, "lock") == 0 ? mode_members(need->mode) : mode_files(need->mode));
}

/* is_file -- whether it is a file or FIFO of the mailbox itself. */
static bool
is_file(const struct stat *st)
{
	return S_ISREG(st->st_mode) || S_ISFIFO(st->st_mode);
}

/* may_change -- whether the file is ours to change, and no other mailbox's as well. */
static bool
may_change(const struct stat *st)
{
	return st->st_nlink == 1 && (geteuid() == 0 || st->st_uid == geteuid());
}

/* has -- whether the file lets in all that it must. */
static bool
has(const struct need *need, const struct stat *st, const char *name)
{
	mode_t must = bits(need, st, name);

	return (st->st_mode & must) == must && ((must & 070) == 0 || st->st_gid == need->group);
}

/* set -- change an open file.  Returns 0, or -1. */
static int
set(int fd, const struct need *need, const char *name)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (!is_file(&st) || !may_change(&st))
		return 0;
	if (st.st_gid != need->group && fchown(fd, (uid_t)-1, need->group) == -1)
		return -1;
	return (st.st_mode & 0777) != bits(need, &st, name) ? fchmod(fd, bits(need, &st, name)) : 0;
}

/* set_named -- change the file name, if it is there, and one of the mailbox.  Returns 0, or -1. */
static int
set_named(const struct mbox *m, const struct need *need, const char *name)
{
	struct stat st;
	int fd, r;

	/* closing another descriptor of it would give up our locks */
	if (strcmp(name, "lock") == 0)
		return set(m->lock_fd, need, name);
	if (fstatat(m->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!is_file(&st) || !may_change(&st))
		return 0;
	fd = safefile_open(m->dir_fd, name, O_RDONLY);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	r = set(fd, need, name);
	io_close(fd);
	return r;
}

/* check_named -- whether the file has what it needs, or can be given that.  Returns 0, or -1. */
static int
check_named(const struct mbox *m, const struct need *need, const char *name)
{
	struct stat st;

	if (fstatat(m->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	return !is_file(&st) || has(need, &st, name) || may_change(&st) ? 0 : fail_with(EPERM);
}

/* each -- do this to each name in the directory.  Returns 0, or -1. */
static int
each(const struct mbox *m, const struct need *need, int (*f)(const struct mbox *, const struct need *, const char *))
{
	DIR *d = safefile_list_open(m->dir_fd);
	const struct dirent *e;
	int r = 0;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL)
		if (e->d_name[0] != '.')
			r = f(m, need, e->d_name);
	safefile_list_close(d);
	return r;
}

int
rights_check(const struct mbox *m, unsigned mode, gid_t group)
{
	int fd, r;

	if (!rights_ours(m))
		return fail_with(EPERM);
	if (group != m->gid) {
		/* whether the group is ours to give shows only where it is given */
		fd = safefile_make(m->dir_fd, "ctl.new", 0600);
		if (fd == -1)
			return -1;
		r = fchown(fd, (uid_t)-1, group);
		io_close(fd);
		if (safefile_remove(m->dir_fd, "ctl.new") == -1 || r == -1)
			return -1;
	}
	return each(m, &(struct need){ mode, group }, check_named);
}

int
rights_apply(const struct mbox *m)
{
	const struct need need = { m->ctl.mode, (gid_t)m->ctl.group };
	struct stat st;
	mode_t both;

	if (fstat(m->dir_fd, &st) == -1)
		return -1;
	both = st.st_mode & directory_mode(need.mode) & (st.st_gid == need.group ? 0777U : 0707U);
	if ((st.st_mode & 0777) != both && fchmod(m->dir_fd, both) == -1)
		return -1;
	if (each(m, &need, set_named) == -1)
		return -1;
	if ((mode_drops(need.mode)
	    ? dropdir_give(m->dir_fd, need.mode, m->ctl.identity, st.st_uid, need.group, m->ctl.closed)
	    : dropdir_take_away(m->dir_fd, st.st_uid)) == -1)
		return -1;
	if (st.st_gid != need.group && fchown(m->dir_fd, (uid_t)-1, need.group) == -1)
		return -1;
	return rights_open_up(m->dir_fd, need.mode);
}
