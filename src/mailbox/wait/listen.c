/* SPDX-License-Identifier: ISC */
/* listen: see listen.h.  A crash releases the lock and closes the FIFO. */
#include "mailbox/wait/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/process.h"
#include "base/reclock.h"
#include "base/safefile.h"
#include "mailbox/disk/dropdir.h"

enum {
	VAIN = 16,                      /* looks in a second that may find nothing */
	LISTENERS = 16,                 /* at a time: all but one, at most, are stopped */
};

#define SECOND_NS UINT64_C(1000000000)

/* byte_of -- the byte of `lock' of the listener with this place. */
static uint64_t
byte_of(unsigned i)
{
	return i == 0 ? MBOX_LISTEN : MBOX_LISTEN_MORE + i;
}

/* first_place -- the place of the first listener that is not stopped, or behind those that are.  kept: if one is there. */
static unsigned
first_place(const struct mbox *m, bool *kept)
{
	char name[PROCESS_NAME_MAX];
	unsigned i = 0;
	pid_t holder;

	*kept = true;
	for (bool stopped = false; i < LISTENERS; i++) {
		holder = reclock_holder(m->lock_fd, byte_of(i));
		*kept = holder != -1;
		if (holder > 0)
			(void)process_look(holder, name, &stopped);
		if (holder <= 0 || !stopped)
			break;
	}
	return i;
}

int
listen_keep(struct mbox *m)
{
	unsigned place = 0;
	bool kept;

	if (m->listen.bell_fd != -1 || mbox_drop(m) == -1)
		return 0;
	if (reclock_try(m->lock_fd, byte_of(0)) == -1) {
		place = first_place(m, &kept);
		if (kept || reclock_try(m->lock_fd, byte_of(place)) == -1)
			return 0;
	}
	m->listen.byte = byte_of(place);
	m->listen.bell_fd = safefile_open_fifo(m->drop_fd, "bell", O_RDONLY);
	/* a writing end of our own: it never hangs up, whatever senders come and go */
	if (m->listen.bell_fd != -1)
		m->listen.own_fd = safefile_open_fifo(m->drop_fd, "bell", O_WRONLY);
	if (m->listen.own_fd != -1)
		return 1;
	listen_leave(m);
	return 0;
}

void
listen_leave(struct mbox *m)
{
	int err = errno;

	io_close(m->listen.own_fd);
	io_close(m->listen.bell_fd);
	m->listen.own_fd = m->listen.bell_fd = -1;
	reclock_free(m->lock_fd, m->listen.byte);
	errno = err;
}

bool
listen_kept(const struct mbox *m)
{
	bool kept = true;

	if (m->listen.bell_fd == -1)
		(void)first_place(m, &kept);
	return kept;
}

int
listen_fd(const struct mbox *m)
{
	if (m->listen.vain >= VAIN && clock_mono_ns() < m->listen.vain_ns + SECOND_NS)
		return -1;
	return m->listen.bell_fd;
}

bool
listen_heard(struct mbox *m)
{
	char rings[4096];

	/* once: a process that writes all the time is not read all the time */
	return m->listen.bell_fd != -1 && read(m->listen.bell_fd, rings, sizeof rings) > 0;
}

void
listen_vain(struct mbox *m)
{
	uint64_t now = clock_mono_ns();

	if (now >= m->listen.vain_ns + SECOND_NS) {
		m->listen.vain = 0;
		m->listen.vain_ns = now;
	}
	m->listen.vain++;
}
