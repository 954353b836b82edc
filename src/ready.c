/* SPDX-License-Identifier: ISC */
/* ready: reads only. */
#include "ready.h"

enum { BLOCK = 64 };                    /* states and slots read at a time */

/* A search for the first message that is ready. */
struct search {
	uint64_t from, below;
	const struct filter *filter;
};

/* is_wanted -- whether the filter matches; found->slot is the one asked about before; first: there was none. */
static bool
is_wanted(const struct search *s, const struct slot *slot, const struct ready *found, bool first)
{
	const struct names *names = &found->names;

	/* mostly there are few tags and sources, and long runs of one */
	if (!first && slot->tag == found->slot.tag && slot->source == found->slot.source)
		return false;
	return slot->tag < names->n && slot->source < names->n
	    && filter_match(s->filter, names_get(names, slot->tag), names_get(names, slot->source));
}

/* in_segment -- ready_first in one segment. */
static bool
in_segment(const struct mbox *m, const struct seg *seg, const struct search *s, struct ready *found)
{
	bool newest = seg->h.first == m->ctl.last_seg, first = true;
	uint32_t n = newest ? (uint32_t)(m->ctl.next - seg->h.first) : seg->h.n, step;
	struct slot slots[BLOCK];
	uint64_t states[BLOCK];

	found->names.n = found->names.len = 0;
	if (names_read(&found->names, seg, newest ? m->ctl.names : seg->h.names,
	    newest ? m->ctl.names_len : seg->h.names_len) == -1)
		return false;
	for (uint32_t pos = seg_find(seg, n, s->from); pos < n; pos += step) {
		step = n - pos < BLOCK ? n - pos : BLOCK;
		if (seg_id(seg, pos) >= s->below || seg_read_states(seg, pos, step, states) == -1
		    || seg_read_slots(seg, pos, step, slots) == -1)
			return false;
		for (uint32_t i = 0; i < step; i++) {
			if (state_status(states[i]) != STATE_READY)
				continue;
			if (is_wanted(s, &slots[i], found, first)) {
				found->slot = slots[i];
				found->id = seg_id(seg, pos + i);
				return found->id < s->below;
			}
			found->slot = slots[i];
			first = false;
		}
	}
	return false;
}

bool
ready_first(const struct mbox *m, uint64_t from, uint64_t below, const struct filter *filter, struct ready *found)
{
	const struct search search = { from, below, filter };
	uint64_t at = m->ctl.first_seg;
	struct seg s;
	bool hit;

	/* nothing is ready; and mostly it stands in the segment that we hold */
	if (m->ctl.live == m->ctl.claimed)
		return false;
	if (m->seg.idx_fd != -1 && m->shape == m->ctl.shape && m->seg.h.first <= from) {
		if (in_segment(m, &m->seg, &search, found))
			return true;
		at = mbox_seg_next(m);
	}
	while (at != 0 && at < below && seg_open(&s, m->dir_fd, at, seg_access(m->ctl.mode)) == 0) {
		hit = in_segment(m, &s, &search, found);
		at = s.h.first == m->ctl.last_seg ? 0 : s.h.next;
		seg_close(&s);
		if (hit)
			return true;
	}
	return false;
}
