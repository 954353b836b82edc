/* SPDX-License-Identifier: ISC */
/* alarm: SIGALRM, caught for nothing but the EINTR. */
#include "base/alarm.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

#include "base/clock.h"
#include "base/io.h"

enum { AGAIN_US = 20000 };

static void
on_alarm(int signal)
{
	(void)signal;
}

void
alarm_at(uint64_t deadline_ns)
{
	struct sigaction catch = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_interval = { 0, AGAIN_US } };
	uint64_t now = clock_mono_ns(), left_us = deadline_ns > now ? (deadline_ns - now) / 1000 + 1 : 1;

	if (deadline_ns == CLOCK_NEVER)
		return;
	timer.it_value.tv_sec = (time_t)(left_us / 1000000);
	timer.it_value.tv_usec = (suseconds_t)(left_us % 1000000);
	sigaction(SIGALRM, &catch, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	io_nudge();             /* a signal to stop, just before: its timer is gone */
}

void
alarm_off(void)
{
	struct itimerval none = { { 0, 0 }, { 0, 0 } };
	int err = errno;

	setitimer(ITIMER_REAL, &none, NULL);
	io_nudge();
	errno = err;
}
