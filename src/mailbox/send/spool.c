/* SPDX-License-Identifier: ISC */
/* spool: see spool.h. */
#include "mailbox/send/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/safefile.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/wakefifo.h"
#include "mailbox/mode.h"
#include "mailbox/wait/wait.h"
#include "mailbox/wait/wake.h"

/*
 * want_spool -- post the want that tells whose file the spool is, should we die: before the file.  name: gets its name.
 */
static int
want_spool(struct mbox *m, char *name, uint64_t deadline_ns)
{
	int r;

	if (txn_lock(m, deadline_ns == 0 ? clock_after(WAKE_LOOK_NS) : deadline_ns) == -1)
		return -1;
	r = txn_end(m, mbox_number(m) == -1 ? -1 : wait_post(m, WANT_SPOOL, NULL, 0));
	if (r == 0 && !m->waiter.posted) {
		errno = ENOSPC;         /* without it nothing would tell whose file that is */
		r = -1;
	}
	wakefifo_spool_name(name, m->number);
	return r;
}

int
spool_open(struct mbox *m, uint64_t deadline_ns)
{
	char name[WAKEFIFO_NAME_MAX];
	int fd;

	if (want_spool(m, name, deadline_ns) == -1)
		return -1;
	fd = safefile_make(m->dir_fd, name, mode_files(m->ctl.mode));
	if (fd == -1)
		wait_leave(m);
	io_catch_stop();
	return fd;
}

int
spool_link(const struct mbox *from, int fd, struct mbox *to, uint64_t deadline_ns)
{
	char name[WAKEFIFO_NAME_MAX], source[WAKEFIFO_NAME_MAX];
	int copy = -1;

	if (want_spool(to, name, deadline_ns) == -1)
		return -1;
	wakefifo_spool_name(source, from->number);
	if (from->ctl.mode != to->ctl.mode || from->uid != to->uid || from->gid != to->gid)
		errno = EPERM;
	else if (linkat(from->dir_fd, source, to->dir_fd, name, 0) == 0)
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy == -1)
		spool_drop(to, -1);
	return copy;
}

void
spool_drop(struct mbox *m, int fd)
{
	char name[WAKEFIFO_NAME_MAX];
	int err = errno;

	io_close(fd);
	wakefifo_spool_name(name, m->number);
	unlinkat(m->dir_fd, name, 0);
	wait_leave(m);
	errno = err;
}
