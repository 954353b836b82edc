/* SPDX-License-Identifier: ISC */
/* once: heads and rings.  A crash leaves entries that do not count, or a head that is void: a window is begun anew. */
#include "mailbox/disk/once.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/safefile.h"
#include "mailbox/mode.h"

/* A window's head stands in a page of its own, what is kept in the same sector, its ring behind that. */
#define PAGE UINT64_C(4096)
#define KEPT UINT64_C(128)
#define WINDOW (PAGE + ONCE_RING * sizeof(struct once_entry))

_Static_assert(sizeof(struct once_entry) == 16, "letterbox(5) says so");

int
once_open(int dir_fd, unsigned mode)
{
	return mode_shared(mode) ? safefile_open_own(dir_fd, "once", O_RDWR) : safefile_open_plain(dir_fd, "once", O_RDWR);
}

int
once_read_head(int fd, uint32_t i, struct once_head *head)
{
	ssize_t n = io_pread(fd, head, sizeof *head, i * WINDOW);

	if (n == -1)
		return -1;
	return n == sizeof *head && head->sum == hash_sum(head, offsetof(struct once_head, sum)) && head->taken <= INT64_MAX;
}

int
once_write_head(int fd, uint32_t i, struct once_head *head)
{
	head->sum = hash_sum(head, offsetof(struct once_head, sum));
	return io_pwrite(fd, head, sizeof *head, i * WINDOW);
}

int
once_read_kept(int fd, uint32_t i, const struct once_head *head, struct once_kept *kept)
{
	ssize_t n = io_pread(fd, kept, sizeof *kept, i * WINDOW + KEPT);

	if (n == -1)
		return -1;
	if (n != sizeof *kept || kept->sum != hash_sum(kept, offsetof(struct once_kept, sum)) || kept->born != head->born)
		*kept = (struct once_kept){ .born = head->born };
	return 0;
}

int
once_write_kept(int fd, uint32_t i, struct once_kept *kept)
{
	kept->sum = hash_sum(kept, offsetof(struct once_kept, sum));
	return io_pwrite(fd, kept, sizeof *kept, i * WINDOW + KEPT);
}

/* piece -- how many of n entries from number `at' on stand in one piece.  offset: gets where. */
static uint32_t
piece(uint32_t i, uint64_t at, uint32_t n, uint64_t *offset)
{
	uint32_t place = (uint32_t)(at % ONCE_RING);

	*offset = i * WINDOW + PAGE + place * sizeof(struct once_entry);
	return n < ONCE_RING - place ? n : ONCE_RING - place;
}

int
once_read(int fd, uint32_t i, uint64_t at, struct once_entry *entries, uint32_t n)
{
	uint64_t offset;
	ssize_t got;

	for (uint32_t step; n > 0; n -= step, at += step, entries += step) {
		step = piece(i, at, n, &offset);
		got = io_pread(fd, entries, step * sizeof *entries, offset);
		if (got == -1)
			return -1;
		memset((char *)entries + got, 0, step * sizeof *entries - (size_t)got);
	}
	return 0;
}

int
once_write(int fd, uint32_t i, uint64_t at, const struct once_entry *entries, uint32_t n)
{
	uint64_t offset;

	for (uint32_t step; n > 0; n -= step, at += step, entries += step) {
		step = piece(i, at, n, &offset);
		if (io_pwrite(fd, entries, step * sizeof *entries, offset) == -1)
			return -1;
	}
	return 0;
}
