/* SPDX-License-Identifier: ISC */
/* users: see users.h. */
#include "base/users.h"

#include <errno.h>
#include <stdlib.h>

#include "base/io.h"

enum { OVERFLOW = 65534 };      /* the kernel's default for both overflowuid and overflowgid (user_namespaces(7)) */

/*
 * read_numbers -- read up to three decimal numbers from a file in /proc, whose absence is no error.
 * Returns how many, or -1 with errno.
 */
static int
read_numbers(const char *path, uint64_t numbers[static 3])
{
	char text[128], *p = text, *end;
	int n = 0;

	errno = 0;
	if (io_read_proc(path, text, sizeof text) == 0 && errno != 0 && errno != ENOENT && errno != EACCES)
		return -1;
	for (; n < 3; n++, p = end) {
		numbers[n] = strtoull(p, &end, 10);
		if (end == p)
			break;
	}
	return n;
}

int
users_learn(int64_t *unknown)
{
	uint64_t n[3];
	int got = read_numbers("/proc/self/uid_map", n);

	*unknown = OVERFLOW;
	/* "INSIDE OUTSIDE COUNT": outside all namespaces each number stands for itself */
	if (got == 3 && n[0] == 0 && n[1] == 0 && n[2] == UINT32_MAX) {
		*unknown = USERS_ALL_KNOWN;
		return 0;
	}
	if (got == -1 || (got = read_numbers("/proc/sys/kernel/overflowuid", n)) == -1)
		return -1;
	if (got > 0)
		*unknown = (int64_t)n[0];
	return 0;
}

int64_t
users_unknown(void)
{
	int64_t unknown;

	(void)users_learn(&unknown);
	return unknown;
}
