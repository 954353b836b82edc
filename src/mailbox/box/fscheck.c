/* SPDX-License-Identifier: ISC */
/* probe: see fscheck.h.  A crash leaves the named pipe in a mailbox that is not finished. */
#include "mailbox/box/fscheck.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "base/io.h"

#ifdef __linux__
/* Kinds of file systems that several kernels may have mounted.  Source: linux/magic.h, and their own sources. */
static const unsigned long shared[] = {
	0x6969,                 /* NFS */
	0x517b, 0xff534d42, 0xfe534d42,         /* SMB, CIFS, SMB2 */
	0x5346414f, 0x6b414653, /* AFS */
	0x73757245,             /* Coda */
	0x01021997,             /* 9P */
	0x00c36400,             /* Ceph */
	0x0bd00bd0,             /* Lustre */
	0x01161970, 0x7461636f, /* GFS2, OCFS2 */
};

static int
only_ours(int dir_fd)
{
	struct statfs fs;

	if (fstatfs(dir_fd, &fs) == -1)
		return -1;
	for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
		if (((unsigned long)fs.f_type & 0xffffffff) == shared[i]) {
			errno = EREMOTE;
			return -1;
		}
	return 0;
}
#endif

#ifdef F_OFD_GETLK
/* locks_hold -- whether who is not this process would find the byte locked, as an open file description is not. */
static int
locks_hold(int lock_fd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	if (fcntl(lock_fd, F_OFD_GETLK, &fl) == -1)
		return -1;
	if (fl.l_type != F_UNLCK)
		return 0;
	errno = ENOLCK;
	return -1;
}
#endif

/* try_pipe -- whether who opens the named pipe for writing meets its reader. */
static int
try_pipe(int dir_fd)
{
	int in = openat(dir_fd, FSCHECK_NAME, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC), out = -1, err;

	if (in != -1)
		out = openat(dir_fd, FSCHECK_NAME, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	err = errno == ENXIO ? EOPNOTSUPP : errno;
	io_close(in);
	if (out != -1)
		close(out);
	errno = err;
	return out == -1 ? -1 : 0;
}

static int
pipes_work(int dir_fd)
{
	int r, err;

	if (unlinkat(dir_fd, FSCHECK_NAME, 0) == -1 && errno != ENOENT)
		return -1;
	if (mkfifoat(dir_fd, FSCHECK_NAME, 0600) == -1) {
		if (errno == EPERM || errno == EINVAL || errno == ENOSYS)
			errno = EOPNOTSUPP;
		return -1;
	}
	r = try_pipe(dir_fd);
	err = errno;
	if (unlinkat(dir_fd, FSCHECK_NAME, 0) == -1)
		return -1;
	errno = err;
	return r;
}

int
fscheck(int dir_fd, int lock_fd)
{
#ifdef __linux__
	if (only_ours(dir_fd) == -1)
		return -1;
#endif
#ifdef F_OFD_GETLK
	if (locks_hold(lock_fd) == -1)
		return -1;
#else
	(void)lock_fd;
#endif
	return pipes_work(dir_fd);
}
