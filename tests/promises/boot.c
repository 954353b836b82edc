/* SPDX-License-Identifier: ISC */
/*
 * boot BOX -- let the mailbox look as if the machine had been booted since it was used last, and as no copy; no process may
 * have it open.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "mailbox/disk/ctl.h"

#ifndef F_SET_RW_HINT
#define F_SET_RW_HINT 1036
#endif

int
main(int argc, char **argv)
{
	uint64_t none = 0;
	struct ctl c;
	int fd;

	/* the mark is in the kernel's inode, and goes with it: bootid_mark */
	if (argc != 2 || chdir(argv[1]) == -1 || (fd = open("ctl", O_RDWR | O_CLOEXEC)) == -1
	    || fcntl(fd, F_SET_RW_HINT, &none) == -1 || bootid_marked(fd) || ctl_read(fd, &c) == -1
	    || bootid_place(fd, &c.place) == -1) {
		fprintf(stderr, "boot: cannot\n");
		return 1;
	}
	c.boot++;
	return ctl_write(fd, &c) == -1;
}
