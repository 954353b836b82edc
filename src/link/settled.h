/* SPDX-License-Identifier: ISC */
/*
 * settled: acknowledgement lines: ID is settled; ID+ and all written before it are; -ID is refused.
 */
#ifndef LINK_SETTLED_H
#define LINK_SETTLED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/num.h"

enum { SETTLED_MAX = 1 + NUM_DECIMAL_MAX + 1 };         /* bytes of a line without its newline, at most */

struct settled {
	uint64_t id;
	bool before;            /* ID+ */
	bool refused;           /* -ID */
};

/* settled_line -- write the line, its newline included, to out (SETTLED_MAX + 1 bytes).  Returns the bytes. */
size_t settled_line(char *out, struct settled s);

/* settled_parse -- read a line, without its newline.  Returns 0 with *s, or -1 with EINVAL. */
int settled_parse(struct slice line, struct settled *s);

/* What has been read of such lines: zero at first. */
struct settled_lines {
	char buf[4096];
	size_t start, end;
	bool ended;             /* nothing comes any more; a last line without its newline does not count */
};

/*
 * settled_read -- read(2) once from fd, which is readable: before it all lines were taken by settled_next.
 * Returns 0, or -1 with errno.
 */
int settled_read(struct settled_lines *l, int fd);

/* settled_next -- the next line.  Returns 1, 0 there is none yet, or -1 with EINVAL: it is no acknowledgement. */
int settled_next(struct settled_lines *l, struct settled *s);

#endif
