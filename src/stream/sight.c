/* SPDX-License-Identifier: ISC */
/* sight: see sight.h. */
#include "stream/sight.h"

enum look
sight_look(struct sight *s, const char *line, size_t have, bool cont)
{
	size_t min = cont ? SIGHT_CONTINUATION_MIN : SIGHT_FRAME_MIN;
	size_t max = have < FRAME_HEADER_MAX ? have : FRAME_HEADER_MAX;
	const char *newline = memchr(line, '\n', max);

	s->head_len = newline != NULL ? (size_t)(newline - line) + 1 : max;
	if (frame_parse(&s->frame, line, s->head_len, &s->bad) == 0) {
		if (s->frame.continuation && !cont) {
			s->bad = s->head_len - 1;
			return LOOK_BAD;
		}
		s->total = s->head_len + s->frame.len + 1;
		return LOOK_HEAD;
	}
	if (s->bad < have)
		return line[s->bad] == FRAME_CUT ? LOOK_CUT : LOOK_BAD;
	if (s->frame.tag.p != NULL)
		s->need = 1 + s->frame.len + 1; /* the header's newline, the payload, its newline */
	else
		s->need = have < min ? min - have : 1;
	return LOOK_PART;
}

size_t
sight_cuts(const char *p, size_t n)
{
	size_t cuts = 0;

	while (cuts < n && p[cuts] == FRAME_CUT)
		cuts++;
	return cuts;
}
