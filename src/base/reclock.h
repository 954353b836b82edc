/* SPDX-License-Identifier: ISC */
/*
 * reclock: record locks of one byte, fcntl(2)'s.
 *
 * The kernel releases them when their process ends, before it closes any FIFO end of that process (measured on Linux;
 * flock(2) and open file description locks go later).  Two things to keep in mind: to close any descriptor of the file
 * releases them all, and a process never sees its own.
 */
#ifndef BASE_RECLOCK_H
#define BASE_RECLOCK_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

/* The process that held the lock when reclock_take gave up, or was interrupted; -1 one in another pid name space, 0 unknown. */
extern volatile sig_atomic_t reclock_missed;

/*
 * reclock_take -- take the write lock on a byte of fd, waiting until the deadline.
 * Returns 0, or -1: EBUSY at the deadline (reclock_missed names the holder), EINTR (io_stop), or errno of fcntl(2).
 * reclock_await -- the same, not to be tried before.  reclock_share -- the read lock, which many may hold.
 */
int reclock_take(int fd, uint64_t byte, uint64_t deadline_ns);
int reclock_await(int fd, uint64_t byte, uint64_t deadline_ns);
int reclock_share(int fd, uint64_t byte, uint64_t deadline_ns);

/* reclock_spin -- try for up to 75 microseconds.  Returns as reclock_try. */
int reclock_spin(int fd, uint64_t byte);

/* reclock_try -- take the lock if it is free.  Returns 0, or -1: EAGAIN, or errno of fcntl(2). */
int reclock_try(int fd, uint64_t byte);

/* reclock_free -- release it. */
void reclock_free(int fd, uint64_t byte);

/*
 * reclock_holder -- which other process has the byte locked.
 * Returns its id, 0 for one in another pid name space (the kernel says -1) or an unknown one, or -1 for none.
 */
pid_t reclock_holder(int fd, uint64_t byte);

#endif
