/* SPDX-License-Identifier: ISC */
/* memory: see memory.h. */
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>

enum {
	AREA = 2 << 20,                 /* bytes: enough for a receiver with its run and two senders */
	PAGE = 4096,                    /* what is large begins on one: its small members, which stand first, share it */
};

static _Alignas(PAGE) char area[AREA];
static size_t used;

void *
memory_new(size_t n)
{
	size_t padded = (n + PAGE - 1) / PAGE * PAGE;
	void *p;

	if (padded > AREA - used)
		return calloc(1, n);
	p = area + used;
	used += padded;
	return p;
}

void
memory_free(void *p)
{
	if ((uintptr_t)p < (uintptr_t)area || (uintptr_t)p >= (uintptr_t)area + AREA)
		free(p);
}
