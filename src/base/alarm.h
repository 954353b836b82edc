/* SPDX-License-Identifier: ISC */
/* alarm: a deadline for system calls that have none: open(2) of a FIFO, F_SETLKW. */
#ifndef BASE_ALARM_H
#define BASE_ALARM_H

#include <stdint.h>

/*
 * alarm_at -- from the deadline on (CLOCK_MONOTONIC, nanoseconds), interrupt system calls with EINTR, again and
 * again: a single signal that came just before the call entered the kernel would be lost.
 */
void alarm_at(uint64_t deadline_ns);

/* alarm_off -- no more.  Leaves errno as it is, and SIGALRM caught. */
void alarm_off(void);

#endif
