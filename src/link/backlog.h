/* SPDX-License-Identifier: ISC */
/*
 * backlog: bytes that wait until a pipe takes them: in memory, and beyond a bound in a file without a name.
 *
 * So whoever writes into the pipe need not wait for its reader, and memory is constant.
 */
#ifndef LINK_BACKLOG_H
#define LINK_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BACKLOG_MEMORY = 1024 * 1024 };

struct backlog {
	int to;                         /* the pipe, non-blocking; -1 closed */
	int file;                       /* -1 none yet */
	uint64_t from, end;             /* what waits in the file: behind all that is in memory */
	size_t start, stop;             /* what waits in memory */
	char memory[BACKLOG_MEMORY];
};

/* backlog_init -- for the writing end `to' of a pipe, which is made non-blocking.  Returns 0, or -1 of fcntl(2). */
int backlog_init(struct backlog *b, int to);

/* backlog_put -- add n bytes; once it is closed they are dropped.  Returns 0, or -1 with errno of tmpfile_open or write(2). */
int backlog_put(struct backlog *b, const void *p, size_t n);

/* backlog_waits -- whether there is something that waits. */
static inline bool
backlog_waits(const struct backlog *b)
{
	return b->start < b->stop || b->from < b->end;
}

/* backlog_write -- write what the pipe takes now.  Returns 0, or -1: EPIPE, or errno of read(2) or write(2). */
int backlog_write(struct backlog *b);

/* backlog_close -- close the pipe, and drop what waits. */
void backlog_close(struct backlog *b);

#endif
