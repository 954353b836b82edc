/* SPDX-License-Identifier: ISC */
/* kept: see kept.h. */
#include "mailbox/box/kept.h"

#include <sys/resource.h>

#include "base/memory.h"

enum {
	KEPT = 64,                      /* of all mailboxes of this process, */
	SHARE = 8,                      /* and no more than this part of the descriptors that it may have */
};

struct kept {
	const struct mbox *of;          /* NULL: free */
	uint64_t layout;                /* the mailbox's, of which the segment is, */
	uint64_t first;                 /* and the segment's name */
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

/* is_of -- whether k is m's, and still a segment of it as it is. */
static bool
is_of(const struct kept *k, const struct mbox *m)
{
	return k->of == m && k->layout == m->ctl.layout;
}

/* places -- how many are kept at most. */
static unsigned
places(void)
{
	static unsigned most;
	struct rlimit limit;

	if (most == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0)
		most = limit.rlim_cur / SHARE < KEPT ? (unsigned)(limit.rlim_cur / SHARE) + 1 : KEPT;
	return most > 0 ? most : 1;
}

void
kept_put(struct mbox *m)
{
	const unsigned most = places();
	struct kept *k = NULL;

	for (struct kept *i = table; i < table + most; i++) {
		if (i->of == m && !is_of(i, m))
			drop(i);
		if (i->of == NULL && k == NULL)
			k = i;
	}
	if (k == NULL) {
		k = &table[turn++ % most];
		drop(k);
	}
	*k = (struct kept){ m, m->ctl.layout, m->seg.h.first };
	segs[k - table] = m->seg;
	m->seg = (struct seg)SEG_CLOSED;
}

bool
kept_take(struct mbox *m, uint64_t first)
{
	for (struct kept *k = table; k < table + KEPT; k++)
		if (k->first == first && is_of(k, m)) {
			m->seg = segs[k - table];
			k->of = NULL;
			return true;
		}
	return false;
}

uint64_t
kept_before(const struct mbox *m, uint64_t id)
{
	const bool open = m->seg.idx_fd != -1 && m->layout == m->ctl.layout && m->seg.h.first <= id;
	uint64_t last = open ? m->seg.h.first : 0;

	for (const struct kept *k = table; k < table + KEPT && m->keeps; k++)
		if (k->first <= id && k->first > last && is_of(k, m))
			last = k->first;
	return last;
}

void
kept_stale(const struct mbox *m)
{
	for (struct kept *k = table; k < table + KEPT && m->keeps; k++)
		segs[k - table].current &= k->of != m;
}

void
kept_close(const struct mbox *m)
{
	for (struct kept *k = table; k < table + KEPT && m->keeps; k++)
		if (k->of == m)
			drop(k);
}
