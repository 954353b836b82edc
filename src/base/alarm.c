/* SPDX-License-Identifier: ISC */
/* alarm: see alarm.h. */
#include "base/alarm.h"

#include <stddef.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/io.h"

enum { AGAIN_US = 20000 };

void
alarm_at(uint64_t deadline_ns)
{
	struct itimerval timer = { .it_interval = { 0, AGAIN_US } };
	uint64_t now = clock_mono_ns(), left_us = deadline_ns > now ? (deadline_ns - now) / 1000 + 1 : 1;

	if (deadline_ns == CLOCK_NEVER)
		return;
	timer.it_value.tv_sec = (time_t)(left_us / 1000000);
	timer.it_value.tv_usec = (suseconds_t)(left_us % 1000000);
	io_catch_alarm();
	setitimer(ITIMER_REAL, &timer, NULL);
	io_nudge();             /* where a signal came just before, this timer took the place of its own */
}

void
alarm_off(void)
{
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	io_nudge();
}
