/* SPDX-License-Identifier: ISC */
/* ack: see ack.h.  A crash loses lines: their messages are delivered again. */
#include "deliver/ack.h"

#include <string.h>

#include "base/fail.h"
#include "base/io.h"
#include "base/num.h"

enum { LONGEST = NUM_DECIMAL_MAX + 1 };         /* bytes of a line, its newline apart */

ssize_t
ack_read(struct ack_lines *l, int fd)
{
	ssize_t n;

	memmove(l->text, l->text + l->at, l->end - l->at);
	l->end -= l->at;
	l->at = 0;
	n = io_read(fd, l->text + l->end, ACK_TEXT - l->end);
	if (n > 0)
		l->end += (uint32_t)n;
	return n;
}

int
ack_next(struct ack_lines *l, struct ack *ack)
{
	struct slice line = { l->text + l->at, l->end - l->at };
	const char *newline = memchr(line.p, '\n', line.len);

	if (newline == NULL && line.len <= LONGEST)
		return 0;
	if (newline != NULL)
		line.len = (size_t)(newline - line.p);
	l->wrong = line;
	ack->kind = ACK_ONE;
	if (line.len > 0 && line.p[0] == '-') {
		ack->kind = ACK_REFUSED;
		line.p++;
		line.len--;
	} else if (line.len > 0 && line.p[line.len - 1] == '+') {
		ack->kind = ACK_ALL;
		line.len--;
	}
	if (newline == NULL || num_parse(line, &ack->id) == -1 || ack->id == 0)
		return fail_with(EBADMSG);
	l->at = (uint32_t)(newline + 1 - l->text);
	return 1;
}
