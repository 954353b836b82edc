/* SPDX-License-Identifier: ISC */
/*
 * filter: which messages a receiver wants, by globs on tag and source.
 *
 * Its text is what a mailbox's want table has: for each pattern a byte for the kind ('t' tag, 's' source, 'T' not this
 * tag, 'S' not this source), the pattern, a NUL.  Globs are fnmatch(3)'s in the C locale.  Patterns are tried one after
 * another, some nanoseconds each.
 */
#ifndef FRAME_FILTER_H
#define FRAME_FILTER_H

#include <stdint.h>

#include "base/bytes.h"

#define FILTER_NO_MATCH UINT32_MAX      /* the rank of a name that does not match */

struct filter {
	char *text;
	uint32_t len, room;             /* bytes of text in use, and in all; len 0 wants every message */
};

/*
 * filter_add -- add a pattern of kind 't', 's', 'T' or 'S'.
 * Returns 0, or -1: EINVAL for an empty pattern or one over 255 bytes, ENOMEM.  The filter's memory is never freed.
 */
int filter_add(struct filter *f, char kind, const char *pattern);

/* filter_count -- how many patterns of a kind it has. */
uint32_t filter_count(const struct filter *f, char kind);

/*
 * filter_widen -- have in wider what has place in its room, of f: all patterns of a kind, or none of them.  It matches
 * whatever f matches.
 */
void filter_widen(struct filter *wider, const struct filter *f);

/*
 * filter_rank_tag, filter_rank_source -- the place of the first pattern that matches the name, from 0; also 0 where the
 * filter has none of that kind.  FILTER_NO_MATCH where none matches or an exclusion does.
 */
uint32_t filter_rank_tag(const struct filter *f, struct slice tag);
uint32_t filter_rank_source(const struct filter *f, struct slice source);

/* filter_match -- whether a message with this tag and source is wanted. */
bool filter_match(const struct filter *f, struct slice tag, struct slice source);

/* filter_ok -- whether a filter read from a file is well formed: its kinds and NULs. */
bool filter_ok(const struct filter *f);

#endif
