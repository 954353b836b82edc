/* SPDX-License-Identifier: ISC */
/*
 * memory: zeroed memory for the few large things that a tool opens.
 *
 * It comes from an area of the program's own while that lasts, and from calloc(3) then: the first allocation of a process
 * costs system calls, as many as the rest of a one-shot send or receive.  A page of it that nobody touches costs nothing.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

/* memory_new -- n bytes, all zero.  Returns NULL with ENOMEM. */
void *memory_new(size_t n);

/* memory_free -- give back what memory_new gave, or NULL; what came from the area stays used. */
void memory_free(void *p);

#endif
