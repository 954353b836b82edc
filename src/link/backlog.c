/* SPDX-License-Identifier: ISC */
/* backlog: see backlog.h.  While anything waits in the file, all that comes goes there: the order stays. */
#include "link/backlog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "frame/tmpfile.h"

int
backlog_init(struct backlog *b, int to)
{
	b->to = to;
	b->file = -1;
	b->from = b->end = 0;
	b->start = b->stop = 0;
	return fcntl(to, F_SETFL, O_NONBLOCK);
}

static int
put_file(struct backlog *b, const void *p, size_t n)
{
	if (b->file == -1 && (b->file = tmpfile_open()) == -1)
		return -1;
	if (io_write(b->file, p, n) == -1)
		return -1;
	b->end += n;
	return 0;
}

int
backlog_put(struct backlog *b, const void *p, size_t n)
{
	if (b->to == -1)
		return 0;
	if (b->from < b->end || n > BACKLOG_MEMORY - (b->stop - b->start))
		return put_file(b, p, n);
	if (n > BACKLOG_MEMORY - b->stop) {
		memmove(b->memory, b->memory + b->start, b->stop - b->start);
		b->stop -= b->start;
		b->start = 0;
	}
	memcpy(b->memory + b->stop, p, n);
	b->stop += n;
	return 0;
}

/*
 * fetch -- memory is empty: take up what waits in the file, whose disk is given back at once where the file system can:
 * under a steady load it is never empty.  Returns 0, or -1.
 */
static int
fetch(struct backlog *b)
{
	uint64_t n = b->end - b->from;
	ssize_t got;

	b->start = b->stop = 0;
	if (n == 0)
		return 0;
	got = io_pread(b->file, b->memory, n < BACKLOG_MEMORY ? (size_t)n : BACKLOG_MEMORY, b->from);
	if (got == -1)
		return -1;
	b->stop = (size_t)got;
	(void)fallocate(b->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)b->from, got);
	b->from += (uint64_t)got;
	if (b->from < b->end)
		return 0;
	b->from = b->end = 0;
	return ftruncate(b->file, 0);
}

int
backlog_write(struct backlog *b)
{
	ssize_t put;

	while (backlog_waits(b)) {
		if (b->start == b->stop && fetch(b) == -1)
			return -1;
		put = write(b->to, b->memory + b->start, b->stop - b->start);
		if (put == -1 && errno == EAGAIN)
			return 0;
		if (put == -1 && errno != EINTR)
			return -1;
		b->start += put > 0 ? (size_t)put : 0;
	}
	b->start = b->stop = 0;
	return 0;
}

void
backlog_close(struct backlog *b)
{
	io_close(b->to);
	io_close(b->file);
	b->to = b->file = -1;
	b->from = b->end = 0;
	b->start = b->stop = 0;
}
