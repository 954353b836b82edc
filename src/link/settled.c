/* SPDX-License-Identifier: ISC */
/* settled: see settled.h. */
#include "link/settled.h"

#include "base/fail.h"
#include "base/io.h"

size_t
settled_line(char *out, struct settled s)
{
	char *p = out;

	if (s.refused)
		*p++ = '-';
	p += num_decimal(p, s.id);
	if (s.before)
		*p++ = '+';
	*p++ = '\n';
	return (size_t)(p - out);
}

int
settled_parse(struct slice line, struct settled *s)
{
	*s = (struct settled){ .id = 0 };
	if (line.len > 0 && line.p[0] == '-') {
		s->refused = true;
		line.p++;
		line.len--;
	} else if (line.len > 0 && line.p[line.len - 1] == '+') {
		s->before = true;
		line.len--;
	}
	return num_parse(line, &s->id);
}

int
settled_read(struct settled_lines *l, int fd)
{
	ssize_t got;

	if (l->start > 0) {
		memmove(l->buf, l->buf + l->start, l->end - l->start);
		l->end -= l->start;
		l->start = 0;
	}
	got = io_read(fd, l->buf + l->end, sizeof l->buf - l->end);
	if (got == -1)
		return -1;
	l->ended = got == 0;
	l->end += (size_t)got;
	return 0;
}

int
settled_next(struct settled_lines *l, struct settled *s)
{
	const char *line = l->buf + l->start;
	const char *newline = find_byte(line, l->buf + l->end, '\n');

	if (newline == NULL)
		return l->end - l->start > SETTLED_MAX ? fail_with(EINVAL) : 0;
	l->start += (size_t)(newline - line) + 1;
	return settled_parse((struct slice){ line, (size_t)(newline - line) }, s) == -1 ? -1 : 1;
}
