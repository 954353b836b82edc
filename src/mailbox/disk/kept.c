/* SPDX-License-Identifier: ISC */
/* kept: see kept.h. */
#include "mailbox/disk/kept.h"

#include <sys/resource.h>

#include "base/memory.h"

enum {
	KEPT = 64,                      /* of all mailboxes of this process, */
	SHARE = 16,                     /* and for as many descriptors as it may have one; the newest segment has two */
};

struct kept {
	const void *of;                 /* NULL: free */
	uint64_t layout;
	uint64_t first;                 /* the segment's name */
};

static LARGE struct kept table[KEPT];
static LARGE struct seg segs[KEPT];     /* of each of table */
static unsigned turn;                   /* which goes next for another */

static void
drop(struct kept *k)
{
	seg_close(&segs[k - table]);
	k->of = NULL;
}

/* places -- how many are kept at most: none where there are few descriptors. */
static unsigned
places(void)
{
	static unsigned most = KEPT + 1;
	struct rlimit limit;

	if (most > KEPT)
		most = getrlimit(RLIMIT_NOFILE, &limit) == -1 ? 0 : limit.rlim_cur / SHARE < KEPT
		    ? (unsigned)(limit.rlim_cur / SHARE) : KEPT;
	return most;
}

void
kept_put(const void *of, uint64_t layout, struct seg *s)
{
	const unsigned most = places();
	struct kept *k = NULL;

	for (struct kept *i = table; i < table + most; i++) {
		if (i->of == of && i->layout != layout)
			drop(i);
		if (i->of == NULL && k == NULL)
			k = i;
	}
	if (most == 0) {
		seg_close(s);
		return;
	}
	if (k == NULL) {
		k = &table[turn++ % most];
		drop(k);
	}
	*k = (struct kept){ of, layout, s->h.first };
	segs[k - table] = *s;
	*s = (struct seg)SEG_CLOSED;
}

bool
kept_take(const void *of, uint64_t layout, uint64_t first, struct seg *s)
{
	for (struct kept *k = table; k < table + KEPT; k++)
		if (k->first == first && k->of == of && k->layout == layout) {
			*s = segs[k - table];
			k->of = NULL;
			return true;
		}
	return false;
}

uint64_t
kept_before(const void *of, uint64_t layout, uint64_t id)
{
	uint64_t last = 0;

	for (const struct kept *k = table; k < table + KEPT; k++)
		if (k->first <= id && k->first > last && k->of == of && k->layout == layout)
			last = k->first;
	return last;
}

void
kept_stale(const void *of)
{
	for (struct kept *k = table; k < table + KEPT; k++)
		if (k->of == of)
			segs[k - table].current = false;
}

void
kept_close(const void *of)
{
	for (struct kept *k = table; k < table + KEPT; k++)
		if (k->of == of)
			drop(k);
}
