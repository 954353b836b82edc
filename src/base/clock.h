/* SPDX-License-Identifier: ISC */
/*
 * clock: the time, and deadlines.  A deadline (deadline_ns) is a time of CLOCK_MONOTONIC in nanoseconds: setting the
 * wall clock moves none.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER UINT64_MAX          /* a deadline that never comes */

/* clock_mono_ns -- nanoseconds of CLOCK_MONOTONIC. */
uint64_t clock_mono_ns(void);

/* clock_wall_us -- the wall clock, in microseconds since the epoch. */
uint64_t clock_wall_us(void);

/* clock_after -- the deadline ns nanoseconds from now; CLOCK_NEVER where ns is CLOCK_NEVER. */
uint64_t clock_after(uint64_t ns);

/* clock_at_least -- the later of the deadline and ns nanoseconds from now: for what must get that long in any case. */
uint64_t clock_at_least(uint64_t deadline_ns, uint64_t ns);

/* clock_left_ms -- milliseconds to the deadline, rounded up, at most cap_ms; 0: it has passed. */
int clock_left_ms(uint64_t deadline_ns, int cap_ms);

/*
 * clock_backoff -- the pause after failure number n, from 1 on: base after the first, then twice the one before, at
 * most `most`.  In any unit.
 */
uint64_t clock_backoff(uint64_t base, uint64_t most, unsigned n);

/*
 * clock_parse -- read a duration: a decimal number (0.25) of seconds, or of the unit behind it: ms, s, m or h.
 * Returns 0 with *ns, or -1: EINVAL, ERANGE for more than 2^62 ns.
 */
int clock_parse(const char *s, uint64_t *ns);

#endif
