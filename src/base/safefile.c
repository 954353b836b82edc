/* SPDX-License-Identifier: ISC */
/* file: see safefile.h. */
#include "base/safefile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/users.h"

/* O_NONBLOCK: to open(2), a FIFO that was planted is one that somebody may never open the other end of */
enum { CAREFUL = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };

int
safefile_close_with(int fd, int err)
{
	close(fd);
	errno = err;
	return -1;
}

int
safefile_open(int dir_fd, const char *name, int access)
{
	int fd = openat(dir_fd, name, access | CAREFUL);

	if (fd == -1 && (errno == ELOOP || errno == EISDIR || (errno == ENXIO && access != O_WRONLY)))
		errno = EBADMSG;
	return fd;
}

/* open_kind -- safefile_open, where it must be of this kind, with at most so many names. */
static int
open_kind(int dir_fd, const char *name, int access, mode_t kind, nlink_t names)
{
	int fd = safefile_open(dir_fd, name, access);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return safefile_close_with(fd, errno);
	return (st.st_mode & S_IFMT) == kind && st.st_nlink <= names ? fd : safefile_close_with(fd, EBADMSG);
}

int
safefile_open_plain(int dir_fd, const char *name, int access)
{
	return open_kind(dir_fd, name, access, S_IFREG, (nlink_t)-1);
}

int
safefile_open_own(int dir_fd, const char *name, int access)
{
	return open_kind(dir_fd, name, access, S_IFREG, 1);
}

int
safefile_open_fifo(int dir_fd, const char *name, int access)
{
	return open_kind(dir_fd, name, access, S_IFIFO, (nlink_t)-1);
}

int
safefile_one_name(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	errno = EBADMSG;
	return st.st_nlink <= 1 ? 0 : -1;
}

int
safefile_own(int dir_fd, int fd, unsigned mode)
{
	struct stat st;

	/* who is root must not lock the owner out; in a namespace without the owner nobody is root to the mailbox */
	if (geteuid() == 0 && (fstat(dir_fd, &st) == -1 || (st.st_uid != 0 && st.st_uid != users_unknown()
	    && fchown(fd, st.st_uid, (gid_t)-1) == -1)))
		return -1;
	return fchmod(fd, (mode_t)mode);
}

/* unmake -- what was made could not be given its mode. */
static int
unmake(int dir_fd, const char *name, int fd)
{
	int err = errno;

	unlinkat(dir_fd, name, 0);
	return safefile_close_with(fd, err);
}

/* not_made -- a file that cannot be made for want of its directory: that was removed. */
static int
not_made(void)
{
	if (errno == ENOENT)
		errno = EIDRM;
	return -1;
}

int
safefile_make(int dir_fd, const char *name, unsigned mode)
{
	int flags = O_RDWR | O_CREAT | O_EXCL | CAREFUL, fd = openat(dir_fd, name, flags, 0600);

	/* never into one that is there: it might be a link to somebody's own file */
	if (fd == -1 && errno == EEXIST && unlinkat(dir_fd, name, 0) == 0)
		fd = openat(dir_fd, name, flags, 0600);
	if (fd == -1)
		return not_made();
	return safefile_own(dir_fd, fd, mode) == -1 ? unmake(dir_fd, name, fd) : fd;
}

int
safefile_make_fifo(int dir_fd, const char *name, unsigned mode)
{
	int fd;

	if (mkfifoat(dir_fd, name, 0600) == -1)
		return not_made();
	/* with one name: else it might be a FIFO of somebody's own, put in its place meanwhile */
	fd = open_kind(dir_fd, name, O_RDONLY, S_IFIFO, 1);
	if (fd == -1)
		return not_made();
	return safefile_own(dir_fd, fd, mode) == -1 ? unmake(dir_fd, name, fd) : fd;
}

int
safefile_remove(int dir_fd, const char *name)
{
	return unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT ? 0 : -1;
}

DIR *
safefile_list_open(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d;

	if (fd == -1)
		return NULL;
	d = fdopendir(fd);
	if (d == NULL)
		close(fd);
	return d;
}

const struct dirent *
safefile_list_next(DIR *d, int *r)
{
	const struct dirent *e;

	errno = 0;
	e = readdir(d);
	if (e == NULL && errno != 0)
		*r = -1;
	return e;
}

void
safefile_list_close(DIR *d)
{
	int err = errno;

	closedir(d);
	errno = err;
}
