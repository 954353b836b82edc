/* SPDX-License-Identifier: ISC */
/*
 * memory: zeroed memory for the few large objects of a tool.
 *
 * It comes from a static area until that is used up, then from calloc(3): the first allocation of a process makes as
 * many system calls as the rest of a one-shot send or receive.  A page of the area that is never touched costs nothing.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/* memory_new -- n bytes, all zero.  Returns NULL with ENOMEM. */
void *memory_new(size_t n);

/* memory_free -- free what memory_new returned, or NULL.  Memory of the area is not used again. */
void memory_free(void *p);

#endif
