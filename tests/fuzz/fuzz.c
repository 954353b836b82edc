/* SPDX-License-Identifier: ISC */
/* fuzz: see fuzz.h. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch[PATH_MAX];

void
fuzz_broken(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: broken: %s (errno %d, %s)\n", file, line, what, errno, strerror(errno));
	abort();
}

/* ---- an input, piece by piece ---- */

unsigned
bytes_byte(struct bytes *b)
{
	return b->p < b->end ? *b->p++ : 0;
}

unsigned
bytes_below(struct bytes *b, unsigned n)
{
	return bytes_byte(b) % n;
}

uint64_t
bytes_number(struct bytes *b)
{
	static const uint64_t bounds[] = {
		0, 1, 255, 256, 4095, 4096, 65535, 65536, 65537, 131072, INT32_MAX, UINT32_MAX, UINT32_MAX + UINT64_C(1),
		UINT64_C(1) << 40, (UINT64_C(1) << 48) - 1, UINT64_C(1) << 56, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX,
	};
	unsigned first = bytes_byte(b), kind = first >> 6;
	uint64_t n = 0;

	if (kind == 0)
		return first;
	if (kind == 1)
		return bounds[first % (sizeof bounds / sizeof bounds[0])] + bytes_byte(b) % 5 - 2;
	for (unsigned i = 0; i < (kind == 2 ? 2U : 8U); i++)
		n = n << 8 | bytes_byte(b);
	return n;
}

struct slice
bytes_slice(struct bytes *b, size_t max)
{
	size_t n = bytes_byte(b), left = (size_t)(b->end - b->p);
	struct slice s = { (const char *)b->p, 0 };

	s.len = n > max ? max : n;
	if (s.len > left)
		s.len = left;
	b->p += s.len;
	return s;
}

struct slice
bytes_rest(struct bytes *b)
{
	struct slice s = { (const char *)b->p, (size_t)(b->end - b->p) };

	b->p = b->end;
	return s;
}

void
text_add(struct text *t, const void *p, size_t n)
{
	if (t->room - t->len < n) {
		t->room = 2 * t->room + n;
		t->p = realloc(t->p, t->room);
		MUST(t->p != NULL);
	}
	if (n > 0)
		memcpy(t->p + t->len, p, n);
	t->len += n;
}

void
text_number(struct text *t, uint64_t n)
{
	char digits[24];

	text_add(t, digits, (size_t)snprintf(digits, sizeof digits, "%llu ", (unsigned long long)n));
}

/* ---- files ---- */

/* clear_in -- remove what is in dir_fd, which is closed. */
static void
clear_in(int dir_fd)
{
	DIR *d = fdopendir(dir_fd);
	const struct dirent *e;

	MUST(d != NULL);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || unlinkat(dir_fd, e->d_name, 0) == 0)
			continue;
		clear_in(openat(dir_fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
		unlinkat(dir_fd, e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
}

void
fuzz_clear(const char *name)
{
	int fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd != -1)
		clear_in(fd);
}

static void
leave(void)
{
	if (chdir(scratch) == 0)
		fuzz_clear(".");
	if (chdir("/") == 0)
		rmdir(scratch);
}

void
fuzz_scratch(void)
{
	const char *dir = getenv("TMPDIR");

	if (scratch[0] != '\0')
		return;
	snprintf(scratch, sizeof scratch, "%s/fuzz.XXXXXX", dir != NULL && *dir != '\0' ? dir : "/tmp");
	MUST(mkdtemp(scratch) != NULL && chdir(scratch) == 0);
	atexit(leave);
}

uint64_t
fuzz_disk(const char *name)
{
	DIR *d = opendir(name);
	const struct dirent *e;
	struct stat st;
	uint64_t sum = 0;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL)
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_blocks * 512;
	closedir(d);
	return sum;
}

int
fuzz_descriptors(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	MUST(fd != -1);
	close(fd);
	return fd;
}
