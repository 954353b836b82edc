/* SPDX-License-Identifier: ISC */
/*
 * lock: record locks of one byte, fcntl(2)'s.
 *
 * The kernel takes them off when their process ends, before it closes any FIFO end of that process (measured on
 * Linux; flock(2) and open file description locks go later).  Two things to keep in mind: closing any descriptor of
 * the file drops them all, and a process never sees its own.
 */
#ifndef BASE_RECLOCK_H
#define BASE_RECLOCK_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

/* Who held the lock that reclock_take did not get in time; -1 somebody in another pid name space, 0 not known. */
extern volatile sig_atomic_t reclock_missed;

/*
 * reclock_take -- take the write lock on a byte of fd, waiting until the deadline (CLOCK_MONOTONIC, nanoseconds).
 * Returns 0, or -1: EBUSY where somebody held it all the time (reclock_missed), EINTR (io_stop), or errno of fcntl(2).
 */
int reclock_take(int fd, uint64_t byte, uint64_t deadline_ns);

/* reclock_spin -- try for some 20 microseconds.  Returns as reclock_try. */
int reclock_spin(int fd, uint64_t byte);

/* reclock_try -- take it only if nobody has it.  Returns 0, or -1: EAGAIN, or errno of fcntl(2). */
int reclock_try(int fd, uint64_t byte);

/* reclock_free -- let it go. */
void reclock_free(int fd, uint64_t byte);

/*
 * reclock_holder -- which other process holds the byte.
 * Returns its id (0 where it is in another pid name space: -1 from the kernel), or -1 where nobody else does.
 */
pid_t reclock_holder(int fd, uint64_t byte);

#endif
