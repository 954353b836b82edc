/* SPDX-License-Identifier: ISC */
/* safefile: see safefile.h. */
#include "base/safefile.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/io.h"
#include "base/users.h"

/* O_NONBLOCK: open(2) of a planted FIFO would wait for its other end, for ever */
enum { CAREFUL = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };

int
safefile_close_with(int fd, int err)
{
	io_close(fd);
	return fail_with(err);
}

int
safefile_open(int dir_fd, const char *name, int access)
{
	int fd = openat(dir_fd, name, access | CAREFUL);

	if (fd == -1 && (errno == ELOOP || errno == EISDIR || (errno == ENXIO && access != O_WRONLY)))
		errno = EBADMSG;
	return fd;
}

/* open_kind -- safefile_open, for a file of this kind with at most so many names: EBADMSG for another. */
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
	return st.st_nlink <= 1 ? 0 : fail_with(EBADMSG);
}

/* finish -- give a new file its owner and its mode.  Returns fd, or -1 with errno: it is removed again. */
static int
finish(int dir_fd, const char *name, int fd, unsigned mode)
{
	struct stat st;
	int err;

	/* a file that root makes must not lock the owner out, unless the owner has no number in this namespace */
	if ((geteuid() != 0 || (fstat(dir_fd, &st) == 0 && (st.st_uid == 0 || st.st_uid == users_unknown()
	    || fchown(fd, st.st_uid, (gid_t)-1) == 0))) && fchmod(fd, (mode_t)mode) == 0)
		return fd;
	err = errno;
	unlinkat(dir_fd, name, 0);
	return safefile_close_with(fd, err);
}

/* not_made -- a file could not be made: ENOENT, its directory was removed. */
static int
not_made(void)
{
	return fail_with(errno == ENOENT ? EIDRM : errno);
}

int
safefile_make(int dir_fd, const char *name, unsigned mode)
{
	int flags = O_RDWR | O_CREAT | O_EXCL | CAREFUL, fd = openat(dir_fd, name, flags, 0600);

	/* never a file that exists: it may have another name, elsewhere */
	if (fd == -1 && errno == EEXIST && unlinkat(dir_fd, name, 0) == 0)
		fd = openat(dir_fd, name, flags, 0600);
	return fd == -1 ? not_made() : finish(dir_fd, name, fd, mode);
}

int
safefile_make_fifo(int dir_fd, const char *name, unsigned mode)
{
	int fd;

	if (mkfifoat(dir_fd, name, 0600) == -1)
		return not_made();
	/* with two names it may be a FIFO from elsewhere, linked into its place meanwhile */
	fd = open_kind(dir_fd, name, O_RDONLY, S_IFIFO, 1);
	return fd == -1 ? not_made() : finish(dir_fd, name, fd, mode);
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
	DIR *d = fd == -1 ? NULL : fdopendir(fd);

	if (d == NULL)
		io_close(fd);
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
