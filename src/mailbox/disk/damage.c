/* SPDX-License-Identifier: ISC */
/* damage: set aside first, then count out.  A crash in between has the message set aside again. */
#include "mailbox/disk/damage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/safefile.h"
#include "mailbox/disk/seg.h"
#include "mailbox/mode.h"

void
damage_note(struct damage *d, uint64_t id)
{
	if (d->n++ == 0)
		d->first = id;
	d->last = id;
}

int
damage_keep(struct damage *d, int dir_fd, uint64_t id, unsigned mode, const void *frame, size_t len)
{
	char name[SEG_NAME_BYTES];
	struct stat st;
	int fd, r;

	/* frames found in one look go to one file, named after the first */
	seg_file(name, d->kept_frames ? d->frames : id, 0, "damaged");
	fd = d->kept_frames ? safefile_open_own(dir_fd, name, O_WRONLY) : safefile_make(dir_fd, name, mode_files(mode));
	if (fd == -1)
		return -1;
	r = fstat(fd, &st) == -1 ? -1 : io_pwrite(fd, frame, len, (uint64_t)st.st_size);
	io_close(fd);
	if (r == -1)
		return -1;
	if (!d->kept_frames)
		d->frames = id;
	d->kept = d->kept_frames = true;
	return 0;
}

int
damage_keep_file(struct damage *d, int dir_fd, const char *name)
{
	char aside[64];

	snprintf(aside, sizeof aside, "%s.damaged", name);
	if (renameat(dir_fd, name, dir_fd, aside) == 0)
		d->kept = true;
	else if (errno != ENOENT)
		return -1;
	return 0;
}
