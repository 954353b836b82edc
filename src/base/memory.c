/* SPDX-License-Identifier: ISC */
/* memory: see memory.h. */
#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

enum {
	AREA = 5 << 19,                 /* bytes: enough for a receiver with its run and two senders */
	ALIGNED = 64,                   /* to so many bytes; the area as a whole to a page, by itself */
	PAGE = 4096,
};

static LARGE char area[AREA + PAGE];    /* not aligned by the linker: the small objects before it would be, too */
static size_t used, far;                /* bytes taken at its beginning, and at its end */

/* take -- n bytes of the area, at its end or its beginning; or of the heap. */
static void *
take(size_t n, bool at_end)
{
	char *start = area + (PAGE - (uintptr_t)area % PAGE) % PAGE;
	size_t size = (n + ALIGNED - 1) / ALIGNED * ALIGNED;

	if (size < n || size > AREA - used - far)
		return calloc(1, n);
	if (at_end)
		return start + AREA - (far += size);
	used += size;
	return start + used - size;
}

void *
memory_new(size_t n)
{
	return take(n, false);
}

void *
memory_many(size_t n)
{
	return take(n, true);
}

void
memory_free(void *p)
{
	if ((uintptr_t)p < (uintptr_t)area || (uintptr_t)p >= (uintptr_t)area + sizeof area)
		free(p);
}
