/* SPDX-License-Identifier: ISC */
/* door: see door.h.  A crash lets go of the lock, and of the bell. */
#include "mailbox/wait/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/reclock.h"
#include "base/safefile.h"
#include "mailbox/disk/dropdir.h"

enum { VAIN = 16 };                     /* rings for nothing that are heard in a second */

#define SECOND_NS UINT64_C(1000000000)

int
door_keep(struct mbox *m)
{
	if (m->door.bell_fd != -1 || mbox_drop(m) == -1 || lock_try(m->lock_fd, MBOX_DOOR) == -1)
		return 0;
	m->door.bell_fd = file_open_fifo(m->drop_fd, "bell", O_RDONLY);
	/* with a writing end of our own the bell never hangs up, whoever comes and goes */
	if (m->door.bell_fd != -1)
		m->door.own_fd = file_open_fifo(m->drop_fd, "bell", O_WRONLY);
	if (m->door.own_fd != -1)
		return 1;
	door_leave(m);
	return 0;
}

void
door_leave(struct mbox *m)
{
	int err = errno;

	if (m->door.own_fd != -1)
		close(m->door.own_fd);
	if (m->door.bell_fd != -1)
		close(m->door.bell_fd);
	m->door.own_fd = m->door.bell_fd = -1;
	lock_free(m->lock_fd, MBOX_DOOR);
	errno = err;
}

bool
door_kept(const struct mbox *m)
{
	return m->door.bell_fd != -1 || lock_holder(m->lock_fd, MBOX_DOOR) != -1;
}

int
door_fd(const struct mbox *m)
{
	if (m->door.vain >= VAIN && clock_mono_ns() < m->door.vain_ns + SECOND_NS)
		return -1;
	return m->door.bell_fd;
}

bool
door_heard(struct mbox *m)
{
	char rings[4096];

	/* once: who rings all the time is not read all the time */
	return m->door.bell_fd != -1 && read(m->door.bell_fd, rings, sizeof rings) > 0;
}

void
door_vain(struct mbox *m)
{
	uint64_t now = clock_mono_ns();

	if (now >= m->door.vain_ns + SECOND_NS) {
		m->door.vain = 0;
		m->door.vain_ns = now;
	}
	m->door.vain++;
}
