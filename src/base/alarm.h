/* SPDX-License-Identifier: ISC */
/*
 * alarm: what interrupts system calls that take no deadline: open(2) of a FIFO, F_SETLKW.
 *
 * The timers and their signal, SIGRTMIN, are our own: SIGALRM and ITIMER_REAL are the user's, and may be set before
 * this program is executed.
 */
#ifndef BASE_ALARM_H
#define BASE_ALARM_H

#include <stdint.h>

/*
 * alarm_at -- from the deadline on, interrupt system calls with EINTR, again and again: a single signal that comes just
 * before the call enters the kernel would be lost.  Not for CLOCK_NEVER.
 * Returns 0, or -1: ENOMEM the user has too many timers, or errno.
 */
int alarm_at(uint64_t deadline_ns);

/* alarm_off -- stop that.  Leaves errno as it is. */
void alarm_off(void);

/* alarm_nudge -- from now on interrupt them for ever, seldom.  For a signal handler, after alarm_can_nudge. */
void alarm_nudge(void);

/* alarm_can_nudge -- make the timer for that; where there can be none, alarm_nudge does nothing. */
void alarm_can_nudge(void);

#endif
