/* SPDX-License-Identifier: ISC */
/*
 * mend: see mend.h.
 *
 * Nothing is taken away: a reader that follows the file may stand in the middle of what was left.  What is added tells
 * it, and any other, that the message was cut short.  A crash here leaves an end to be mended as well.
 */
#include "stream/mend.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/io.h"
#include "frame/frame.h"

enum { BLOCK = 8 * 1024 };

static const char BEGINS[] = "\nM1 ";   /* the newline of the frame before, and what any header line begins with */
enum { BEGINS_LEN = sizeof BEGINS - 1 };

size_t
mend_unlike_header(const char *payload, size_t n)
{
	const char *end = payload + n, *line = payload;

	while (line != NULL && end - line >= BEGINS_LEN - 1) {
		/* the next chunk begins behind the M */
		if (memcmp(line, BEGINS + 1, BEGINS_LEN - 1) == 0)
			return (size_t)(line - payload) + 1;
		line = find_byte(line, end, '\n');
		if (line != NULL)
			line++;
	}
	return n;
}

/* read_all -- n bytes that the file has.  Returns 0, or -1: EBADMSG where it has become shorter. */
static int
read_all(int fd, char *to, size_t n, uint64_t at)
{
	ssize_t got = io_pread(fd, to, n, at);

	return got == (ssize_t)n ? 0 : got == -1 ? -1 : fail_with(EBADMSG);
}

/* last_header -- find the last line that begins as a header line.  Returns 1 with *at, 0 none near the end, or -1. */
static int
last_header(int fd, uint64_t end, uint64_t *at)
{
	char buf[BLOCK + BEGINS_LEN - 1];
	uint64_t pos = end;
	size_t n, have = 0;

	while (pos > 0 && end - pos < MEND_FRAME_MAX) {
		n = pos < BLOCK ? (size_t)pos : BLOCK;
		have = have < BEGINS_LEN - 1 ? have : BEGINS_LEN - 1;
		memmove(buf + n, buf, have);
		pos -= n;
		if (read_all(fd, buf, n, pos) == -1)
			return -1;
		have += n;
		for (size_t i = have; i-- > 0;) {
			if (buf[i] != '\n' || have - i < BEGINS_LEN || memcmp(buf + i, BEGINS, BEGINS_LEN) != 0)
				continue;
			*at = pos + i + 1;
			return 1;
		}
	}
	*at = 0;
	return pos == 0;
}

/* missing -- how many bytes FRAME_CUT a file of end bytes lacks, at most MEND_FRAME_MAX; or -1. */
static int64_t
missing(int fd, uint64_t end)
{
	char line[FRAME_HEADER_MAX];
	const char *newline;
	struct frame f;
	uint64_t at, frame_end;
	size_t n, bad;
	int found = end == 0 ? 0 : last_header(fd, end, &at);

	if (found != 1)
		return found;
	n = end - at < sizeof line ? (size_t)(end - at) : sizeof line;
	if (read_all(fd, line, n, at) == -1)
		return -1;
	newline = memchr(line, '\n', n);
	if (newline == NULL)            /* a header line that breaks off, or no frame */
		return frame_parse(&f, line, n, &bad) == -1 && bad == n;
	if (frame_parse(&f, line, (size_t)(newline - line) + 1, NULL) == -1)
		return 0;
	frame_end = at + (size_t)(newline - line) + 1 + f.len + 1;
	if (frame_end >= end)
		return frame_end - end <= MEND_FRAME_MAX ? (int64_t)(frame_end - end) : 0;
	/* a header line of which there is even less */
	if (end - frame_end >= BEGINS_LEN - 1)
		return 0;
	if (read_all(fd, line, (size_t)(end - frame_end), frame_end) == -1)
		return -1;
	return memcmp(line, BEGINS + 1, (size_t)(end - frame_end)) == 0;
}

int
mend_end(int fd, int *look, uint64_t *end)
{
	char cut[BLOCK], path[32];
	int64_t lacks;
	size_t n;

	if (*look == -1 && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY)
		*look = fd;
	if (*look == -1) {
		/* never closed: that would drop the lock */
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		*look = open(path, O_RDONLY | O_CLOEXEC);
	}
	lacks = *look == -1 ? 0 : missing(*look, *end);
	memset(cut, FRAME_CUT, sizeof cut);
	for (; lacks > 0; lacks -= (int64_t)n) {
		n = lacks < BLOCK ? (size_t)lacks : BLOCK;
		if (io_write(fd, cut, n) == -1)
			return -1;
		*end += n;
	}
	return (int)lacks;
}

enum { MARK_MAX = 40 };                 /* binary digits of the bytes that a mark stands for */

void
mend_mark(int fd, uint64_t bytes)
{
	int digits = 0;

	while (bytes >> digits != 0)
		digits++;
	if (digits <= MARK_MAX)
		fcntl(fd, F_SETSIG, digits);
}

uint64_t
mend_marked(int fd)
{
	int digits = fcntl(fd, F_GETSIG);

	return digits > 0 && digits <= MARK_MAX ? UINT64_C(1) << digits : 0;
}
