/* SPDX-License-Identifier: ISC */
/*
 * memory: zeroed memory for the few large objects of a tool, and what keeps a one-shot to few pages.
 *
 * It comes from a static area until that is used up, then from calloc(3): the first allocation of a process makes as
 * many system calls as the rest of a one-shot send or receive.  A page of the area that is never touched costs nothing.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/*
 * Each page that a one-shot touches costs it a page fault, more than a system call.
 *
 * OUT_OF_LINE -- a function with much on its stack that is seldom called: its frame is not its caller's.
 * LARGE -- a large static object: it stands behind all small ones, which share a page.
 * COLD -- a function that is seldom called: it stands apart, and so do the branches that lead to it.
 */
#define OUT_OF_LINE __attribute__((noinline))
#define LARGE __attribute__((section(".bss.large")))
#define COLD __attribute__((cold))

/*
 * memory_new -- n bytes, all zero.  What a single message touches stands first in them, beside what was asked for before.
 * memory_many -- the same for what only many messages touch: it stands apart.
 * Return NULL with ENOMEM.
 */
void *memory_new(size_t n);
void *memory_many(size_t n);

/* memory_free -- free what these returned, or NULL.  Memory of the area is not used again. */
void memory_free(void *p);

#endif
