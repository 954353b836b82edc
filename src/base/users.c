/* SPDX-License-Identifier: ISC */
/* users: see users.h. */
#include "base/users.h"

#include <stdlib.h>

#include "base/io.h"

enum { OVERFLOW = 65534 };      /* the kernel's default for both overflowuid and overflowgid (user_namespaces(7)) */

/* read_numbers -- read up to three decimal numbers from a file in /proc.  Returns how many. */
static int
read_numbers(const char *path, uint64_t numbers[static 3])
{
	char text[128], *p = text, *end;
	int n = 0;

	io_read_proc(path, text, sizeof text);
	for (; n < 3; n++, p = end) {
		numbers[n] = strtoull(p, &end, 10);
		if (end == p)
			break;
	}
	return n;
}

int64_t
users_unknown(void)
{
	uint64_t n[3];

	/* "INSIDE OUTSIDE COUNT": outside all namespaces each number stands for itself */
	if (read_numbers("/proc/self/uid_map", n) == 3 && n[0] == 0 && n[1] == 0 && n[2] == UINT32_MAX)
		return USERS_ALL_KNOWN;
	return read_numbers("/proc/sys/kernel/overflowuid", n) >= 1 ? (int64_t)n[0] : OVERFLOW;
}
