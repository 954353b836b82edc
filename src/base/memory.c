/* SPDX-License-Identifier: ISC */
/* memory: see memory.h. */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>

enum {
	AREA = 5 << 19,                 /* bytes: enough for a receiver with its run and two senders */
	PAGE = 4096,                    /* what is large begins on one: its small members, which stand first, share it */
};

static LARGE char area[AREA];           /* not aligned as a whole: the small objects before it would be, too */
static size_t used;

void *
memory_new(size_t n)
{
	size_t start = used + (PAGE - ((uintptr_t)area + used) % PAGE) % PAGE;

	if (start > AREA || n > AREA - start)
		return calloc(1, n);
	used = start + n;
	return area + start;
}

void
memory_free(void *p)
{
	if ((uintptr_t)p < (uintptr_t)area || (uintptr_t)p >= (uintptr_t)area + AREA)
		free(p);
}
