/* SPDX-License-Identifier: ISC */
/* links: see links.h. */
#include "mailbox/box/links.h"

#include <unistd.h>

#include "base/safefile.h"

bool
links_in_use(const struct mbox *m, uint64_t number, const char *name)
{
	return mbox_lives(m, number) || linkfile_held(m->dir_fd, name);
}

int
links_each(const struct mbox *m, int (*give)(void *arg, const struct linkfile *l, pid_t pid), void *arg)
{
	DIR *d = safefile_list_open(m->dir_fd);
	const struct dirent *e;
	struct linkfile l;
	uint64_t number;
	int r = 0, failed = 0, found;
	pid_t pid;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &failed)) != NULL) {
		if (!linkfile_parse(e->d_name, &number))
			continue;
		pid = number == m->number ? getpid() : mbox_holder(m, number);
		found = pid == -1 && !linkfile_held(m->dir_fd, e->d_name) ? 0 : linkfile_read(m->dir_fd, e->d_name, &l);
		r = found == 1 ? give(arg, &l, pid) : found;
	}
	safefile_list_close(d);
	return failed == -1 ? -1 : r;
}

int
links_clear(const struct mbox *m)
{
	DIR *d = safefile_list_open(m->dir_fd);
	const struct dirent *e;
	uint64_t number;
	int r = 0;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL)
		if (linkfile_parse(e->d_name, &number) && !links_in_use(m, number, e->d_name))
			(void)safefile_remove(m->dir_fd, e->d_name);    /* or the next does */
	safefile_list_close(d);
	return r;
}
