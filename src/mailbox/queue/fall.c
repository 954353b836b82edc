/* SPDX-License-Identifier: ISC */
/* fall: a message at a time: its state, its entry in `due`, its waiter.  A crash leaves what recovery counts anew. */
#include "mailbox/queue/fall.h"

#include <errno.h>

#include "base/clock.h"
#include "mailbox/box/delay.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/queue/settle.h"
#include "mailbox/wait/wake.h"

/* fall -- the entry that is due goes, and its message is ready, unless it has gone or its time is another. */
static int
fall(struct mbox *m, const struct due *entry, uint64_t now_us)
{
	struct item item;
	enum state_status status;
	uint64_t due = 0;
	int r = settle_find(m, entry->id, &item, &status);

	if (r == 1 && status == STATE_DELAYED && seg_read(&m->seg, SEG_DUE, item.pos, 1, &due) == -1)
		r = -1;
	if (r == -1 || delay_pop(m) == -1)
		return -1;
	if (r == 0 || status != STATE_DELAYED || m->ctl.delayed == 0)
		return 0;
	if (due > now_us) {             /* an entry that is wrong; one for this message must stand */
		m->ctl.delayed--;
		return delay_add(m, entry->id, due);
	}
	if (settle_due(m, &item) == -1)
		return -1;
	if (m->ctl.delayed == 0)
		delay_none(&m->ctl);
	return m->ctl.wants > 0 ? wake_ready(m, item.id) : 0;
}

int
fall_due(struct mbox *m)
{
	const struct ctl *c = &m->ctl;
	uint64_t now = c->due_us != 0 ? clock_wall_us() : 0;
	struct due first;

	for (int i = 0; c->due_us != 0 && c->due_us <= now; i++) {
		if (i == PIECE_DROPS)
			return 1;
		if (txn_begin(m) == -1 || delay_open(m) == -1)
			return -1;
		if (c->due_us == 0 || c->due_us > now)
			break;
		if (delay_first(m, &first) == -1) {
			if (errno != EBADMSG || delay_recount(m) == -1)
				return -1;
		} else if (fall(m, &first, now) == -1) {
			return -1;
		}
	}
	return 0;
}
