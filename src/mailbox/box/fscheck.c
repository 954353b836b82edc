/* SPDX-License-Identifier: ISC */
/* fscheck: see fscheck.h.  A crash leaves a named pipe, which the next call removes. */
#include "mailbox/box/fscheck.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "base/io.h"
#include "base/safefile.h"

#ifdef __linux__
/* File systems that several kernels may have mounted.  Source: linux/magic.h, and their own sources. */
static const unsigned long network[] = {
	0x6969,                 /* NFS */
	0x517b, 0xff534d42, 0xfe534d42,         /* SMB, CIFS, SMB2 */
	0x5346414f, 0x6b414653, /* AFS */
	0x73757245,             /* Coda */
	0x01021997,             /* 9P */
	0x00c36400,             /* Ceph */
	0x0bd00bd0,             /* Lustre */
	0x01161970, 0x7461636f, /* GFS2, OCFS2 */
};
#endif

/* one_kernel -- whether only this kernel sees the directory.  Returns 0, or -1: EREMOTE others may. */
static int
one_kernel(int dir_fd)
{
#ifdef __linux__
	struct statfs fs;

	if (fstatfs(dir_fd, &fs) == -1)
		return -1;
	for (size_t i = 0; i < sizeof network / sizeof network[0]; i++)
		if (((unsigned long)fs.f_type & 0xffffffff) == network[i]) {
			errno = EREMOTE;
			return -1;
		}
#endif
	(void)dir_fd;
	return 0;
}

/* locks_work -- whether another process sees that byte 0 is locked, as an open file description lock would. */
static int
locks_work(int lock_fd)
{
#ifdef F_OFD_GETLK
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	if (fcntl(lock_fd, F_OFD_GETLK, &fl) == -1)
		return -1;
	if (fl.l_type == F_UNLCK) {
		errno = ENOLCK;
		return -1;
	}
#endif
	(void)lock_fd;
	return 0;
}

/* pipes_work -- whether the two ends of a named pipe meet.  Returns 0, or -1: EOPNOTSUPP they do not. */
static int
pipes_work(int dir_fd)
{
	const int flags = O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC;
	int in, out = -1, err;

	if (safefile_remove(dir_fd, FSCHECK_PROBE) == -1)
		return -1;
	if (mkfifoat(dir_fd, FSCHECK_PROBE, 0600) == -1) {
		if (errno == EPERM || errno == EINVAL || errno == ENOSYS)
			errno = EOPNOTSUPP;
		return -1;
	}
	in = openat(dir_fd, FSCHECK_PROBE, O_RDONLY | flags);
	if (in != -1)
		out = openat(dir_fd, FSCHECK_PROBE, O_WRONLY | flags);
	err = errno == ENXIO ? EOPNOTSUPP : errno;
	io_close(in);
	io_close(out);
	if (unlinkat(dir_fd, FSCHECK_PROBE, 0) == -1)
		return -1;
	errno = err;
	return out == -1 ? -1 : 0;
}

int
fscheck(int dir_fd, int lock_fd)
{
	return one_kernel(dir_fd) == 0 && locks_work(lock_fd) == 0 ? pipes_work(dir_fd) : -1;
}
