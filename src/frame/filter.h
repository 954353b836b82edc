/* SPDX-License-Identifier: ISC */
/*
 * filter: which messages a receiver wants, by globs on tag and source.
 *
 * A filter is kept as it is posted in a mailbox's want table: a byte that tells the kind ('t' tag, 's' source,
 * 'T' not this tag, 'S' not this source), the pattern, a NUL; and so on.  Globs are fnmatch(3)'s in the C locale.
 */
#ifndef FRAME_FILTER_H
#define FRAME_FILTER_H

#include <stdint.h>

#include "base/bytes.h"

enum {
	FILTER_TEXT_MAX = 944,          /* bytes of a filter, the kinds and NULs included */
	FILTER_NO_MATCH = 255,          /* the rank of what does not match */
};

struct filter {
	uint16_t len;                   /* bytes of text in use; 0 wants every message */
	char text[FILTER_TEXT_MAX];
};

/*
 * filter_add -- add a pattern of kind 't', 's', 'T' or 'S'.
 * Returns 0, or -1: EINVAL for an empty pattern or one over 255 bytes, E2BIG for a filter that gets too long
 * or too many patterns of a kind (254).
 */
int filter_add(struct filter *f, char kind, const char *pattern);

/*
 * filter_rank_tag, filter_rank_source -- how soon a name is wanted: 0 for a match of the first pattern of that
 * kind (or where there is none), 1 of the second ...; FILTER_NO_MATCH where none matches or an exclusion does.
 */
unsigned char filter_rank_tag(const struct filter *f, struct slice tag);
unsigned char filter_rank_source(const struct filter *f, struct slice source);

/* filter_match -- whether a message with this tag and source is wanted. */
bool filter_match(const struct filter *f, struct slice tag, struct slice source);

/* filter_ordered -- whether the filter has two or more 't' or 's' patterns, so that ranks may differ. */
bool filter_ordered(const struct filter *f);

/* filter_ok -- whether text read from a file is a filter: its length, kinds and NULs. */
bool filter_ok(const struct filter *f);

#endif
