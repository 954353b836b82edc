/* SPDX-License-Identifier: ISC */
/* alarm: a deadline for system calls that take none: open(2) of a FIFO, F_SETLKW. */
#ifndef BASE_ALARM_H
#define BASE_ALARM_H

#include <stdint.h>

/*
 * alarm_at -- from the deadline on, interrupt system calls with EINTR, again and again: a single signal that comes just
 * before the call enters the kernel would be lost.
 */
void alarm_at(uint64_t deadline_ns);

/* alarm_off -- stop that.  Leaves errno as it is, and SIGALRM caught. */
void alarm_off(void);

#endif
