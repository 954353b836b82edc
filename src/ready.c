/* SPDX-License-Identifier: ISC */
/* ready: whether a message that is named by its id may be received now. */
#include "ready.h"

/* in_hand -- whether message id is in the segment that we hold, and not ready. */
static bool
in_hand(struct mbox *m, uint64_t id)
{
	uint64_t state;
	uint32_t n, pos;

	if (m->seg.idx_fd == -1 || m->shape != m->ctl.shape || id < m->seg.h.first)
		return false;
	n = mbox_seg_n(m);
	pos = seg_find(&m->seg, n, id);
	return pos < n && seg_id(&m->seg, pos) == id && seg_read_states(&m->seg, pos, 1, &state) == 0
	    && state_status(state) != STATE_READY;
}

bool
ready_find(struct mbox *m, uint64_t id, struct slot *slot, struct names *names)
{
	struct seg s;
	uint64_t state, at = m->ctl.first_seg;
	uint32_t n, pos;
	bool ready = false, newest;

	/* mostly it is what we have just claimed, in the segment that we hold */
	if (in_hand(m, id))
		return false;
	while (at != 0 && at <= id && seg_open(&s, m->dir_fd, at, seg_access(m->ctl.mode)) == 0) {
		newest = at == m->ctl.last_seg;
		n = newest ? (uint32_t)(m->ctl.next - at) : s.h.n;
		pos = seg_find(&s, n, id);
		if (pos < n) {
			ready = seg_id(&s, pos) == id && seg_read_states(&s, pos, 1, &state) == 0
			    && state_status(state) == STATE_READY && seg_read_slots(&s, pos, 1, slot) == 0
			    && names_read(names, &s, newest ? m->ctl.names : s.h.names,
			    newest ? m->ctl.names_len : s.h.names_len) == 0;
			seg_close(&s);
			break;
		}
		at = newest ? 0 : s.h.next;
		seg_close(&s);
	}
	return ready;
}
