/* SPDX-License-Identifier: ISC */
/* bootid: see bootid.h.  Nothing here outlives the machine: a crash leaves nothing. */
#include "base/bootid.h"

#include <fcntl.h>
#include <sys/stat.h>
#ifdef __linux__
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

int
bootid_place(int fd, struct bootid_place *place)
{
	struct stat st;
#ifdef __linux__
	struct statfs fs;
#endif

	if (fstat(fd, &st) == -1)
		return -1;
	*place = (struct bootid_place){ (uint64_t)st.st_ino, (uint64_t)st.st_dev, 0 };
#ifdef __linux__
	if (fstatfs(fd, &fs) == -1)
		return -1;
	place->kind = (unsigned long)fs.f_type & 0xffffffff;
#endif
	return 0;
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
