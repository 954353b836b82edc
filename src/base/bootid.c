/* SPDX-License-Identifier: ISC */
/* boot: reads, and a mark in memory; a crash leaves nothing. */
#include "base/bootid.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/io.h"

enum { ID_BYTES = 36 };                 /* a UUID in text */

/* two sums of 32 bits, each with a start of its own, make one of 64 */
static uint64_t
sum64(const void *p, size_t n)
{
	return (uint64_t)hash_sum(p, n) << 32 | hash_sum((const char *)p + 1, n - 1);
}

uint64_t
bootid_get(void)
{
	char text[ID_BYTES];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : io_read_full(fd, text, sizeof text);

	io_close(fd);
	return n == ID_BYTES ? sum64(text, sizeof text) : 0;
}

int
bootid_place(int fd, uint64_t *place)
{
	struct stat st;
	uint64_t which[2];

	if (fstat(fd, &st) == -1)
		return -1;
	which[0] = (uint64_t)st.st_ino;
	which[1] = (uint64_t)st.st_dev;
	*place = sum64(which, sizeof which);
	return 0;
}

#if defined F_GET_RW_HINT && defined F_SET_RW_HINT

enum { SHORT_LIVED = 2 };               /* RWH_WRITE_LIFE_SHORT: which is true of what it stands on */

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

#else

void
bootid_mark(int fd)
{
	(void)fd;
}

bool
bootid_marked(int fd)
{
	(void)fd;
	return false;
}

#endif
