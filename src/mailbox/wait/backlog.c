/* SPDX-License-Identifier: ISC */
/* ready: reads only. */
#include "mailbox/wait/backlog.h"

enum { BLOCK = 64 };                    /* states and slots read at a time */

/* in_segment -- backlog_first in one segment. */
static bool
in_segment(const struct mbox *m, const struct seg *seg, uint64_t from, uint64_t below, const struct filter *filter,
    struct backlog *found)
{
	const struct names *names = &found->names;
	bool newest = seg->h.first == m->ctl.last_seg;
	uint32_t n = newest ? (uint32_t)(m->ctl.next - seg->h.first) : seg->h.n, step;
	int tag = -1, source = -1;      /* of a message that is not wanted: mostly there are long runs of one */
	struct slot slots[BLOCK];
	uint64_t states[BLOCK];

	found->names.n = found->names.len = 0;
	for (uint32_t pos = seg_find(seg, n, from); pos < n; pos += step) {
		step = n - pos < BLOCK ? n - pos : BLOCK;
		if (seg_id(seg, pos) >= below || seg_read_states(seg, pos, step, states) == -1
		    || seg_read_slots(seg, pos, step, slots) == -1)
			return false;
		for (uint32_t i = 0; i < step; i++) {
			if (state_status(states[i]) != STATE_READY || (slots[i].tag == tag && slots[i].source == source))
				continue;
			/* kept once they have been read */
			if (names_read(&found->names, seg, newest ? m->ctl.names : seg->h.names,
			    newest ? m->ctl.names_len : seg->h.names_len) == -1)
				return false;
			tag = slots[i].tag;
			source = slots[i].source;
			if (slots[i].tag < names->n && slots[i].source < names->n
			    && filter_match(filter, names_get(names, slots[i].tag), names_get(names, slots[i].source))) {
				found->slot = slots[i];
				found->id = seg_id(seg, pos + i);
				return found->id < below;
			}
		}
	}
	return false;
}

bool
backlog_first(const struct mbox *m, uint64_t from, uint64_t below, const struct filter *filter, struct backlog *found)
{
	uint64_t at = m->ctl.first_seg;
	struct seg s;
	bool hit;

	/* mostly it stands in the segment that we hold */
	if (m->seg.idx_fd != -1 && m->layout == m->ctl.layout && m->seg.h.first <= from) {
		if (in_segment(m, &m->seg, from, below, filter, found))
			return true;
		at = mbox_seg_next(m);
	}
	while (at != 0 && at < below && seg_open(&s, m->dir_fd, at, seg_access(m->ctl.mode)) == 0) {
		hit = in_segment(m, &s, from, below, filter, found);
		at = s.h.first == m->ctl.last_seg ? 0 : s.h.next;
		seg_close(&s);
		if (hit)
			return true;
	}
	return false;
}
