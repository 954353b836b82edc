/* SPDX-License-Identifier: ISC */
/* bootid: see bootid.h.  Nothing here outlives the machine: a crash leaves nothing. */
#include "base/bootid.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <sys/vfs.h>
#endif

#include "base/hash.h"
#include "base/io.h"

/* Linux 4.13; elsewhere fcntl(2) refuses them */
#ifndef F_SET_RW_HINT
#define F_GET_RW_HINT 1035
#define F_SET_RW_HINT 1036
#endif

enum {
	ID_BYTES = 36,                  /* a UUID in text */
	SHORT_LIVED = 2,                /* RWH_WRITE_LIFE_SHORT: true of the files that are marked */
	FUSE = 0x65735546,              /* FUSE_SUPER_MAGIC of linux/magic.h */
};

/* sum64 -- a sum of 64 bits, made of two of 32 that start a byte apart. */
static uint64_t
sum64(const void *p, size_t n)
{
	return (uint64_t)hash_sum(p, n) << 32 | hash_sum((const char *)p + 1, n - 1);
}

uint64_t
bootid_get(void)
{
	char text[ID_BYTES + 1];
	size_t n = io_read_proc("/proc/sys/kernel/random/boot_id", text, sizeof text);

	return n == ID_BYTES ? sum64(text, n) : 0;
}

/* birth -- a sum of the time at which the file fd was made; 0 where that is not known. */
static uint32_t
birth(int fd)
{
#ifdef SYS_statx
	/* struct statx of linux/stat.h, which not every libc has */
	struct { uint32_t mask, pad[19]; int64_t sec; uint32_t nsec, more[41]; } stx = { 0 };
	const int empty_path = 0x1000;
	const uint32_t btime = 0x800;

	_Static_assert(sizeof stx == 256, "the kernel's size");
	if (syscall(SYS_statx, fd, "", empty_path, btime, &stx) == 0 && stx.mask & btime)
		return hash_sum(&stx.sec, sizeof stx.sec + sizeof stx.nsec) | 1;
#else
	(void)fd;
#endif
	return 0;
}

int
bootid_place(int fd, struct bootid_place *place)
{
	struct stat st;
#ifdef __linux__
	struct statfs fs;
#endif

	if (fstat(fd, &st) == -1)
		return -1;
	*place = (struct bootid_place){ .ino = (uint64_t)st.st_ino, .dev = (uint64_t)st.st_dev, .born = birth(fd) };
#ifdef __linux__
	if (fstatfs(fd, &fs) == -1)
		return -1;
	place->kind = (uint32_t)fs.f_type;
#endif
	return 0;
}

bool
bootid_same(const struct bootid_place *a, const struct bootid_place *b)
{
	return a->ino == b->ino && a->dev == b->dev && (a->born == b->born || a->born == 0 || b->born == 0);
}

bool
bootid_views(const struct bootid_place *a, const struct bootid_place *b)
{
	return a->ino == b->ino && a->dev != b->dev && (a->kind == FUSE) != (b->kind == FUSE);
}

void
bootid_mark(int fd)
{
	uint64_t hint = SHORT_LIVED;

	fcntl(fd, F_SET_RW_HINT, &hint);
}

bool
bootid_marked(int fd)
{
	uint64_t hint = 0;

	return fcntl(fd, F_GET_RW_HINT, &hint) == 0 && hint == SHORT_LIVED;
}
