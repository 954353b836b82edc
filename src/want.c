/* SPDX-License-Identifier: ISC */
/* want: entries of fixed size.  A crash leaves an entry whose owner is dead; it is void, and goes when it is met. */
#include "want.h"

#include <errno.h>
#include <stddef.h>

#include "io.h"

/* The part of an entry that is read to find its place in the queue. */
#define WANT_HEAD offsetof(struct want, filter)

enum { HEADS = 16 };                    /* entries read at a time by who looks through all of them */

static uint64_t
at(uint32_t index)
{
	return (uint64_t)index * WANT_SIZE;
}

static int
read_bytes(int fd, uint32_t index, void *buf, size_t n)
{
	ssize_t got = io_pread(fd, buf, n, at(index));

	if (got == -1)
		return -1;
	if ((size_t)got < n)
		memset((char *)buf + got, 0, n - (size_t)got);
	return 0;
}

int
want_read(int fd, uint32_t index, struct want *w)
{
	if (read_bytes(fd, index, w, sizeof *w) == -1)
		return -1;
	if (w->owner == 0 || filter_ok(&w->filter))
		return 0;
	errno = EBADMSG;
	return -1;
}

int
want_read_head(int fd, uint32_t index, struct want *w)
{
	return read_bytes(fd, index, w, WANT_HEAD);
}

int
want_write(int fd, uint32_t index, const struct want *w)
{
	return io_pwrite(fd, w, sizeof *w, at(index));
}

int
want_mark(int fd, uint32_t index, uint64_t mark)
{
	return io_pwrite(fd, &mark, sizeof mark, at(index) + offsetof(struct want, mark));
}

int
want_looked(int fd, uint32_t index, uint64_t looked_ns)
{
	return io_pwrite(fd, &looked_ns, sizeof looked_ns, at(index) + offsetof(struct want, looked_ns));
}

int
want_void(int fd, uint32_t index)
{
	static const uint64_t none;

	return io_pwrite(fd, &none, sizeof none, at(index) + offsetof(struct want, owner));
}

/* read_heads -- the heads of n entries from index on, HEADS at most, in entries of WANT_SIZE.  Returns 0, or -1. */
static int
read_heads(int fd, uint32_t index, uint32_t n, char *entries)
{
	size_t len = n == 1 ? WANT_HEAD : (size_t)n * WANT_SIZE;
	ssize_t got = io_pread(fd, entries, len, at(index));

	if (got == -1)
		return -1;
	memset(entries + got, 0, len - (size_t)got);
	return 0;
}

int
want_queue(int fd, uint32_t n, enum want_kind kind, bool asleep, struct want_place *places, uint32_t *kinds)
{
	char entries[HEADS * WANT_SIZE];
	struct want w;
	int found = 0, j;

	*kinds = 0;
	for (uint32_t i = 0; i < n && i < WANT_MAX; i++) {
		if (i % HEADS == 0 && read_heads(fd, i, n - i < HEADS ? n - i : HEADS, entries) == -1)
			return -1;
		memcpy(&w, entries + (size_t)(i % HEADS) * WANT_SIZE, WANT_HEAD);
		if (w.owner == 0)
			continue;
		*kinds |= w.kind < 32 ? 1U << w.kind : 0;
		if (w.kind != (uint32_t)kind || (asleep && w.mark != 0))
			continue;
		for (j = found++; j > 0 && places[j - 1].ticket > w.ticket; j--)
			places[j] = places[j - 1];
		places[j] = (struct want_place){ w.ticket, i };
	}
	return found;
}

int
want_free_place(int fd, uint32_t n)
{
	struct want w;

	for (uint32_t i = 0; i < n; i++) {
		if (read_bytes(fd, i, &w, WANT_HEAD) == -1)
			return -1;
		if (w.owner == 0)
			return (int)i;
	}
	return (int)n;
}

int
want_used(int fd, uint32_t n)
{
	struct want w;

	for (; n > 0; n--) {
		if (read_bytes(fd, n - 1, &w, WANT_HEAD) == -1)
			return -1;
		if (w.owner != 0)
			break;
	}
	return (int)n;
}
