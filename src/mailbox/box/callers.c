/* SPDX-License-Identifier: ISC */
/* callers: see callers.h. */
#include "mailbox/box/callers.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/safefile.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/replydir.h"

enum { NAP_MS = 20 };

#define READ_NS UINT64_C(1000000000)

int
callers_clear(const struct mbox *m)
{
	DIR *d = safefile_list_open(m->dir_fd);
	const struct dirent *e;
	int living = 0, r = 0;
	uint64_t number;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL) {
		if (!replydir_parse(e->d_name, &number))
			continue;
		if (mbox_lives(m, number))
			living++;
		else
			(void)replydir_remove(m->dir_fd, e->d_name);    /* or the next does */
	}
	safefile_list_close(d);
	return r == -1 ? -1 : living;
}

int
callers_wait(struct mbox *m, uint64_t deadline_ns)
{
	uint64_t end_ns = clock_after(READ_NS);
	int living, ms = 1;

	while ((living = callers_clear(m)) > 0 && m->ctl.live == 0 && clock_mono_ns() < end_ns) {
		txn_unlock(m);
		if ((io_nap(end_ns, &ms, NAP_MS) == -1 && io_stop) || txn_lock(m, deadline_ns) == -1)
			return -1;
	}
	return living;
}
