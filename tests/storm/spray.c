/* SPDX-License-Identifier: ISC */
/*
 * spray: linked into the tools for a storm, it disturbs the process that it is in.
 *
 *     SPRAY_US=N      a signal every N microseconds, or twice that, by a handler without SA_RESTART: any system call that
 *                     may be interrupted, is
 *     SPRAY_STEP=MS   the clock on the wall is set anew every so many milliseconds, for all processes at the same moment,
 *                     to up to 1.5 s before or after what it is
 *
 * The commands that a tool runs are left alone.
 */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STEP_MAX_NS INT64_C(1500000000)
#define NS_PER_S INT64_C(1000000000)

int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
long __real_syscall(long call, ...);
long __wrap_syscall(long call, long a, long b, long c, long d, long e);

static int64_t step_ns;         /* how long a setting of the clock lasts; 0: it is right */

static void
on_signal(int signal)
{
	(void)signal;
}

/* number -- the value of a variable of the environment; 0 where it is not set. */
static int64_t
number(const char *name)
{
	const char *s = getenv(name);

	return s == NULL ? 0 : (int64_t)strtoll(s, NULL, 10);
}

static void __attribute__((constructor))
spray(void)
{
	struct sigaction catch = { .sa_handler = on_signal };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL };
	struct itimerspec often = { .it_value = { 0, 1 } };
	int64_t us = number("SPRAY_US");
	timer_t timer;

	step_ns = number("SPRAY_STEP") * 1000000;
	if (us == 0)
		return;
	us += getpid() % 2 == 0 ? 0 : us;
	often.it_interval.tv_sec = (time_t)(us / 1000000);
	often.it_interval.tv_nsec = (long)(us % 1000000 * 1000);
	event.sigev_signo = SIGRTMIN + 1;
	sigemptyset(&catch.sa_mask);
	if (sigaction(SIGRTMIN + 1, &catch, NULL) == -1 || timer_create(CLOCK_MONOTONIC, &event, &timer) == -1
	    || timer_settime(timer, 0, &often, NULL) == -1)
		_exit(99);
}

/* error_now -- how far off the clock is at this moment. */
static int64_t
error_now(void)
{
	struct timespec t;
	uint64_t x;

	__real_clock_gettime(CLOCK_MONOTONIC, &t);
	x = (uint64_t)((t.tv_sec * NS_PER_S + t.tv_nsec) / step_ns) + UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (int64_t)((x ^ x >> 31) % (2 * STEP_MAX_NS)) - STEP_MAX_NS;
}

int
__wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	int r = __real_clock_gettime(clock, t);
	int64_t ns;

	if (r == -1 || clock != CLOCK_REALTIME || step_ns == 0)
		return r;
	ns = t->tv_sec * NS_PER_S + t->tv_nsec + error_now();
	t->tv_sec = (time_t)(ns / NS_PER_S);
	t->tv_nsec = (long)(ns % NS_PER_S);
	return r;
}

/* The clock is asked in this way, too (base/clock). */
long
__wrap_syscall(long call, long a, long b, long c, long d, long e)
{
	if (call == SYS_clock_gettime)
		return __wrap_clock_gettime((clockid_t)a, (struct timespec *)b);
	return __real_syscall(call, a, b, c, d, e);
}
