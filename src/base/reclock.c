/* SPDX-License-Identifier: ISC */
/* reclock: see reclock.h.  A crash leaves nothing: the kernel releases the locks. */
#include "base/reclock.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/alarm.h"
#include "base/clock.h"
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

/* missed -- the deadline has passed: note which process holds the lock.  Returns -1 with EBUSY. */
static int
missed(int fd, uint64_t byte)
{
	pid_t holder = reclock_holder(fd, byte);

	reclock_missed = holder == 0 ? -1 : holder == -1 ? 0 : (sig_atomic_t)holder;
	return fail_with(EBUSY);
}

int
reclock_take(int fd, uint64_t byte, uint64_t deadline_ns)
{
	struct flock fl = one_byte(F_WRLCK, byte);
	int r;

	if (reclock_spin(fd, byte) == 0)
		return 0;
	if (errno != EAGAIN)
		return -1;
	if (alarm_at(deadline_ns) == -1)
		return -1;
	do {
		r = fcntl(fd, F_SETLKW, &fl);
		if (r == -1 && errno == EINTR && clock_mono_ns() >= deadline_ns)
			r = missed(fd, byte);
	} while (r == -1 && errno == EINTR && !io_stop);
	if (deadline_ns != CLOCK_NEVER)
		alarm_off();
	return r;
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
