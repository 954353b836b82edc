/* SPDX-License-Identifier: ISC */
/* clock: see clock.h. */
#include "base/clock.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fail.h"

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define DURATION_MAX (UINT64_C(1) << 62)

enum { FIRST_READINGS = 8 };

/*
 * reading -- what a clock says.  The first times by the system call itself: where clock_gettime(2) finds the code that the kernel
 * lends for it, three pages are touched, each of which costs more than the call.
 */
static struct timespec
reading(clockid_t clock)
{
	struct timespec t;

#if defined SYS_clock_gettime && __SIZEOF_LONG__ == 8
	static int readings;

	if (readings < FIRST_READINGS) {
		readings++;
		if (syscall(SYS_clock_gettime, clock, &t) == 0)
			return t;
	}
#endif
	clock_gettime(clock, &t);
	return t;
}

uint64_t
clock_mono_ns(void)
{
	const struct timespec t = reading(CLOCK_MONOTONIC);

	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t
clock_wall_us(void)
{
	const struct timespec t = reading(CLOCK_REALTIME);

	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t
clock_after(uint64_t ns)
{
	uint64_t now = ns == CLOCK_NEVER ? 0 : clock_mono_ns();

	return ns < CLOCK_NEVER - now ? now + ns : CLOCK_NEVER;
}

uint64_t
clock_at_least(uint64_t deadline_ns, uint64_t ns)
{
	uint64_t least = clock_after(ns);

	return deadline_ns > least ? deadline_ns : least;
}

int
clock_left_ms(uint64_t deadline_ns, int cap_ms)
{
	uint64_t now, ms;

	if (deadline_ns == CLOCK_NEVER)
		return cap_ms;
	now = clock_mono_ns();
	if (now >= deadline_ns)
		return 0;
	ms = (deadline_ns - now - 1) / NS_PER_MS + 1;
	return ms < (uint64_t)cap_ms ? (int)ms : cap_ms;
}

uint64_t
clock_backoff(uint64_t base, uint64_t most, unsigned n)
{
	for (; n > 1 && base < most; n--)
		base *= 2;
	return base < most ? base : most;
}

/* unit_ns -- the nanoseconds of a unit of time; 0: it is not a unit. */
static uint64_t
unit_ns(const char *s)
{
	static const struct { const char *name; uint64_t ns; } units[] = {
		{ "", NS_PER_S },
		{ "s", NS_PER_S },
		{ "ms", NS_PER_MS },
		{ "m", 60 * NS_PER_S },
		{ "h", 3600 * NS_PER_S },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(units[i].name, s) == 0)
			return units[i].ns;
	}
	return 0;
}

int
clock_parse(const char *s, uint64_t *ns)
{
	size_t whole = strspn(s, "0123456789"), part = 0;
	const char *point = s + whole, *unit = point;
	uint64_t scale, sum = 0;

	if (*point == '.') {
		part = strspn(point + 1, "0123456789");
		unit = point + 1 + part;
	}
	scale = unit_ns(unit);
	if (scale == 0 || whole + part == 0)
		return fail_with(EINVAL);
	for (size_t i = 0; i < whole; i++) {
		sum = sum * 10 + (uint64_t)(s[i] - '0');
		if (sum > DURATION_MAX / scale)
			return fail_with(ERANGE);
	}
	sum *= scale;
	for (size_t i = 1; i <= part; i++) {
		scale /= 10;
		sum += (uint64_t)(point[i] - '0') * scale;
	}
	if (sum > DURATION_MAX)
		return fail_with(ERANGE);
	*ns = sum;
	return 0;
}
