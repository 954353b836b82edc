/* SPDX-License-Identifier: ISC */
/*
 * claim: the receiving end of a mailbox.
 *
 * Every change is begun (ctl busy) and committed.  A kill before the commit is mended by recount; a kill after it
 * leaves claims whose owner is dead: redeliver_dead finds them, for ctl counts how many messages are claimed.
 */
#include "mailbox/recv/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/safefile.h"
#include "frame/frame.h"
#include "mailbox/box/compact.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/queue/offer.h"
#include "mailbox/recv/redeliver.h"
#include "mailbox/recv/verify.h"
#include "mailbox/wait/wait.h"
#include "mailbox/wait/wake.h"

enum {
	KEEP_STREAM = 256 * 1024,               /* bytes of log that a spent segment may keep while we stream, */
	KEEP_IDLE = 4096,                       /* and when there is nothing more */
	LOOKS_ENOUGH = 16,                      /* without the lock: so often is it looked again where all has changed, */
	LOOKS = 100,                            /* and so often where it makes no sense, */
	LOOK_NAP_MS = 20,                       /* with at most such a pause */
};

int
claim_init(struct claim *c, struct mbox *m, const struct filter *filter, bool peek, uint64_t timeout_ns)
{
	uint32_t tags = 0, sources = 0;

	for (const char *p = filter->text; p < filter->text + filter->len; p += strlen(p) + 1) {
		tags += *p == 't';
		sources += *p == 's';
	}
	c->m = m;
	c->filter = *filter;
	c->peek = peek;
	c->timeout_ns = timeout_ns;
	c->source_ranks = sources > 0 ? sources : 1;
	c->ranks = (tags > 0 ? tags : 1) * c->source_ranks;
	c->cursor = c->ranks == 1 ? c->only_cursor : calloc((size_t)2 * c->ranks, sizeof *c->cursor);
	return c->cursor == NULL ? -1 : 0;
}

uint64_t
claim_deadline(const struct claim *c)
{
	return clock_after(c->timeout_ns > WAKE_LOOK_NS ? c->timeout_ns : WAKE_LOOK_NS);
}

int
claim_lock(struct claim *c, int stops)
{
	return c->brief ? txn_lock(c->m, claim_deadline(c)) : txn_insist(c->m, stops);
}

void
claim_free(struct claim *c)
{
	if (c->cursor != c->only_cursor)
		free(c->cursor);
	c->cursor = NULL;
}

/* ---- the run in hand ---- */

/* back_to_senders -- n offers go back to whoever made them. */
static int
back_to_senders(struct mbox *m, const struct item *items, uint32_t n, bool tried)
{
	for (uint32_t i = 0; i < n; i++)
		if (offer_back(m, &items[i], tried) == -1)
			return -1;
	return 0;
}

/* drop_all -- n items leave the mailbox without having been received. */
static int
drop_all(struct mbox *m, const struct item *items, uint32_t n, uint64_t keep)
{
	for (uint32_t i = 0; i < n; i++)
		if (settle_gone(m, &items[i], 1, STATE_CLAIMED, STATE_DROPPED, keep) == -1)
			return -1;
	return 0;
}

/* change -- claim_change of items that certainly are ours. */
static int
change(struct claim *c, const struct item *items, uint32_t n, enum receiver_end end, uint64_t delay_us, uint64_t keep)
{
	if (end == RECEIVER_DONE)
		return settle_gone(c->m, items, n, STATE_CLAIMED, STATE_DONE, keep);
	if (end == RECEIVER_DROPPED)
		return drop_all(c->m, items, n, keep);
	if (items[0].slot.flags & SLOT_OFFER)
		return back_to_senders(c->m, items, n, end == RECEIVER_FAILED);
	if (settle_ready(c->m, items, n, end == RECEIVER_FAILED, delay_us) == -1)
		return -1;
	return redeliver_wake(c, items, n);
}

int
claim_change(struct claim *c, struct item *items, uint32_t n, enum receiver_end end, uint64_t delay_us, uint64_t keep)
{
	long ours = settle_ours(c->m, items, n);

	return ours <= 0 ? (int)ours : change(c, items, (uint32_t)ours, end, delay_us, keep);
}

/* finish -- settle items [from, n) of run; with the lock held. */
static int
finish(struct claim *c, struct run *run, uint32_t from, enum receiver_end end, uint64_t delay_us, uint64_t keep)
{
	bool sure = run->in->sure;
	int r;

	if (from >= run->n)
		return 0;
	run->in->sure = false;
	if (txn_begin(c->m) == -1 || settle_places(c->m, run->in->seg, run->in->layout, run->in->items, run->n) == -1)
		return -1;
	run->in->layout = c->m->ctl.layout;
	r = sure ? change(c, run->in->items + from, run->n - from, end, delay_us, keep)
	    : claim_change(c, run->in->items + from, run->n - from, end, delay_us, keep);
	if (r == -1)
		return -1;
	run->n = from;
	run->in->sure = sure;
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

/* trim -- nothing was found: what a spent segment still holds can go. */
static int
trim(struct mbox *m)
{
	if (m->ctl.live > 0 || m->ctl.last_seg == 0 || (m->ctl.log_len <= KEEP_IDLE && !overhangs(m)))
		return 0;
	if (txn_begin(m) == -1 || mbox_seg(m, m->ctl.last_seg) == -1)
		return -1;
	compact_newest(&m->seg, &m->ctl);
	return 0;
}

/* drop_found -- drop the one message that was found. */
static int
drop_found(struct mbox *m, const struct run *run)
{
	uint64_t state;

	if (seg_read_states(&m->seg, run->in->items[0].pos, 1, &state) == -1 || txn_begin(m) == -1)
		return -1;
	return settle_gone(m, run->in->items, 1, state_status(state), STATE_DROPPED, KEEP_STREAM);
}

/*
 * search -- search_backlog; what has expired is dropped on the way, and so are offers of the dead.
 * Returns 0, 1 more is to be dropped first, after the end of a piece, or -1.
 */
static int
search(struct claim *c, struct run *run, const struct claim_limits *limits)
{
	bool offer;
	int taken;

	for (uint64_t most = piece_drops(c->m, &c->piece_next); most > 0; most--) {
		if (search_backlog(c, run, limits) == -1)
			return -1;
		offer = run->n == 1 && !c->peek && !limits->probe && (run->in->items[0].slot.flags & SLOT_OFFER);
		if (!offer && (!run->expired || c->take_expired))
			return 0;       /* an offer that has expired has no payload to keep */
		taken = offer ? offer_take(c->m, &run->in->items[0], run->expired, &run->in->offer_fd) : drop_found(c->m, run);
		if (taken != 0)
			return taken == 1 ? 0 : -1;
	}
	run->n = 0;
	return 1;
}

/* find -- search; ask: give back first what the dead had claimed.  Returns as search. */
static int
find(struct claim *c, struct run *run, const struct claim_limits *limits, bool ask)
{
	int more = ask ? redeliver_dead(c) : 0;

	return more == 0 ? search(c, run, limits) : more;
}

/* leave_segment -- we took messages from a segment and go on elsewhere: see whether it is worth rewriting. */
static int
leave_segment(struct mbox *m, struct run *run, uint64_t left)
{
	struct seg s;

	if (left == m->ctl.last_seg || seg_open(&s, m->dir_fd, left, seg_access(m->ctl.mode)) == -1)
		return 0;       /* the newest is never rewritten; a spent one is gone */
	compact_sparse(&s, &m->ctl);
	seg_close(&s);
	if (run->n == 0)
		return 0;
	/* what was found stays where it is, but what we hold open may be stale by its number */
	run->in->layout = m->layout = m->ctl.layout;
	return 0;
}

/* nothing -- the end of a turn that found nothing. */
static int
nothing(struct claim *c, const struct claim_limits *limits)
{
	if (!c->peek && trim(c->m) == -1)
		return -1;
	if (!limits->wait)
		return 0;
	/* who waits for one message by its number leaves the others */
	return wait_post(c->m, c->peek || limits->from != 0 ? WANT_PEEK : WANT_RECEIVE, &c->filter, 0);
}

/* turn -- claim_turn, with the lock held.  Returns 0, 1 again after the end of a piece, or -1. */
static int
turn(struct claim *c, struct run *run, const struct claim_limits *limits)
{
	struct mbox *m = c->m;
	/* who peeks changes nothing, and has begun no change to rewrite a segment in */
	uint64_t left = run->n > 0 && !c->peek ? run->in->seg : 0;
	bool ask;
	int more;

	if (c->peek)
		run->n = 0;
	if (finish(c, run, 0, RECEIVER_DONE, 0, KEEP_STREAM) == -1)
		return -1;
	ask = !m->look && redeliver_due(c);
	more = find(c, run, limits, ask);
	if (more == 0 && run->n == 0 && !ask && !m->look && m->ctl.claimed > 0)
		more = find(c, run, limits, true);
	if (more == -1)
		return -1;
	if (left != 0 && !m->look && (run->n == 0 || run->in->seg != left) && leave_segment(m, run, left) == -1)
		return -1;
	if (run->n == 0)
		return more == 1 ? 1 : nothing(c, limits);
	if (mbox_seg_log(m) == -1)
		return -1;
	if (limits->probe)
		return 0;
	if (!c->peek && (mbox_number(m) == -1 || txn_begin(m) == -1 || settle_claim(m, run->in->items, run->n) == -1))
		return -1;
	if (run->in->offer_fd != -1 && wake_end(m, run->in->items[0].id, STATE_CLAIMED) == -1)
		return -1;
	return wait_awake(m);
}

/* read_run -- read the run's frames, after the unlock: nobody changes what is in a log. */
static int
read_run(struct claim *c, struct run *run)
{
	ssize_t n = io_pread(c->m->seg.log_fd, run->in->log, run->in->log_len, run->in->log_at);

	/* what is not there is damaged, message by message */
	if (n != -1)
		memset(run->in->log + n, 0, run->in->log_len - (size_t)n);
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
 * look_turn -- claim_turn without the lock.  What changed meanwhile is looked at again; where it never stands still,
 * that the frames are those of their slots has to do.
 */
static int
look_turn(struct claim *c, struct run *run, const struct claim_limits *limits)
{
	struct mbox *m = c->m;
	uint64_t *before = c->cursor + c->ranks;
	int r, ms = 1, err;

	memcpy(before, c->cursor, c->ranks * sizeof *before);
	for (int i = 1;; i++) {
		if (txn_lock(m, limits->deadline_ns) == -1)
			return -1;
		r = turn(c, run, limits);
		if (r == 0 && run->n > 0)
			r = read_run(c, run);
		txn_unlock(m);
		if (r == 0 && (txn_still(m) || (i >= LOOKS_ENOUGH && is_whole(run))))
			return run->n > 0;
		/* what a segment was found to be may be what it is no more */
		err = errno;
		seg_close(&m->seg);
		c->names_of = 0;
		c->slots_n = 0;
		memcpy(c->cursor, before, c->ranks * sizeof *before);
		if (io_nap(limits->deadline_ns, &ms, LOOK_NAP_MS) == -1)
			return -1;
		if (i == LOOKS) {
			errno = r == 0 ? EBADMSG : err;
			return -1;
		}
	}
}

/*
 * turn_in_pieces -- turn, to its end; the mailbox may be unlocked where it fails.  A mailbox that is not long ours, and is
 * filled by others with what we do not want, holds us up no longer than we would wait.
 */
static int
turn_in_pieces(struct claim *c, struct run *run, const struct claim_limits *limits)
{
	int r;

	c->piece_next = 0;
	while ((r = turn(c, run, limits)) == 1 && !(c->brief && clock_mono_ns() >= limits->deadline_ns))
		if (piece_next(c->m, limits->deadline_ns) == -1)
			return -1;
	return r == -1 ? -1 : 0;
}

int
claim_turn(struct claim *c, struct run *run, const struct claim_limits *limits)
{
	struct mbox *m = c->m;
	int r;

	if (m->look) {
		while ((r = look_turn(c, run, limits)) == 1 && (r = verify_run(m, true, run, 0) == -1 ? -1 : 1) == 1 && run->n == 0)
			;               /* all that was found was damaged */
		return r;
	}
	do {
		if ((run->n > 0 && !c->peek ? claim_lock(c, 1) : txn_lock(m, limits->deadline_ns)) == -1)
			return -1;
		r = turn_in_pieces(c, run, limits);
		if (r == 0 && m->txn.changing)
			r = txn_commit(m);
		txn_unlock(m);
		if (r == -1)
			return -1;
		if (run->n == 0 || limits->probe)
			return run->n > 0;
		run->in->sure = !c->peek;
		if (limits->messages > 1)
			search_ahead(c, run);
		if (read_run(c, run) == -1 || verify_run(m, c->peek, run, claim_deadline(c)) == -1)
			return -1;
	} while (run->n == 0);          /* all that was found was damaged */
	return 1;
}

bool
claim_waits(struct claim *c, uint64_t id)
{
	struct item item;
	enum state_status status;
	bool waits;
	int found;

	if (txn_lock(c->m, claim_deadline(c)) == -1)
		return true;
	found = settle_find(c->m, id, &item, &status);
	waits = found != 0;
	/* what is not wanted now never will be */
	if (found == 1 && search_names(c) == 0)
		waits = filter_match(&c->filter, names_get(&c->names, item.slot.tag), names_get(&c->names, item.slot.source));
	txn_unlock(c->m);
	return waits;
}

int
claim_settle(struct claim *c, struct run *run, uint32_t from, enum receiver_end end, uint64_t delay_us)
{
	int r;

	if (c->peek || from >= run->n) {
		run->n = from < run->n ? from : run->n;
		return 0;
	}
	if (claim_lock(c, CLAIM_STOPS) == -1)
		return -1;
	r = finish(c, run, from, end, delay_us < SETTLE_DELAY_MAX_US ? delay_us : SETTLE_DELAY_MAX_US, KEEP_IDLE);
	if (r == 0 && end == RECEIVER_DONE)
		compact_sparse(&c->m->seg, &c->m->ctl);
	if (r == 0)
		r = txn_commit(c->m);
	txn_unlock(c->m);
	return r;
}

/* ---- what was claimed ---- */

/* is_of_slot -- whether the header line is that of a whole message as the slot has it. */
static bool
is_of_slot(const struct frame *f, const struct slot *s)
{
	bool big = s->flags & SLOT_BIG;

	return !f->continuation && !f->more && f->len == (big ? 0 : s->len)
	    && (!big || (f->extra.len >= 4 && memcmp(f->extra.p, "big=", 4) == 0));
}

/* kept_payload -- the payload of an offer: where it was not kept, its sender has it.  Returns 0, or -1. */
static int
kept_payload(const struct run *run, struct message *m)
{
	struct stat st;

	m->data = NULL;
	m->len = MESSAGE_LEN_UNKNOWN;
	if (run->in->kept_fd == -1)
		return 0;
	if (fstat(run->in->kept_fd, &st) == -1)
		return -1;
	m->len = (uint64_t)st.st_size;
	m->fd = fcntl(run->in->kept_fd, F_DUPFD_CLOEXEC, 0);
	return m->fd == -1 ? -1 : 0;
}

int
claim_message(struct claim *c, struct run *run, uint32_t i, struct message *m, char *scratch)
{
	const struct item *item = &run->in->items[i];
	const char *payload = claim_payload(run, i);
	char big[SEG_NAME_BYTES];
	struct frame f;

	if (frame_parse(&f, payload - item->slot.head_len, item->slot.head_len, NULL) == -1)
		return -1;
	if (!is_of_slot(&f, &item->slot)) {
		errno = EBADMSG;
		return -1;
	}
	/* its first header is the mailbox's own */
	if ((item->slot.flags & SLOT_BIG) && batch_big_take(&f.extra, NULL) == -1)
		return -1;
	message_of_frame(m, &f, scratch);
	m->id = item->id;
	m->time_us = item->slot.time_us;
	m->attempt = item->tries + 1;
	m->len = item->slot.len;
	m->data = payload;
	m->fd = -1;
	if (item->slot.flags & SLOT_OFFER)
		return kept_payload(run, m);
	if (!(item->slot.flags & SLOT_BIG))
		return 0;
	m->data = NULL;
	seg_file(big, item->id, 0, "big");
	m->fd = safefile_open_plain(c->m->dir_fd, big, O_RDONLY);
	/* nobody else takes away what we have claimed */
	if (m->fd == -1 && errno == ENOENT && !c->peek)
		return mbox_missing(c->m);
	return m->fd == -1 ? -1 : 0;
}
