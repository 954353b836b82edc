/* SPDX-License-Identifier: ISC */
/*
 * fuzz: what the fuzz targets share.
 *
 * A target is one file with LLVMFuzzerTestOneInput.  libFuzzer calls it ("make fuzz"), or run.c with each file of its
 * corpus ("make check").  What goes wrong ends in abort(3), or in a sanitizer's report.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* MUST -- what is promised; where it does not hold, say so and abort. */
#define MUST(what) ((what) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #what))

_Noreturn void fuzz_broken(const char *file, int line, const char *what);

/* The bytes of an input that are left. */
struct bytes {
	const uint8_t *p, *end;
};

/* bytes_byte -- the next byte; 0 at the end. */
unsigned bytes_byte(struct bytes *b);

/* bytes_below -- a number below n, which is at most 256. */
unsigned bytes_below(struct bytes *b, unsigned n);

/* bytes_number -- a number of any size: often a small one, or one that lies at a bound. */
uint64_t bytes_number(struct bytes *b);

/* bytes_slice -- at most max bytes, how many being the next byte. */
struct slice bytes_slice(struct bytes *b, size_t max);

/* bytes_rest -- all that is left. */
struct slice bytes_rest(struct bytes *b);

/* Text that grows. */
struct text {
	char *p;
	size_t len, room;
};

void text_add(struct text *t, const void *p, size_t n);
void text_number(struct text *t, uint64_t n);           /* with a space behind it */

/* fuzz_scratch -- make a directory in $TMPDIR the current one; what is in it goes when the process ends. */
void fuzz_scratch(void);

/* fuzz_clear -- remove all that is in the directory named name, and in what is below it; it need not be there. */
void fuzz_clear(const char *name);

/* fuzz_disk -- the bytes of disk in use by the files in the directory named name. */
uint64_t fuzz_disk(const char *name);

/* fuzz_descriptors -- how many descriptors are open, as far as the first gap. */
int fuzz_descriptors(void);

#endif
