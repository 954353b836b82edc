/* SPDX-License-Identifier: ISC */
/* replydir: see replydir.h.  A removal that is cut short leaves less of the folder, for the next. */
#include "mailbox/disk/replydir.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/num.h"
#include "base/safefile.h"

#define SUFFIX ".reply"

enum { TRIES = 8 };             /* a sender that has the folder open may put something in meanwhile */

void
replydir_name(char *name, uint64_t number)
{
	num_name(name, number, SUFFIX);
}

bool
replydir_parse(const char *name, uint64_t *number)
{
	return num_name_parse(name, SUFFIX, number);
}

/* empty -- remove the files in a folder, `lock` last: whoever waits for it then sees that all is gone. */
static int
empty(int dir_fd)
{
	DIR *d = safefile_list_open(dir_fd);
	const struct dirent *e;
	int r = 0;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL)
		if (e->d_name[0] != '.' && strcmp(e->d_name, "lock") != 0)
			r = safefile_remove(dir_fd, e->d_name);
	safefile_list_close(d);
	return r == 0 ? safefile_remove(dir_fd, "lock") : -1;
}

int
replydir_remove(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = -1;

	if (fd == -1)
		return errno == ENOTDIR || errno == ELOOP || errno == ENOENT ? safefile_remove(dir_fd, name) : -1;
	for (int i = 0; i < TRIES && r == -1; i++) {
		r = empty(fd) == 0 ? unlinkat(dir_fd, name, AT_REMOVEDIR) : -1;
		if (r == -1 && errno == ENOENT)
			r = 0;
		if (r == -1 && errno != ENOTEMPTY && errno != EEXIST)
			break;
	}
	return r == -1 ? safefile_close_with(fd, errno) : (io_close(fd), 0);
}
