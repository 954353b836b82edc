/* SPDX-License-Identifier: ISC */
/* evict: messages dropped one by one, each a change that is made whole by recovery (recover.h) after a crash in it. */
#include "mailbox/queue/evict.h"

#include "base/clock.h"
#include "base/memory.h"
#include "mailbox/box/compact.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/names.h"
#include "mailbox/queue/settle.h"
#include "mailbox/wait/backlog.h"

enum {
	KEEP = 256 * 1024,              /* bytes of log that stay when it was the last message */
	LOOK_EACH = 64,                 /* messages of a segment that are gone, from one look at what is in hand to the next */
};

/* drop -- drop the message at the cursor.  left: the segment of the one before, or 0; gets its own.  Returns 0, or -1. */
static int
drop(struct backlog *c, uint64_t *left)
{
	struct item item = { .id = backlog_id(c), .slot = c->slot, .pos = c->pos,
		.tries = (uint16_t)state_tries(c->state) };

	if (item.id == 0)
		return -1;
	if (*left != c->first)
		compact_left(c->m, *left);
	*left = c->first;
	return settle_gone(c->m, &item, 1, state_status(c->state), STATE_DROPPED, KEEP);
}

/*
 * drop_for -- evict, of at most `most` messages.
 * tag: NULL: the oldest go until there is room for cost bytes; else all that have it.
 */
static OUT_OF_LINE int
drop_for(struct mbox *m, const struct slice *tag, uint64_t cost, uint64_t most)
{
	struct names names;
	struct backlog c;
	uint64_t left = 0;
	int r = tag != NULL || !mbox_fits(&m->ctl, cost);

	/* the head has passed over those that are delayed */
	backlog_begin(&c, m, m->ctl.delayed > 0 ? m->ctl.first : m->ctl.head, UINT64_MAX,
	    BACKLOG_READY | BACKLOG_RETRY | BACKLOG_DELAYED);
	while (r == 1 && most > 0 && (r = backlog_next(&c)) == 1) {
		if (backlog_slot(&c) == -1 || (tag != NULL && backlog_names(&c, &names) == -1))
			return -1;
		if (tag != NULL && !slice_eq(names_get(&names, c.slot.tag), *tag))
			continue;
		if (drop(&c, &left) == -1)
			return -1;
		most--;
		r = tag != NULL || !mbox_fits(&m->ctl, cost);
	}
	/* of the oldest the rest of its segment goes soon */
	if (tag != NULL && r != -1)
		compact_left(m, left);
	return r;
}

/* drop_known -- drop_for, for a process that knows where each tag is. */
static OUT_OF_LINE int
drop_known(struct mbox *m, struct latest *l, struct slice tag, uint64_t most)
{
	struct backlog c;
	uint64_t left = 0;
	int r = 1;

	for (; most > 0 && (r = latest_next(l, m, tag, &c)) == 1; most--)
		if (backlog_slot(&c) == -1 || drop(&c, &left) == -1) {
			latest_free(l);         /* it is to be learned anew */
			return -1;
		}
	/* while messages are claimed, perhaps of this segment, it would be looked through for them each time */
	if (r != -1 && (m->ctl.claimed == 0 || m->seg.h.done % LOOK_EACH == 0))
		compact_left(m, left);
	return r;
}

/* evict_tag -- evict, by MAILBOX_LATEST. */
static int
evict_tag(struct mbox *m, struct latest *l, struct slice tag, uint64_t most)
{
	int known = latest_known(l, m);

	if (known == -1)
		return -1;
	return known == 1 ? drop_known(m, l, tag, most) : drop_for(m, &tag, 0, most);
}

int
evict(struct mbox *m, struct latest *l, struct slice tag, uint64_t cost, struct expiring *e)
{
	uint64_t most = piece_drops(m, &e->next);

	if (m->ctl.policy == MAILBOX_BLOCK)
		return 0;
	return m->ctl.policy == MAILBOX_LATEST ? evict_tag(m, l, tag, most) : drop_for(m, NULL, cost, most);
}

/* drop_expired -- evict_expired where some messages expire. */
static OUT_OF_LINE int
drop_expired(struct mbox *m, struct expiring *e)
{
	uint64_t now_us = clock_wall_us(), expiry_us;
	enum state_status status;
	uint32_t drops = 0;
	struct backlog c;
	uint64_t left = 0;
	int r;

	/* below head as well: what is claimed there may be put back, and expire then */
	backlog_begin(&c, m, e->from > m->ctl.first ? e->from : m->ctl.first, UINT64_MAX, BACKLOG_LIVE);
	while ((r = backlog_next(&c)) == 1) {
		e->from = backlog_id(&c);
		if (drops == PIECE_DROPS || c.looked > PIECE_LOOKS)
			break;
		if (backlog_slot(&c) == -1 || backlog_expiry(&c, &expiry_us) == -1)
			return -1;
		status = state_status(c.state);
		if (expiry_us <= now_us && status != STATE_CLAIMED && status != STATE_DELAYED) {
			if (drop(&c, &left) == -1)
				return -1;
			drops++;
		} else if (expiry_us != UINT64_MAX) {
			e->left = true;
		}
	}
	if (r != -1)
		compact_left(m, left);
	if (r != 0 || e->left)
		return r;
	m->ctl.expires = 0;
	return txn_begin(m);
}

int
evict_expired(struct mbox *m, struct expiring *e)
{
	return m->ctl.expires ? drop_expired(m, e) : 0;
}
