/* SPDX-License-Identifier: ISC */
/* mbox: open files, and what they tell.  A crash leaves nothing: locks go with their process. */
#include "mailbox/box/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/reclock.h"
#include "base/safefile.h"
#include "mailbox/disk/dropdir.h"
#include "mailbox/disk/kept.h"
#include "mailbox/mode.h"

enum { LOOK_NAP_MS = 20 };

#define LOOK_NS UINT64_C(1000000000)    /* how long the lock file may be there after others in rm -r */

/* ---- open and close ---- */

/*
 * The mailboxes that this process has open.  None of them is opened twice, by whatever path: record locks are the
 * process's, and closing any descriptor of `lock` would drop them all.
 */
static struct mbox *opened;

int
mbox_dir(const char *path)
{
	/* openat(2): musl's open(3) sets FD_CLOEXEC by a second call */
	return openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* open_files -- open ctl and lock.  Returns 0, or -1: ENODEV the directory is no mailbox. */
static int
open_files(struct mbox *m)
{
	struct stat st;

	if (m->dir_fd == -1 || fstat(m->dir_fd, &st) == -1)
		return -1;
	for (const struct mbox *o = opened; o != NULL; o = o->next)
		if (o->dev == st.st_dev && o->ino == st.st_ino) {
			errno = EALREADY;
			return -1;
		}
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	m->ctl_fd = safefile_open(m->dir_fd, "ctl", m->look ? O_RDONLY : O_RDWR);
	if (m->ctl_fd != -1 && !m->look)
		m->lock_fd = safefile_open(m->dir_fd, "lock", O_RDWR);
	if (m->ctl_fd == -1 || (m->lock_fd == -1 && !m->look)) {
		if (errno == ENOENT)
			errno = ENODEV;
		return -1;
	}
	m->uid = st.st_uid;
	m->gid = st.st_gid;
	/* members may write in the directory; users who may only send may search it, no more */
	m->shared = mode_class(st.st_mode, 0) == 7 || mode_class(st.st_mode, 3) == 7;
	if (m->shared && !m->look && safefile_one_name(m->ctl_fd) == -1)
		return -1;      /* it might be that of another mailbox of ours */
	m->drops = !m->look && (mode_class(st.st_mode, 0) == 1 || mode_class(st.st_mode, 3) == 1);
	return 0;
}

/* open_for -- open the mailbox in a directory; where that fails, the directory stays open.  Returns 0, or -1. */
static int
open_for(struct mbox *m, int dir_fd, bool look)
{
	*m = (struct mbox)MBOX_CLOSED;
	m->dir_fd = dir_fd;
	m->look = look;
	if (open_files(m) == -1) {
		m->dir_fd = -1;
		mbox_close(m);
		return -1;
	}
	m->next = opened;
	opened = m;
	return 0;
}

int
mbox_open_in(struct mbox *m, int dir_fd, bool any)
{
	int r = open_for(m, dir_fd, false);

	/* a file system that is read-only can be looked at as well */
	if (r == -1 && any && (errno == EACCES || errno == EROFS))
		r = open_for(m, dir_fd, true);
	if (r == -1)
		io_close(dir_fd);
	return r;
}

int
mbox_open(struct mbox *m, const char *path)
{
	return mbox_open_in(m, mbox_dir(path), false);
}

int
mbox_open_any(struct mbox *m, const char *path)
{
	return mbox_open_in(m, mbox_dir(path), true);
}

int
mbox_drop(struct mbox *m)
{
	if (m->drop_fd == -1 && m->drops)
		m->drop_fd = dropdir_open(m->dir_fd, m->uid);
	return m->drop_fd;
}

void
mbox_close(struct mbox *m)
{
	for (struct mbox **o = &opened; *o != NULL; o = &(*o)->next)
		if (*o == m) {
			*o = m->next;
			break;
		}
	mbox_seg_close(m);
	io_close(m->due_fd);
	io_close(m->drop_fd);
	io_close(m->listen.bell_fd);
	io_close(m->listen.own_fd);
	io_close(m->waiter.fifo_fd);
	io_close(m->want_fd);
	io_close(m->ctl_fd);
	io_close(m->lock_fd);
	io_close(m->dir_fd);
	*m = (struct mbox)MBOX_CLOSED;
}

/* ---- missing files ---- */

bool
mbox_removed(const struct mbox *m)
{
	struct stat st;

	return fstat(m->look ? m->dir_fd : m->lock_fd, &st) == 0 && st.st_nlink == 0;
}

int
mbox_missing(const struct mbox *m)
{
	uint64_t deadline_ns = clock_after(LOOK_NS);
	int ms = 1;

	while (!mbox_removed(m))
		if (m->look || io_nap(deadline_ns, &ms, LOOK_NAP_MS) == -1) {
			if (m->look || errno == ETIMEDOUT)
				errno = EBADMSG;
			return -1;
		}
	errno = EIDRM;
	return -1;
}

/* not_opened -- a file that must be there could not be opened. */
static int
not_opened(const struct mbox *m)
{
	return errno == ENOENT ? mbox_missing(m) : -1;
}

int
mbox_wants(struct mbox *m)
{
	if (m->want_fd == -1)
		m->want_fd = mode_shared(m->ctl.mode) && !m->look ? safefile_open_own(m->dir_fd, "want", O_RDWR)
		    : safefile_open_plain(m->dir_fd, "want", m->look ? O_RDONLY : O_RDWR);
	return m->want_fd == -1 ? not_opened(m) : 0;
}

/* ---- processes, and ctl ---- */

/*
 * draw -- draw a number by lot.  The first time the kernel has drawn it already, as we were started.  The C library has
 * secrets of the same 16 bytes, neither half of which the number tells.  Source: getauxval(3), AT_RANDOM.
 */
static int
draw(uint64_t *number)
{
	static const void *drawn;
	uint64_t two[2];

	if (drawn == NULL
	    && (drawn = (const void *)getauxval(AT_RANDOM)) != NULL) { /* NOLINT(performance-no-int-to-ptr) */
		memcpy(two, drawn, sizeof two);
		*number = two[0] * UINT64_C(0x9e3779b97f4a7c15) + two[1];
		return 0;
	}
	return getrandom(number, sizeof *number, 0) == -1 ? -1 : 0;
}

int
mbox_number(struct mbox *m)
{
	uint64_t number;

	while (m->number == 0) {
		if (draw(&number) == -1)
			return -1;
		number = state_owner(number);
		if (number < MBOX_NUMBERS)
			continue;
		if (reclock_try(m->lock_fd, number) == 0)
			m->number = number;
		else if (errno != EAGAIN)
			return -1;
	}
	return 0;
}

pid_t
mbox_holder(const struct mbox *m, uint64_t number)
{
	/* without the lock file there is no way to tell */
	return m->look ? 0 : reclock_holder(m->lock_fd, number);
}

bool
mbox_lives(const struct mbox *m, uint64_t number)
{
	return number == m->number || mbox_holder(m, number) != -1;
}

void
mbox_settings(const struct ctl *c, struct mailbox_settings *settings)
{
	*settings = (struct mailbox_settings){ .cap_messages = c->cap_messages, .cap_bytes = c->cap_bytes, .mode = c->mode,
		.policy = (enum mailbox_policy)c->policy, .durable = c->durable != 0, .closed = c->closed != 0,
		.paused = c->paused != 0 };
}

bool
mbox_fits(const struct ctl *c, uint64_t cost)
{
	return c->live == 0 || (c->live < c->cap_messages && c->live_bytes + cost <= c->cap_bytes);
}

int
mbox_moved(struct mbox *m, uint64_t generation)
{
	struct ctl c;

	if (mbox_removed(m)) {
		errno = EIDRM;
		return -1;
	}
	/* a copy that is being written may look damaged: look under the lock */
	if (ctl_read(m->ctl_fd, &c) == -1)
		return 1;
	return c.generation != generation || c.claimed > 0 || c.retrying > 0 || c.busy || c.removed
	    || (c.due_us != 0 && c.due_us <= clock_wall_us());
}

/* ---- segments ---- */

int
mbox_seg(struct mbox *m, uint64_t first)
{
	uint32_t names, len;

	if (m->seg.h.first == first && m->layout == m->ctl.layout)
		return 0;
	if (m->keeps && m->seg.idx_fd != -1 && m->layout == m->ctl.layout)
		kept_put(m, m->layout, &m->seg);
	seg_close(&m->seg);
	m->layout = m->ctl.layout;
	if (m->keeps && kept_take(m, m->layout, first, &m->seg))
		return 0;
	/* what ctl or a neighbour names must be there */
	if (seg_open(&m->seg, m->dir_fd, first, m->look ? SEG_LOOK : seg_access(m->ctl.mode)) == -1)
		return not_opened(m);
	/* names that count do not change; behind them stands what a killed process left */
	mbox_seg_names(m, &names, &len);
	if (m->seg.early_len > len)
		m->seg.early_len = len;
	if (first == m->ctl.last_seg || (m->seg.h.next != 0 && m->seg.h.next <= m->ctl.last_seg))
		return 0;
	seg_close(&m->seg);
	errno = EBADMSG;                        /* the links end before the newest */
	return -1;
}

void
mbox_seg_close(struct mbox *m)
{
	seg_close(&m->seg);
	if (m->keeps)
		kept_close(m);
}

void
mbox_seg_stale(struct mbox *m)
{
	m->seg.current = false;
	if (m->keeps)
		kept_stale(m);
}

uint64_t
mbox_seg_before(const struct mbox *m, uint64_t id)
{
	const bool open = m->seg.idx_fd != -1 && m->layout == m->ctl.layout && m->seg.h.first <= id;
	const uint64_t here = open ? m->seg.h.first : 0, kept = m->keeps ? kept_before(m, m->ctl.layout, id) : 0;

	return here > kept ? here : kept;
}

int
mbox_seg_log(struct mbox *m)
{
	return seg_log(&m->seg) == -1 ? not_opened(m) : 0;
}

uint64_t
mbox_seg_next(const struct mbox *m)
{
	return m->seg.h.first == m->ctl.last_seg ? 0 : m->seg.h.next;
}

uint32_t
mbox_seg_n(const struct mbox *m)
{
	return m->seg.h.first == m->ctl.last_seg ? (uint32_t)(m->ctl.next - m->ctl.last_seg) : m->seg.h.n;
}

void
mbox_seg_names(const struct mbox *m, uint32_t *names, uint32_t *len)
{
	bool newest = m->seg.h.first == m->ctl.last_seg;

	*names = newest ? m->ctl.names : m->seg.h.names;
	*len = newest ? m->ctl.names_len : m->seg.h.names_len;
}
