/* SPDX-License-Identifier: ISC */
/*
 * inflight: messages that are claimed and settled by themselves, whatever becomes of the run that they came in.
 *
 * A receiver with several commands at work has the messages of each in flight; what it claims meanwhile is another run.
 * A crash leaves dead claims, as in claim.c.
 */
#include "mailbox/mailbox.h"

#include <errno.h>
#include <stdlib.h>

#include "base/io.h"
#include "mailbox/box/compact.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/recv/claim.h"
#include "mailbox/recv/verify.h"

enum { TOGETHER = 256 };                /* messages settled together */

int
inflight_add(struct inflight *h, struct receiver *r, const struct run *run)
{
	struct inflight_message *more;
	uint32_t room;

	if (h->n + run->n > h->room) {
		room = (h->n + run->n) * 2;
		more = realloc(h->list, room * sizeof *more);
		if (more == NULL)
			return -1;
		h->list = more;
		h->room = room;
	}
	for (uint32_t i = 0; i < run->n; i++)
		h->list[h->n++] = (struct inflight_message){ .at = { run->in->at.seg, run->in->at.layout, false },
			.item = run->in->items[i], .offer_fd = -1, .kept_fd = -1 };
	if (run->offer) {
		h->list[h->n - 1].offer_fd = r->in->offer_fd;
		r->in->offer_fd = -1;
	}
	return 0;
}

void
inflight_keep(struct inflight *h, int fd)
{
	h->list[h->n - 1].kept_fd = fd;
}

struct inflight_look
inflight_look(const struct inflight *h, uint32_t i)
{
	const struct item *item = &h->list[i].item;

	return (struct inflight_look){ item->id, item->tries, item->slot.flags & SLOT_OFFER };
}

/* close_all -- close the descriptors of n messages. */
static void
close_all(struct inflight_message *list, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		io_close(list[i].offer_fd);
		io_close(list[i].kept_fd);
		list[i].offer_fd = list[i].kept_fd = -1;
	}
}

void
inflight_drop(struct inflight *h)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < h->n; i++) {
		if (h->which != NULL && !h->which[i])
			h->list[kept++] = h->list[i];
		else
			close_all(h->list + i, 1);
	}
	h->n = kept;
}

void
inflight_free(struct inflight *h)
{
	h->which = NULL;
	inflight_drop(h);
	free(h->list);
	h->list = NULL;
	h->room = 0;
}

/* Messages that are settled in one locked section. */
struct piece {
	const struct inflight_message *list;
	const bool *which;              /* as of an inflight */
	uint32_t n;
	uint64_t newest;                /* the segment that more is received from; 0 none */
};

/* gather -- copy what is to be settled from item *at on, neighbours in a segment.  Moves *at.  Returns how many. */
static uint32_t
gather(const struct piece *p, uint32_t *at, struct item *items, struct place *place)
{
	uint32_t n = 0;

	for (; *at < p->n && n < TOGETHER; (*at)++) {
		const struct inflight_message *message = &p->list[*at];

		if (p->which != NULL && !p->which[*at])
			continue;
		if (n == 0)
			*place = message->at;
		else if (message->at.seg != place->seg || message->at.layout != place->layout)
			break;
		items[n++] = message->item;
	}
	return n;
}

/* settle -- settle one piece, with the lock held: neighbours in a segment together.  Returns 0, or -1. */
static int
settle(struct claim *c, const struct piece *p, enum receiver_end end, uint64_t delay_us)
{
	struct item items[TOGETHER];
	struct place at;
	uint32_t i = 0, n;

	while ((n = gather(p, &i, items, &at)) > 0) {
		if (claim_settle(c, &at, items, &n, end, delay_us, at.seg == p->newest) == -1)
			return -1;
		compact_sparse(&c->m, &c->m.seg);
	}
	return 0;
}

int
inflight_settle(struct inflight *h, struct receiver *r, uint32_t from, uint32_t n, enum receiver_end end,
    uint64_t delay_us)
{
	struct claim *c = r->in;
	struct piece p = { .list = h->list + from, .which = h->which == NULL ? NULL : h->which + from };
	int done = 0;

	p.newest = h->more && h->n > 0 ? h->list[h->n - 1].at.seg : 0;
	for (uint32_t left = n; done == 0 && left > 0; left -= p.n) {
		p.n = left < PIECE_LOOKS ? left : PIECE_LOOKS;
		if (left < n)
			piece_pause();
		if (claim_lock(c, CLAIM_STOPS) == -1)
			return -1;
		done = txn_end(&c->m, settle(c, &p, end, delay_us));
		p.list += p.n;
		p.which += p.which == NULL ? 0 : p.n;
	}
	for (uint32_t i = from; i < from + n; i++)
		if (h->which == NULL || h->which[i])
			close_all(h->list + i, 1);
	return done;
}

int
inflight_recall(const struct inflight *h, struct receiver *r, uint32_t i, struct run *run)
{
	const struct inflight_message *message = &h->list[i];
	struct claim *c = r->in;
	struct mbox *m = &c->m;
	struct run_body *in = run->in;
	struct item *item = &in->items[0];
	int found;

	*item = message->item;
	if (claim_lock(c, CLAIM_STOPS) == -1)
		return -1;
	found = settle_places(m, message->at.seg, message->at.layout, item, 1);
	/* its frame may have moved with its segment */
	if (found == 0 && (seg_read_slots(&m->seg, item->pos, 1, &item->slot) == -1 || mbox_seg_log(m) == -1))
		found = -1;
	in->at = (struct place){ message->at.seg, m->ctl.layout, false };
	in->salt = m->seg.h.salt;
	memcpy(in->incarnation, m->seg.h.incarnation, sizeof in->incarnation);
	txn_unlock(m);
	if (found == -1)
		return -1;
	run->n = 1;
	run->delivered = 0;
	run->expired = false;
	run->stray = RUN_ON_ITS_WAY;
	in->kept_fd = message->kept_fd;
	in->log_at = item->slot.off;
	in->log_len = slot_frame_len(&item->slot);
	if (claim_read(c, run) == -1)
		return -1;
	errno = EBADMSG;
	return verify_frame(run, 0) ? 0 : -1;
}
