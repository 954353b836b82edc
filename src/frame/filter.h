/* SPDX-License-Identifier: ISC */
/*
 * filter: which messages a receiver wants, by globs on tag and source.
 *
 * Its text is what a mailbox's want table has: for each pattern a byte for the kind ('t' tag, 's' source, 'T' not this
 * tag, 'S' not this source), the pattern, a NUL.  Globs are fnmatch(3)'s in the C locale.
 */
#ifndef FRAME_FILTER_H
#define FRAME_FILTER_H

#include <stdint.h>

#include "base/bytes.h"

enum {
	FILTER_TEXT_MAX = 944,          /* bytes of a filter, kinds and NULs included */
	FILTER_NO_MATCH = 255,          /* the rank of a name that does not match */
};

struct filter {
	uint16_t len;                   /* bytes of text in use; 0 wants every message */
	char text[FILTER_TEXT_MAX];
};

/*
 * filter_add -- add a pattern of kind 't', 's', 'T' or 'S'.
 * Returns 0, or -1: EINVAL for an empty pattern or one over 255 bytes, E2BIG where the filter would be too long or have
 * more than 254 patterns of the kind.
 */
int filter_add(struct filter *f, char kind, const char *pattern);

/*
 * filter_rank_tag, filter_rank_source -- the place of the first pattern that matches the name, from 0; also 0 where the
 * filter has none of that kind.  FILTER_NO_MATCH where none matches or an exclusion does.
 */
unsigned char filter_rank_tag(const struct filter *f, struct slice tag);
unsigned char filter_rank_source(const struct filter *f, struct slice source);

/* filter_match -- whether a message with this tag and source is wanted. */
bool filter_match(const struct filter *f, struct slice tag, struct slice source);

/* filter_ok -- whether a filter read from a file is well formed: its length, kinds and NULs. */
bool filter_ok(const struct filter *f);

#endif
