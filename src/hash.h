/* SPDX-License-Identifier: ISC */
/* hash: a checksum that tells torn or half-written bytes from whole ones.  No defence against malice. */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

/* hash_sum -- the checksum of n bytes; never 0. */
uint32_t hash_sum(const void *p, size_t n);

#endif
