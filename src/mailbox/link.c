/* SPDX-License-Identifier: ISC */
/*
 * link: a process that keeps a link to or from a mailbox says so there, for mstat, and so that no other keeps the same.
 *
 * The mailbox stays open for as long as the link is kept: the lock on the process's number says that it is alive.  What
 * it has started inherits its file's lock: where the process was killed, those programs end a moment later, and give
 * back what they have.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "mailbox/box/links.h"
#include "mailbox/box/txn.h"
#include "mailbox/mailbox.h"
#include "mailbox/mode.h"

#define WAIT_NS UINT64_C(1000000000)    /* how long the lock is waited for */

struct link_post {
	struct mbox m;
	struct linkfile file;
	int fd;                         /* of the file; -1: it is not made yet */
};

/* Looked for among the links of others. */
struct search {
	const struct mailbox_link *l;
	pid_t pid;                      /* that keeps the same; -1: a dead one did, of which something still runs */
};

/* is_same -- whether it is the same link, kept by another process (links_each). */
static int
is_same(void *arg, const struct linkfile *f, pid_t pid)
{
	struct search *s = arg;

	if (pid == getpid() || (f->inward != 0) != s->l->inward || !slice_is(linkfile_target(f), s->l->target)
	    || !slice_is(linkfile_its_name(f), s->l->name))
		return 0;
	s->pid = pid;
	return 1;
}

/* close_it -- let the mailbox go, if it is open.  errno stays. */
static void
close_it(struct mailbox_link *l)
{
	if (l->in == NULL)
		return;
	mbox_close(&l->in->m);
	if (l->in->fd != -1)
		io_close(l->in->fd);
	free(l->in);
	l->damage = NULL;
	l->in = NULL;
}

/* open_it -- open the mailbox, unless it is open.  Returns 0, or -1. */
static int
open_it(struct mailbox_link *l, const char *path)
{
	if (l->in != NULL && mbox_removed(&l->in->m))
		close_it(l);
	if (l->in != NULL)
		return 0;
	l->in = calloc(1, sizeof *l->in);
	if (l->in == NULL)
		return -1;
	l->in->fd = -1;
	if (mbox_open(&l->in->m, path) == 0 && mbox_number(&l->in->m) == 0)
		return 0;
	close_it(l);
	return -1;
}

/* post -- in a locked section: write what others are to see, unless one of them keeps the same link. */
static int
post(struct mailbox_link *l)
{
	struct search search = { l, 0 };
	struct linkfile *f = &l->in->file;
	struct mbox *m = &l->in->m;
	bool new = l->in->fd == -1;
	uint64_t since_us = f->since_us;
	int same = !new ? 0 : links_clear(m) == -1 ? -1 : links_each(m, is_same, &search);

	l->other = search.pid;
	if (same != 0)
		return same == -1 ? -1 : fail_with(search.pid == -1 ? ECHILD : EEXIST);
	if (new || f->state != (uint8_t)l->state)
		since_us = clock_wall_us();
	if (linkfile_fill(f, slice_of(l->target), slice_of(l->name)) == -1)
		return -1;
	f->since_us = since_us;
	f->pid = (int32_t)getpid();
	f->state = (uint8_t)l->state;
	f->inward = l->inward;
	if (new && (l->in->fd = linkfile_make(m->dir_fd, m->number, mode_files(m->ctl.mode))) == -1)
		return -1;
	return linkfile_write(l->in->fd, f);
}

int
link_post(struct mailbox_link *l, const char *path)
{
	int r;

	if (l->state == LINK_ENDS) {
		if (l->in != NULL)
			linkfile_remove(l->in->m.dir_fd, l->in->m.number);
		close_it(l);
		return 0;
	}
	if (open_it(l, path) == -1)
		return -1;
	r = txn_lock(&l->in->m, clock_after(WAIT_NS)) == -1 ? -1 : post(l);
	l->closed = l->in->m.ctl.closed != 0;
	l->damage = &l->in->m.damage;
	txn_unlock(&l->in->m);
	if (r == -1 && l->in->fd == -1)
		close_it(l);
	return r;
}

bool
link_gone(const struct mailbox_link *l)
{
	return l->in != NULL && mbox_removed(&l->in->m);
}
