/* SPDX-License-Identifier: ISC */
/* linkfile: see linkfile.h. */
#include "mailbox/disk/linkfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/num.h"
#include "base/safefile.h"

#define SUFFIX ".link"

void
linkfile_name(char *name, uint64_t number)
{
	num_name(name, number, SUFFIX);
}

bool
linkfile_parse(const char *name, uint64_t *number)
{
	return num_name_parse(name, SUFFIX, number);
}

int
linkfile_fill(struct linkfile *l, struct slice target, struct slice name)
{
	if (target.len > sizeof l->text || name.len > sizeof l->text - target.len)
		return fail_with(ENAMETOOLONG);
	*l = (struct linkfile){ .magic = LINKFILE_MAGIC, .target_len = (uint16_t)target.len, .name_len = (uint16_t)name.len };
	memcpy(l->text, target.p, target.len);
	memcpy(l->text + target.len, name.p, name.len);
	return 0;
}

int
linkfile_make(int dir_fd, uint64_t number, unsigned mode)
{
	char name[LINKFILE_NAME_MAX];
	int fd, err;

	linkfile_name(name, number);
	fd = safefile_make(dir_fd, name, mode);
	if (fd == -1 || (fcntl(fd, F_SETFD, 0) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0))
		return fd;
	err = errno;
	linkfile_remove(dir_fd, number);
	return safefile_close_with(fd, err);
}

int
linkfile_write(int fd, struct linkfile *l)
{
	l->sum = 0;
	l->sum = hash_sum(l, sizeof *l);
	return io_pwrite(fd, l, sizeof *l, 0);
}

bool
linkfile_held(int dir_fd, const char *name)
{
	int fd = safefile_open_plain(dir_fd, name, O_RDONLY);
	bool held = fd != -1 && flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK;

	if (fd != -1)
		io_close(fd);
	return held;
}

int
linkfile_read(int dir_fd, const char *name, struct linkfile *l)
{
	int fd = safefile_open_plain(dir_fd, name, O_RDONLY);
	ssize_t n;
	uint32_t sum;

	if (fd == -1)
		return errno == ENOENT || errno == EBADMSG ? 0 : -1;
	n = io_pread(fd, l, sizeof *l, 0);
	io_close(fd);
	if (n == -1)
		return -1;
	if (n != sizeof *l || l->magic != LINKFILE_MAGIC || (size_t)l->target_len + l->name_len > sizeof l->text)
		return 0;
	sum = l->sum;
	l->sum = 0;
	return sum == hash_sum(l, sizeof *l);
}

struct slice
linkfile_target(const struct linkfile *l)
{
	return (struct slice){ l->text, l->target_len };
}

struct slice
linkfile_its_name(const struct linkfile *l)
{
	return (struct slice){ l->text + l->target_len, l->name_len };
}

void
linkfile_remove(int dir_fd, uint64_t number)
{
	char name[LINKFILE_NAME_MAX];

	linkfile_name(name, number);
	(void)safefile_remove(dir_fd, name);    /* or the next that finds it void does */
}
