/* SPDX-License-Identifier: ISC */
/* sight: see sight.h.  It takes nothing out of the stream. */
#include "stream/sight.h"

#include <limits.h>
#include <poll.h>
#include <string.h>

#include "base/io.h"
#include "base/splice.h"

enum look
sight_look(struct sight *s, const char *line, size_t have, bool cont)
{
	size_t min = cont ? SIGHT_CONTINUATION_MIN : SIGHT_FRAME_MIN;
	size_t max = have < FRAME_HEADER_MAX ? have : FRAME_HEADER_MAX;
	const char *newline = find_byte(line, line + max, '\n');

	s->rest = false;
	s->head_len = newline != NULL ? (size_t)(newline - line) + 1 : max;
	if (frame_parse(&s->frame, line, s->head_len, &s->bad) == 0) {
		s->total = s->head_len + s->frame.len + 1;
		s->rest = s->frame.continuation && !cont;
		s->bad = s->head_len - 1;
		return s->rest ? LOOK_BAD : LOOK_HEAD;
	}
	if (s->bad < have)
		return line[s->bad] == FRAME_CUT ? LOOK_CUT : LOOK_BAD;
	if (s->frame.tag.p != NULL)
		s->need = 1 + s->frame.len + 1; /* the header's newline, the payload, its newline */
	else
		s->need = have < min ? min - have : 1;
	return LOOK_PART;
}

bool
sight_whole(const char *p, size_t n)
{
	const char *end = p + n, *newline;
	uint64_t len;

	if (n < SIGHT_FRAME_MIN || memcmp(p, "M1 ", 3) != 0)
		return false;
	p += 3;
	if (!num_scan(&p, end, &len) || p == end || *p != ' ')
		return false;
	newline = find_byte(p, end, '\n');
	return newline != NULL && len < (uint64_t)(end - newline) - 1;
}

bool
sight_rest(const char *p, size_t n)
{
	struct sight s;

	return sight_look(&s, p, n, false) == LOOK_BAD && s.rest;
}

size_t
sight_cuts(const char *p, size_t n)
{
	size_t cuts = 0;

	while (cuts < n && p[cuts] == FRAME_CUT)
		cuts++;
	return cuts;
}

int
sight_stroke(int fd, int ends[2], bool cont, uint64_t *n)
{
	char head[PIPE_BUF];
	int seen_end;
	struct sight s;
	ssize_t have = splice_peek(fd, ends, head, sizeof head);
	enum look seen = have > 0 ? sight_look(&s, head, (size_t)have, cont) : LOOK_CUT;

	if (have <= 0 || seen == LOOK_CUT || (seen == LOOK_BAD && !s.rest) || (seen == LOOK_PART && have == sizeof head))
		return 1;
	if (seen != LOOK_PART && s.total > sizeof head)
		return 1;
	if (seen != LOOK_PART && s.total <= (uint64_t)have) {
		*n = s.total;
		return 1;
	}
	/* no more of it comes where no writer is left */
	seen_end = io_ready(fd, POLLIN);
	return seen_end != -1 && (seen_end & POLLHUP) != 0;
}

enum scan
sight_scan(const char *buf, size_t end, size_t *at, bool *cont, uint64_t *need)
{
	struct sight s;

	do {
		switch (sight_look(&s, buf + *at, end - *at, *cont)) {
		case LOOK_BAD:
			return SCAN_BAD;
		case LOOK_CUT:
			*at += s.bad;
			*at += sight_cuts(buf + *at, end - *at);
			return SCAN_WHOLE;
		case LOOK_PART:
			*need = s.need;
			return *cont ? SCAN_PART_CHUNKED : SCAN_PART;
		case LOOK_HEAD:
			if (*cont && !s.frame.continuation)
				return SCAN_WHOLE;      /* cut short: the next message begins here */
			if (s.total > end - *at) {
				*need = s.total - (end - *at);
				return *cont || s.frame.more ? SCAN_PART_CHUNKED : SCAN_PART;
			}
			*at += (size_t)s.total;
			*cont = s.frame.more;
		}
	} while (*cont);
	return SCAN_WHOLE;
}
