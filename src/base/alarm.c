/* SPDX-License-Identifier: ISC */
/* alarm: see alarm.h. */
#include "base/alarm.h"

#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/signals.h"

enum { SECOND_NS = 1000 * 1000 * 1000, AGAIN_NS = 20 * 1000 * 1000, NUDGE_NS = 50 * 1000 * 1000 };

static timer_t deadline, nudges;
static volatile sig_atomic_t can_nudge;

static void
on_alarm(int signal)
{
	(void)signal;
}

/* make -- make a timer.  Returns 0, or -1. */
static int
make(timer_t *timer)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };

	if (signals_catch(SIGRTMIN, on_alarm, 0) == 0 && timer_create(CLOCK_MONOTONIC, &event, timer) == 0)
		return 0;
	return fail_with(errno == EAGAIN ? ENOMEM : errno);
}

int
alarm_at(uint64_t deadline_ns)
{
	struct itimerspec from = { .it_interval = { 0, AGAIN_NS } };

	if (deadline_ns == CLOCK_NEVER)
		return 0;
	if (make(&deadline) == -1)
		return -1;
	from.it_value.tv_sec = (time_t)(deadline_ns / SECOND_NS);
	from.it_value.tv_nsec = (long)(deadline_ns % SECOND_NS) | 1;    /* 0 would be: never */
	if (timer_settime(deadline, TIMER_ABSTIME, &from, NULL) == 0)
		return 0;
	alarm_off();
	return -1;
}

void
alarm_off(void)
{
	int err = errno;

	timer_delete(deadline);
	errno = err;
}

void
alarm_can_nudge(void)
{
	can_nudge = make(&nudges) == 0;
}

void
alarm_nudge(void)
{
	const struct itimerspec soon = { .it_value = { 0, NUDGE_NS }, .it_interval = { 1, 0 } };

	if (can_nudge)
		timer_settime(nudges, 0, &soon, NULL);
}
