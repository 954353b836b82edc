/* SPDX-License-Identifier: ISC */
/* due: a heap in a file.  A crash leaves an entry twice, or none of it: the heap is then written anew (delay.h). */
#include "mailbox/disk/due.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/io.h"

/* entry_at -- where an entry stands: so that those below one begin at a multiple of their bytes. */
static uint64_t
entry_at(uint64_t i)
{
	return (i + DUE_WAYS - 1) * DUE_ENTRY;
}

static int
get(int fd, uint64_t i, struct due *entries, size_t n)
{
	ssize_t got = io_pread(fd, entries, n * sizeof *entries, entry_at(i));

	if (got == -1)
		return -1;
	return (size_t)got == n * sizeof *entries ? 0 : fail_with(EBADMSG);
}

static int
put(int fd, uint64_t i, const struct due *entry)
{
	return io_pwrite(fd, entry, sizeof *entry, entry_at(i));
}

static int
by_time(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	return x->time_us != y->time_us ? (x->time_us > y->time_us) - (x->time_us < y->time_us)
	    : (x->id > y->id) - (x->id < y->id);
}

int
due_first(int fd, struct due *first)
{
	return get(fd, 0, first, 1);
}

int
due_push(int fd, uint64_t n, const struct due *entry)
{
	struct due above;

	for (uint64_t up; n > 0; n = up) {
		up = (n - 1) / DUE_WAYS;
		if (get(fd, up, &above, 1) == -1)
			return -1;
		if (by_time(&above, entry) <= 0)
			break;
		if (put(fd, n, &above) == -1)
			return -1;
	}
	return put(fd, n, entry);
}

int
due_pop(int fd, uint64_t n)
{
	struct due last, below[DUE_WAYS];
	uint64_t i = 0, from, ways, first;

	if (n == 1)
		return 0;
	if (get(fd, --n, &last, 1) == -1)
		return -1;
	while ((from = i * DUE_WAYS + 1) < n) {
		ways = n - from < DUE_WAYS ? n - from : DUE_WAYS;
		if (get(fd, from, below, (size_t)ways) == -1)
			return -1;
		first = 0;
		for (uint64_t j = 1; j < ways; j++)
			if (by_time(&below[j], &below[first]) < 0)
				first = j;
		if (by_time(&last, &below[first]) <= 0)
			break;
		if (put(fd, i, &below[first]) == -1)
			return -1;
		i = from + first;
	}
	return put(fd, i, &last);
}

int
due_fill(int fd, struct due *entries, size_t n)
{
	if (n > 1)
		qsort(entries, n, sizeof *entries, by_time);
	/* in place, so that a full disk has room for what was there before */
	if (n > 0 && io_pwrite(fd, entries, n * sizeof *entries, entry_at(0)) == -1)
		return -1;
	return ftruncate(fd, (off_t)entry_at(n));
}
