/* SPDX-License-Identifier: ISC */
/*
 * inflight: messages that are claimed and settled by themselves, whatever becomes of the run that they came in.
 *
 * A receiver with several commands at work holds the messages of each; what it claims meanwhile is another run.  A crash
 * leaves claims of a dead process, as in claim.c.
 */
#include "mailbox/mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "mailbox/box/compact.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/recv/claim.h"
#include "mailbox/recv/verify.h"

enum {
	TOGETHER = 64,                          /* messages settled together */
	KEEP = 4096,                            /* bytes of log that a spent segment may keep */
};

int
inflight_add(struct inflight *h, struct receiver *r, const struct run *run)
{
	const struct run_body *in = run->in;
	struct held *more;
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
		h->list[h->n++] = (struct held){ .seg = in->seg, .layout = in->layout, .item = in->items[i],
			.offer_fd = -1, .kept_fd = -1 };
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

unsigned
inflight_tries(const struct inflight *h, uint32_t i)
{
	return h->list[i].item.tries;
}

bool
inflight_is_offer(const struct inflight *h, uint32_t i)
{
	return h->list[i].item.slot.flags & SLOT_OFFER;
}

/* let_go -- of the descriptors that a message has. */
static void
let_go(struct held *held)
{
	io_close(held->offer_fd);
	if (held->kept_fd != -1)
		close(held->kept_fd);
	held->offer_fd = held->kept_fd = -1;
}

void
inflight_drop(struct inflight *h)
{
	int err = errno;

	while (h->n > 0)
		let_go(&h->list[--h->n]);
	errno = err;
}

void
inflight_free(struct inflight *h)
{
	inflight_drop(h);
	free(h->list);
	h->list = NULL;
	h->room = 0;
}

/* settle -- one piece of inflight_settle, with the lock held and the change begun: neighbours in a segment together. */
static int
settle(struct claim *c, const struct held *held, uint32_t n, enum receiver_end end, uint64_t delay_us)
{
	struct item items[TOGETHER];
	uint32_t step;

	for (uint32_t i = 0; i < n; i += step) {
		for (step = 0; step < TOGETHER && i + step < n && held[i + step].seg == held[i].seg
		    && held[i + step].layout == held[i].layout; step++)
			items[step] = held[i + step].item;
		if (settle_places(c->m, held[i].seg, held[i].layout, items, step) == -1
		    || claim_change(c, items, step, end, delay_us, KEEP) == -1)
			return -1;
		if (end == RECEIVER_DONE)
			compact_sparse(&c->m->seg, &c->m->ctl);
	}
	return 0;
}

int
inflight_settle(struct inflight *h, struct receiver *receiver, uint32_t from, uint32_t n, enum receiver_end end,
    uint64_t delay_us)
{
	struct claim *c = &receiver->in->claim;
	int r = 0, err;

	delay_us = delay_us < SETTLE_DELAY_MAX_US ? delay_us : SETTLE_DELAY_MAX_US;
	for (uint32_t done = 0, step; r == 0 && done < n; done += step) {
		step = n - done < PIECE_LOOKS ? n - done : PIECE_LOOKS;
		if (done > 0)
			piece_pause();
		if (claim_lock(c, CLAIM_STOPS) == -1)
			return -1;
		r = txn_begin(c->m);
		if (r == 0)
			r = settle(c, h->list + from + done, step, end, delay_us);
		if (r == 0)
			r = txn_commit(c->m);
		txn_unlock(c->m);
	}
	err = errno;
	for (uint32_t i = 0; i < n; i++)
		let_go(&h->list[from + i]);
	errno = err;
	return r;
}

int
inflight_recall(const struct inflight *h, struct receiver *receiver, uint32_t i, struct run *run)
{
	const struct held *held = &h->list[i];
	struct claim *c = &receiver->in->claim;
	struct mbox *m = c->m;
	struct item *item = &run->in->items[0];
	ssize_t n;
	int r;

	*item = held->item;
	if (claim_lock(c, CLAIM_STOPS) == -1)
		return -1;
	r = settle_places(m, held->seg, held->layout, item, 1);
	/* its frame may have moved with its segment */
	if (r == 0 && (seg_read_slots(&m->seg, item->pos, 1, &item->slot) == -1 || mbox_seg_log(m) == -1))
		r = -1;
	run->in->layout = m->ctl.layout;
	run->in->salt = m->seg.h.salt;
	txn_unlock(m);
	if (r == -1)
		return -1;
	run->n = 1;
	run->delivered = 0;
	run->expired = false;
	run->in->kept_fd = held->kept_fd;
	run->in->seg = held->seg;
	run->in->log_at = item->slot.off;
	run->in->log_len = slot_frame_len(&item->slot);
	n = io_pread(m->seg.log_fd, run->in->log, run->in->log_len, run->in->log_at);
	if (n != -1 && n != (ssize_t)run->in->log_len)
		errno = EBADMSG;
	if (n == (ssize_t)run->in->log_len && !verify_frame(run, 0)) {
		errno = EBADMSG;
		return -1;
	}
	return n == (ssize_t)run->in->log_len ? 0 : -1;
}
