/* SPDX-License-Identifier: ISC */
/*
 * extent: where things stand in an index.
 *
 * An index is a page of header and names, then extents: of 64 messages, 64 more, then 128, and so on.  Each has a
 * region for each kind of word, and one for the slots.
 */
#ifndef MAILBOX_DISK_EXTENT_H
#define MAILBOX_DISK_EXTENT_H

#include <stdint.h>

enum {
	EXTENT_FIRST = 64,              /* messages of the first: its regions fill a page */
	EXTENT_PAGE = 4096,             /* bytes of header and names before it */
	EXTENT_HEADER = 128,
	EXTENT_WORD = 8,                /* bytes of a word, and of a slot */
	EXTENT_SLOT = 32,
};

/* What an index has for each message, in the order in which it stands in an extent: words, then slots. */
enum seg_region { SEG_DUE, SEG_EXPIRY, SEG_IDS, SEG_STATES, SEG_SLOTS };

_Static_assert(EXTENT_FIRST * (SEG_SLOTS * EXTENT_WORD + EXTENT_SLOT) == (int)EXTENT_PAGE, "64 bytes a message");

/*
 * extent_of -- the first place of the extent in which place pos is: 0, or a power of two, and then it has as many
 * messages.  Those from EXTENT_PAGE on begin with as many bytes of the names.
 */
static inline uint32_t
extent_of(uint32_t pos)
{
	return pos < EXTENT_FIRST ? 0 : UINT32_C(1) << (31 - __builtin_clz(pos));
}

/* extent_at -- where the extent whose first place that is begins in the file. */
static inline uint64_t
extent_at(uint32_t start)
{
	return EXTENT_PAGE + (uint64_t)start * EXTENT_PAGE / EXTENT_FIRST + (start > EXTENT_PAGE ? start - EXTENT_PAGE : 0);
}

/* extent_entry -- where the entry of place pos stands.  room: gets how many there are from it to the extent's end. */
static inline uint64_t
extent_entry(enum seg_region region, uint32_t pos, uint32_t *room)
{
	const uint32_t start = extent_of(pos), n = start == 0 ? EXTENT_FIRST : start;
	const uint64_t at = extent_at(start) + (start >= EXTENT_PAGE ? start : 0) + (uint64_t)region * EXTENT_WORD * n;

	*room = start + n - pos;
	return at + (uint64_t)(pos - start) * (region == SEG_SLOTS ? EXTENT_SLOT : EXTENT_WORD);
}

/*
 * extent_name -- where byte i of the names stands.  room: gets how many there are from it to the end of its piece.
 * Header and names are 65,536 bytes; a piece begins with the byte that has the number of its extent's first place.
 */
static inline uint64_t
extent_name(uint32_t i, uint32_t *room)
{
	const uint32_t v = EXTENT_HEADER + i, start = v < EXTENT_PAGE ? 0 : extent_of(v);

	*room = (start == 0 ? EXTENT_PAGE : 2 * start) - v;
	return start == 0 ? v : extent_at(start) + v - start;
}

#endif
