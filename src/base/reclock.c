/* SPDX-License-Identifier: ISC */
/* reclock: see reclock.h.  A crash leaves nothing: the kernel releases the locks. */
#include "base/reclock.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/io.h"

/*
 * A mailbox stays locked for ten microseconds, or a hundred where payloads are streamed, and to sleep and wake takes as
 * long.  So the lock is tried first, at half a microsecond a try (measured on Linux).
 */
enum { TRIES = 150 };

volatile sig_atomic_t reclock_missed;

static struct flock
one_byte(short type, uint64_t byte)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1 };
}

int
reclock_try(int fd, uint64_t byte)
{
	struct flock fl = one_byte(F_WRLCK, byte);

	while (fcntl(fd, F_SETLK, &fl) == -1) {
		if (errno == EACCES)
			errno = EAGAIN;
		if (errno != EINTR)
			return -1;
	}
	return 0;
}

int
reclock_spin(int fd, uint64_t byte)
{
	int r = reclock_try(fd, byte);

	for (int i = 1; i < TRIES && r == -1 && errno == EAGAIN; i++)
		r = reclock_try(fd, byte);
	return r;
}

/* What is locked. */
struct place {
	int fd;
	short type;
	uint64_t byte;
};

/* lock -- F_SETLKW (io_block); where a signal interrupts it, note which process holds the lock. */
static int
lock(void *of)
{
	const struct place *p = of;
	struct flock fl = one_byte(p->type, p->byte);
	int r = fcntl(p->fd, F_SETLKW, &fl), err = errno;
	pid_t holder = r == -1 && err == EINTR ? reclock_holder(p->fd, p->byte) : -1;

	reclock_missed = holder == 0 ? -1 : holder == -1 ? 0 : (sig_atomic_t)holder;
	errno = err;
	return r;
}

static int
await(int fd, short type, uint64_t byte, uint64_t deadline_ns)
{
	struct place place = { fd, type, byte };
	int r = io_block(lock, &place, deadline_ns);

	return r == -1 && errno == ETIMEDOUT ? fail_with(EBUSY) : r;
}

int
reclock_await(int fd, uint64_t byte, uint64_t deadline_ns)
{
	return await(fd, F_WRLCK, byte, deadline_ns);
}

int
reclock_share(int fd, uint64_t byte, uint64_t deadline_ns)
{
	return await(fd, F_RDLCK, byte, deadline_ns);
}

int
reclock_take(int fd, uint64_t byte, uint64_t deadline_ns)
{
	int r = reclock_spin(fd, byte);

	return r == -1 && errno == EAGAIN ? reclock_await(fd, byte, deadline_ns) : r;
}

void
reclock_free(int fd, uint64_t byte)
{
	struct flock fl = one_byte(F_UNLCK, byte);

	fcntl(fd, F_SETLK, &fl);
}

pid_t
reclock_holder(int fd, uint64_t byte)
{
	struct flock fl = one_byte(F_WRLCK, byte);

	if (fcntl(fd, F_GETLK, &fl) == -1)
		return 0;       /* unknown: to take it for locked loses nothing */
	if (fl.l_type == F_UNLCK)
		return -1;
	return fl.l_pid > 0 ? fl.l_pid : 0;
}
