/* SPDX-License-Identifier: ISC */
/*
 * claim: the locked sections of a receiver.
 *
 * Every change is begun (ctl busy) and committed.  Recovery mends what a kill before the commit leaves; a kill after it
 * leaves claims of a dead process: ctl counts how many messages are claimed, so redeliver_dead finds them.
 */
#include "mailbox/recv/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/io.h"
#include "mailbox/box/compact.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/queue/fall.h"
#include "mailbox/queue/offer.h"
#include "mailbox/recv/end.h"
#include "mailbox/recv/known.h"
#include "mailbox/recv/redeliver.h"
#include "mailbox/recv/verify.h"
#include "mailbox/wait/keeper.h"
#include "mailbox/wait/wait.h"

enum {
	KEEP_STREAM = 256 * 1024,               /* bytes of log that a spent segment may keep while we stream, */
	KEEP_IDLE = 4096,                       /* and when there is nothing more */
	PROMPT_BYTES = 512,                     /* that a pipe with any room takes, in whatever form they are written */
	LOOKS_ENOUGH = 16,                      /* without the lock: looks, where all has changed after each, */
	LOOKS = 100,                            /* and where what is read makes no sense, */
	LOOK_NAP_MS = 20,                       /* with at most such a pause */
};

int
claim_init(struct claim *c, const struct receiver *r)
{
	uint32_t tags = filter_count(r->filter, 't'), sources = filter_count(r->filter, 's');

	c->receiver = r;
	c->began_us = r->all ? clock_wall_us() : 0;
	c->below = r->id != 0 ? r->id + 1 : UINT64_MAX;
	tags = tags > 0 ? tags : 1;
	sources = sources > 0 ? sources : 1;
	if ((uint64_t)tags * sources > UINT32_MAX)
		return fail_with(E2BIG);
	c->source_ranks = sources;
	c->ranks = tags * sources;
	c->cursor = c->ranks == 1 ? c->only_cursor : calloc((size_t)2 * c->ranks, sizeof *c->cursor);
	c->has_tag = c->ranks == 1 ? c->only_has : calloc((size_t)tags + sources, sizeof *c->has_tag);
	if (c->cursor == NULL || c->has_tag == NULL)
		return -1;
	c->has_source = c->has_tag + tags;
	return 0;
}

void
claim_free(struct claim *c)
{
	if (c->cursor != c->only_cursor)
		free(c->cursor);
	if (c->has_tag != c->only_has)
		free(c->has_tag);
	c->cursor = NULL;
	c->has_tag = NULL;
}

int
claim_lock(struct claim *c, int stops)
{
	return c->receiver->brief ? txn_lock(&c->m, claim_deadline(c)) : txn_insist(&c->m, stops);
}

/* ---- settle ---- */

/* change -- settle n items that certainly are ours; keep: as of compact_spent. */
static int
change(struct claim *c, const struct item *items, uint32_t n, enum receiver_end end, uint64_t delay_us, uint64_t keep)
{
	struct mbox *m = &c->m;
	const bool failed = end == RECEIVER_FAILED, gone = end == RECEIVER_DROPPED || end == RECEIVER_BURIED;

	if (end == RECEIVER_DONE)
		return settle_gone(m, items, n, STATE_CLAIMED, STATE_DONE, keep);
	/* that it was put back is seen as long as it is kept back, or due again (falls_due) */
	if (failed && delay_us == 0 && c->receiver->all)
		delay_us = 1;
	if (!gone && !(items[0].slot.flags & SLOT_OFFER))
		return settle_ready(m, items, n, failed, delay_us) == -1 ? -1 : redeliver_wake(c, items, n);
	for (uint32_t i = 0; i < n; i++) {
		m->ctl.leaves_as = end == RECEIVER_BURIED ? CTL_BURIED : CTL_DROPPED;
		if ((gone ? settle_gone(m, &items[i], 1, STATE_CLAIMED, STATE_DROPPED, keep)
		    : offer_back(m, &items[i], failed || delay_us > 0)) == -1)
			return -1;
	}
	return 0;
}

int
claim_settle(struct claim *c, struct place *at, struct item *items, uint32_t *n, enum receiver_end end,
    uint64_t delay_us, bool more)
{
	struct mbox *m = &c->m;
	const bool sure = at->sure;
	long ours;

	if (*n == 0)
		return 0;
	at->sure = false;
	if (txn_begin(m) == -1 || settle_places(m, at->seg, at->layout, items, *n) == -1)
		return -1;
	ours = sure ? (long)*n : settle_ours(m, items, *n);
	if (ours == -1)
		return -1;
	*n = (uint32_t)ours;
	if (ours > 0 && change(c, items, *n, end, delay_us, more ? KEEP_STREAM : KEEP_IDLE) == -1)
		return -1;
	at->sure = sure;
	return 0;
}

/* ---- turns ---- */

/* overhangs -- whether the newest log is much longer than ctl says: an appender was killed. */
static bool
overhangs(const struct mbox *m)
{
	char name[SEG_NAME_BYTES];
	struct stat st;

	seg_file(name, m->ctl.last_seg, 0, "log");
	return fstatat(m->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0
	    && (uint64_t)st.st_size > m->ctl.log_len + KEEP_IDLE;
}

/* trim -- nothing was found: the log of a spent segment can go. */
static int
trim(struct mbox *m)
{
	if (m->ctl.live > 0 || m->ctl.last_seg == 0 || (m->ctl.log_len <= KEEP_IDLE && !overhangs(m)))
		return 0;
	if (txn_begin(m) == -1 || mbox_seg(m, m->ctl.last_seg) == -1)
		return -1;
	compact_newest(m);
	return 0;
}

/* drop_found -- drop the one message that was found.  left: the segment that the receiver was in; gets that message's. */
static int
drop_found(struct mbox *m, const struct run *run, uint64_t *left)
{
	const struct item *item = &run->in->items[0];

	if (*left != run->in->at.seg)
		compact_left(m, *left);
	*left = run->in->at.seg;
	return settle_gone(m, item, 1, (enum state_status)item->status, STATE_DROPPED, KEEP_STREAM);
}

/*
 * search -- search_backlog; expired messages are dropped on the way, and offers of dead senders.  left: as of drop_found.
 * Returns 0; 1 where more is to be dropped first, after the end of a piece; or -1.
 */
static int
search(struct claim *c, struct run *run, const struct receiver_ask *ask, uint64_t *left)
{
	bool offer;
	int taken;

	for (uint64_t most = piece_drops(&c->m, &c->piece_next); most > 0; most--) {
		if (search_backlog(c, run, ask) == -1)
			return -1;
		offer = run->n == 1 && !c->receiver->peek && !ask->probe && (run->in->items[0].slot.flags & SLOT_OFFER);
		if (!offer && (!run->expired || c->receiver->take_expired))
			return 0;       /* an offer that has expired has no payload to keep */
		taken = !offer ? drop_found(&c->m, run, left)
		    : offer_take(&c->m, &run->in->items[0], run->expired, &run->in->offer_fd);
		if (taken != 0)
			return taken == 1 ? 0 : -1;
	}
	run->n = 0;
	return 1;
}

/* find -- search; first make ready what has fallen due, and, dead: what the dead had claimed.  Returns as search. */
static int
find(struct claim *c, struct run *run, const struct receiver_ask *ask, bool dead, uint64_t *left)
{
	int more = c->m.look ? 0 : fall_due(&c->m);

	if (more == 0 && dead)
		more = redeliver_dead(c);
	return more == 0 ? search(c, run, ask, left) : more;
}

/* nothing -- the end of a turn that found nothing.  Returns as turn. */
static int
nothing(struct claim *c, const struct receiver_ask *ask)
{
	const struct receiver *r = c->receiver;
	int end;

	if (txn_there(&c->m) == -1 || (!r->peek && trim(&c->m) == -1))
		return -1;
	if (!ask->wait)
		return 0;
	end = r->id != 0 ? 0 : end_reached(c);
	if (end == END_PIECE || end == -1)
		return end == -1 ? -1 : 1;
	c->ended = end == 1;
	if (c->ended)
		return wait_awake(&c->m);
	/* a receiver that waits for one message by its number leaves the others */
	if (wait_post(&c->m, r->peek || r->id != 0 ? WANT_PEEK : WANT_RECEIVE, r->filter, 0) == -1)
		return -1;
	return keeper_watch(&c->m, &c->alarm_us);
}

/* settle_before -- settle n runs as done.  left: the newest segment that the receiver has something of. */
static int
settle_before(struct claim *c, struct run *runs, uint32_t n, uint64_t left)
{
	for (uint32_t i = 0; i < n; i++) {
		if (runs[i].n == 0)
			continue;
		if (claim_settle(c, &runs[i].in->at, runs[i].in->items, &runs[i].n, RECEIVER_DONE, 0,
		        runs[i].in->at.seg == left) == -1)
			return -1;
		compact_sparse(&c->m, &c->m.seg);
		runs[i].n = 0;
	}
	return 0;
}

/* turn -- one piece of claim_turn, with the lock held.  Returns 0, 1 again after the end of the piece, or -1. */
static int
turn(struct claim *c, struct run *run, const struct receiver_ask *ask)
{
	struct mbox *m = &c->m;
	struct run_body *in = run->in;
	const bool peek = c->receiver->peek;
	/* a receiver that peeks changes nothing, and has begun no change to rewrite a segment in */
	uint64_t left = run->n > 0 && !peek ? in->at.seg : 0;
	enum claim_note note;
	bool dead;
	int more;

	for (uint32_t i = 0; i < ask->before_n; i++)
		if (ask->before[i].n > 0 && left < ask->before[i].in->at.seg)
			left = ask->before[i].in->at.seg;
	if (settle_before(c, ask->before, ask->before_n, left) == -1)
		return -1;
	if (!peek && claim_settle(c, &in->at, in->items, &run->n, RECEIVER_DONE, 0, true) == -1)
		return -1;
	run->n = 0;
	dead = !m->look && redeliver_due(c);
	more = find(c, run, ask, dead, &left);
	if (more == 0 && run->n == 0 && !dead && !m->look && m->ctl.claimed > 0)
		more = find(c, run, ask, true, &left);
	if (more == -1)
		return -1;
	if (left != 0 && (run->n == 0 || in->at.seg != left)) {
		compact_left(m, left);
		in->at.layout = m->layout;      /* what was found has not moved */
	}
	if (run->n == 0)
		return more == 1 ? 1 : nothing(c, ask);
	if (mbox_seg_log(m) == -1)
		return -1;
	if (ask->probe)
		return 0;
	/* where messages were put back, an older time may stand there */
	note = ask->ends == RUN_APART || m->ctl.requeues > 0 ? NOTE_EACH
	    : ask->ends == RUN_TOGETHER || in->log_len > PROMPT_BYTES ? NOTE_FIRST : NOTE_NONE;
	if (!peek && (mbox_number(m) == -1 || txn_begin(m) == -1 || settle_claim(m, in->items, run->n, note) == -1))
		return -1;
	if (in->offer_fd != -1 && wake_end(m, in->items[0].id, STATE_CLAIMED) == -1)
		return -1;
	return wait_awake(m);
}

int
claim_read(struct claim *c, struct run *run)
{
	struct run_body *in = run->in;
	ssize_t n;

	in->log = in->log_len <= sizeof in->few_log ? in->few_log : in->many_log;
	n = io_pread(c->m.seg.log_fd, in->log, in->log_len, in->log_at);
	/* what is missing is damaged, message by message */
	if (n != -1)
		memset(in->log + n, 0, in->log_len - (size_t)n);
	return n == -1 ? -1 : 0;
}

/* is_whole -- whether the frames that were read are those of the run's slots. */
static bool
is_whole(const struct run *run)
{
	for (uint32_t i = 0; i < run->n; i++)
		if (!verify_frame(run, i))
			return false;
	return true;
}

/*
 * look_turn -- a turn without the lock, its frames read.  Where something has changed meanwhile it looks again; where
 * the mailbox never stands still, frames that are those of their slots are enough.  Returns 1, 0 or -1.
 */
static int
look_turn(struct claim *c, struct run *run, const struct receiver_ask *ask)
{
	struct mbox *m = &c->m;
	uint64_t *before = c->cursor + c->ranks;
	int r, ms = 1, err;

	memcpy(before, c->cursor, c->ranks * sizeof *before);
	for (int i = 1;; i++) {
		if (txn_lock(m, ask->deadline_ns) == -1)
			return -1;
		r = turn(c, run, ask);
		if (r == 0 && run->n > 0)
			r = claim_read(c, run);
		txn_unlock(m);
		if (r == 0 && (txn_still(m) || (i >= LOOKS_ENOUGH && is_whole(run))))
			return run->n > 0;
		/* what is known of a segment may not be so any more */
		err = errno;
		seg_close(&m->seg);
		c->names_of = 0;
		c->slots_n = 0;
		memcpy(c->cursor, before, c->ranks * sizeof *before);
		if (io_nap(ask->deadline_ns, &ms, LOOK_NAP_MS) == -1)
			return -1;
		if (i == LOOKS) {
			errno = r == 0 ? EBADMSG : err;
			return -1;
		}
	}
}

/* turn_in_pieces -- turn, to its end; where it fails the mailbox may be unlocked.  Returns 0, or -1. */
static int
turn_in_pieces(struct claim *c, struct run *run, const struct receiver_ask *ask)
{
	int r;

	c->piece_next = 0;
	/* a brief receiver drops no longer than it would wait what others fill its mailbox with */
	while ((r = turn(c, run, ask)) == 1 && !(c->receiver->brief && clock_mono_ns() >= ask->deadline_ns))
		if (piece_next(&c->m, ask->deadline_ns) == -1)
			return -1;
	return r == -1 ? -1 : 0;
}

/* locked_turn -- a turn, and after the unlock its frames read: what is in a log never changes.  Returns 1, 0 or -1. */
static int
locked_turn(struct claim *c, struct run *run, const struct receiver_ask *ask)
{
	const bool peek = c->receiver->peek;

	c->m.txn.asks = true;
	if ((run->n > 0 && !peek ? claim_lock(c, 1) : txn_lock(&c->m, ask->deadline_ns)) == -1
	    || txn_end(&c->m, turn_in_pieces(c, run, ask)) == -1)
		return -1;
	if (run->n == 0 || ask->probe)
		return run->n > 0;
	run->in->at.sure = !peek;
	if (ask->messages > 1)
		known_ahead(c, run);
	return claim_read(c, run) == -1 ? -1 : 1;
}

int
claim_turn(struct claim *c, struct run *run, const struct receiver_ask *ask)
{
	const bool look = c->m.look;
	int r;

	do {
		r = look ? look_turn(c, run, ask) : locked_turn(c, run, ask);
		if (r != 1 || (ask->probe && !look))
			return r;
		if (verify_run(c, run) == -1)
			return -1;
	} while (run->n == 0);          /* all that was found was damaged */
	return 1;
}
