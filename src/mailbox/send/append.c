/* SPDX-License-Identifier: ISC */
/*
 * append: messages are appended under the lock; a payload too large for that is gathered outside it (spool.h).
 * What a crash leaves is in append.h and spool.h.
 */
#include "mailbox/send/append.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/wakefifo.h"
#include "mailbox/mode.h"
#include "mailbox/queue/evict.h"
#include "mailbox/queue/offer.h"
#include "mailbox/send/completion.h"
#include "mailbox/send/groupsync.h"
#include "mailbox/send/later.h"
#include "mailbox/send/newest.h"
#include "mailbox/send/spool.h"
#include "mailbox/wait/wait.h"
#include "mailbox/wait/wake.h"

void
append_init(struct append *p, struct mbox *m)
{
	p->m = m;
	p->names_of = 0;
	p->names.n = p->names.len = 0;
	p->last_id = 0;
	p->sync = false;
	p->drop = NULL;
	p->offer_fd = -1;
}

/* ---- room ---- */

/* admitted -- how many of the batch's messages have room now; a message always has in an empty mailbox. */
static uint32_t
admitted(const struct ctl *c, const struct batch *b)
{
	uint64_t live = c->live, bytes = c->live_bytes;
	uint32_t i;

	if (c->policy == MAILBOX_LATEST || (c->cap_messages == MAILBOX_UNBOUNDED && c->cap_bytes == MAILBOX_UNBOUNDED))
		return b->n - b->from;
	for (i = b->from; i < b->n; i++) {
		if (live > 0 && (live >= c->cap_messages || bytes + batch_cost(b->slots[i].len) > c->cap_bytes))
			break;
		live++;
		bytes += batch_cost(b->slots[i].len);
	}
	return i - b->from;
}

/* make_room -- with the lock held: drop what the batch's next message takes the place of.  Returns as evict; e: its. */
static int
make_room(struct mbox *m, const struct batch *b, struct expiring *e)
{
	const struct slot *slot = &b->slots[b->from];
	int r = mbox_fits(&m->ctl, batch_cost(slot->len)) ? 0 : evict_expired(m, e);

	return r != 0 ? r : evict(m, b->name[slot->tag], batch_cost(slot->len), e);
}

/*
 * wait_for_room -- post our want for room, unlock, and sleep.
 * Returns 0: lock and look again; or -1: EAGAIN, ETIMEDOUT, EINTR, EIDRM or errno, our want taken down.
 */
static int
wait_for_room(struct mbox *m, uint64_t need_bytes, uint64_t deadline_ns)
{
	int r;

	if (deadline_ns == APPEND_NOW) {
		(void)txn_end(m, 0);
		errno = EAGAIN;
		return -1;
	}
	io_catch_stop();
	r = txn_end(m, wait_post(m, WANT_ROOM, NULL, need_bytes));
	if (r == 0 && deadline_ns == APPEND_ASK) {
		errno = EAGAIN;
		return -1;
	}
	if (r == 0) {
		r = wait_sleep(m, deadline_ns);
		if (r == 1)
			return 0;
		if (r == 0)
			errno = ETIMEDOUT;
	}
	if (errno != EIDRM)
		wait_leave(m);
	return -1;
}

/* ---- append ---- */

/* is_offer -- whether messages are not kept there, but handed over. */
static bool
is_offer(const struct mbox *m)
{
	return m->ctl.cap_messages == 0;
}

/* may_send -- whether messages are sent there, in this way.  Returns 0, or -1: ESHUTDOWN, ESTALE. */
static int
may_send(const struct mbox *m, bool offer)
{
	if (m->ctl.closed)
		return fail_with(ESHUTDOWN);
	return is_offer(m) == offer ? 0 : fail_with(ESTALE);
}

/* newest_segment -- have m->seg be a segment that takes more messages, and its names in p->names. */
static int
newest_segment(struct append *p)
{
	struct mbox *m = p->m;
	struct ctl *c = &m->ctl;

	if (c->last_seg == 0)
		seg_close(&m->seg);     /* the one that was open has been removed */
	else if (mbox_seg(m, c->last_seg) == -1)
		return -1;
	if ((c->last_seg == 0 || mbox_seg_n(m) == SEG_MESSAGES || c->log_len >= SEG_LOG_MAX || c->names > SEG_NAMES - 2
	    || c->names_len > SEG_NAMES_BYTES - 2 * (FRAME_NAME_MAX + 1)) && newest_begin(m) == -1)
		return -1;
	if (p->names_of != c->last_seg || p->names.n > c->names)
		p->names.n = p->names.len = 0;
	p->names_of = c->last_seg;
	return names_read(&p->names, &m->seg, c->names, c->names_len);
}

/* number_name -- have the number of a batch's name in p->number.  Returns whether there is room for it. */
static bool
number_name(struct append *p, const struct batch *b, uint16_t name)
{
	if (p->number[name] == -1)
		p->number[name] = (int32_t)names_add(&p->names, b->name[name]);
	return p->number[name] != -1;
}

/* number_names -- number_name, for n messages.  Returns for how many there is room. */
static uint32_t
number_names(struct append *p, const struct batch *b, uint32_t n)
{
	const struct slot *s = b->slots + b->from, *known = NULL;

	for (uint32_t i = 0; i < b->names; i++)
		p->number[i] = -1;
	for (uint32_t i = 0; i < n; known = s, s++, i++) {
		/* neighbours mostly have the same */
		if (known != NULL && s->tag == known->tag && s->source == known->source)
			continue;
		if (!number_name(p, b, s->tag) || !number_name(p, b, s->source))
			return i;
	}
	return n;
}

/*
 * write_slots -- write the slots of n messages of b from place pos of the segment on, with their places in the log and
 * the numbers of their names; and their expiries.  bytes: gets what they cost.  Returns 0, or -1.
 */
static int
write_slots(struct append *p, const struct batch *b, uint32_t pos, uint32_t n, uint64_t *bytes)
{
	const struct slot *from = b->slots + b->from;
	const uint32_t base = (uint32_t)p->m->ctl.log_len - from->off;
	const uint16_t flags = (p->sync ? SLOT_SYNC : 0) | (is_offer(p->m) ? SLOT_OFFER | SLOT_SYNC : 0);
	const uint64_t salt = p->m->seg.h.salt, next = p->m->ctl.next;
	uint64_t now = 0;
	struct slot *s;

	*bytes = 0;
	for (uint32_t i = 0, step; i < n; i += step) {
		step = n - i < APPEND_SLOTS ? n - i : APPEND_SLOTS;
		for (uint32_t j = 0; j < step; j++) {
			s = &p->slots[j];
			*s = from[i + j];
			s->flags |= flags;
			s->off += base;
			s->sum = seg_bind(s->sum, salt, next + i + j);
			s->tag = (uint16_t)p->number[s->tag];
			s->source = (uint16_t)p->number[s->source];
			if (s->time_us == 0)
				s->time_us = now != 0 ? now : (now = clock_wall_us());
			*bytes += batch_cost(s->len);
			if (s->flags & (SLOT_EXPIRES | SLOT_DUE) && later_times(p->m, b, b->from + i + j, pos + i + j, s) == -1)
				return -1;
		}
		if (seg_write_slots(&p->m->seg, pos + i, step, p->slots) == -1)
			return -1;
	}
	return 0;
}

/* finish_append -- commit, with the wants that an append changes. */
static int
finish_append(struct append *p)
{
	struct mbox *m = p->m;
	bool waits = p->sync || is_offer(m);

	/* we are admitted: the next in the queue may fit as well */
	if ((m->waiter.posted && p->drop == NULL ? wait_awake(m) : wake_room(m)) == -1
	    || (waits && wait_post(m, WANT_END, NULL, m->ctl.next - 1) == -1))
		return -1;
	if (waits && !m->waiter.posted) {
		errno = ENOSPC;         /* without our want no process could tell us how it ended */
		return -1;
	}
	m->ctl.from_drop = p->drop != NULL;
	if (p->drop != NULL)
		memcpy(m->ctl.taken, p->drop, sizeof m->ctl.taken);
	return txn_commit(m);
}

/*
 * write_messages -- write n messages of b beyond the end of m->seg, or fewer, where the names of the others, or they
 * themselves, have no room there.  bytes: gets what they cost.  Returns how many, or -1.
 */
static long
write_messages(struct append *p, const struct batch *b, uint32_t n, uint64_t *bytes)
{
	struct mbox *m = p->m;
	const struct ctl *c = &m->ctl;
	uint32_t pos = mbox_seg_n(m);

	if (n > SEG_MESSAGES - pos)
		n = SEG_MESSAGES - pos;
	p->names.n = c->names;
	p->names.len = c->names_len;
	n = number_names(p, b, n);
	if (mbox_seg_log(m) == -1
	    || io_pwrite(m->seg.log_fd, b->log + b->slots[b->from].off, batch_frames_len(b, n), c->log_len) == -1
	    || names_write(&p->names, &m->seg, c->names) == -1 || seg_reserve(&m->seg, pos, n) == -1
	    || write_slots(p, b, pos, n, bytes) == -1
	    || (is_offer(m) && (p->offer_fd = offer_make(m, pos, c->next)) == -1))
		return -1;
	return n;
}

/* write_fitting -- write_messages; where a file may not grow that long, fewer, and the first in a new segment. */
static long
write_fitting(struct append *p, const struct batch *b, uint32_t n, uint64_t *bytes)
{
	long wrote;

	while ((wrote = write_messages(p, b, n, bytes)) == -1 && errno == EFBIG) {
		if (n > 1)
			n /= 2;
		else if (mbox_seg_n(p->m) == 0 || newest_begin(p->m) == -1)
			break;
	}
	return wrote;
}

/* append -- write n messages of b, or fewer, beyond the end, wake receivers for them, and commit. */
static int
append(struct append *p, struct batch *b, uint32_t n)
{
	struct mbox *m = p->m;
	struct ctl *c = &m->ctl;
	uint64_t bytes;
	long wrote;
	bool later = false;

	if (p->sync || is_offer(m) || c->policy != MAILBOX_BLOCK)
		n = 1;          /* each waits, or evicts, for itself */
	n = later_alike(m, b, n, &later);
	if (later && later_begin(m) == -1)
		return -1;
	p->names_of = 0;        /* until what is added to them counts */
	wrote = write_fitting(p, b, n, &bytes);
	if (wrote == -1)
		return -1;
	n = (uint32_t)wrote;
	if ((later ? later_keep(m, b, n) : wake_receivers(m, c->next, n, b->slots + b->from, b->name)) == -1)
		return -1;
	/* what would be begun later, on account of a want, would tell of the messages before they count */
	if ((p->sync || m->waiter.posted || m->waiter.crowd.kinds & 1U << WANT_ROOM) && txn_begin(m) == -1)
		return -1;
	c->live_bytes += bytes;
	c->live += n;
	c->next += n;
	c->log_len += batch_frames_len(b, n);
	c->names = p->names.n;
	c->names_len = p->names.len;
	/* after loss of power the index tells how much of it counts: ctl is not synced */
	if (c->durable)
		newest_extent(m);
	if ((c->durable && seg_write_extent(&m->seg) == -1) || finish_append(p) == -1)
		return -1;
	b->from += n;
	p->names_of = c->last_seg;
	p->last_id = c->next - 1;
	return 0;
}

/* lock_deadline -- how long to wait for the lock: a second where the append is not to wait. */
static uint64_t
lock_deadline(uint64_t deadline_ns)
{
	if (deadline_ns == APPEND_ASK)
		return CLOCK_NEVER;
	return deadline_ns == APPEND_NOW ? clock_after(WAKE_LOOK_NS) : deadline_ns;
}

/*
 * come_in -- with the lock held: whether others wait for room; where none does, what the batch's next message takes the
 * place of goes, in pieces.  Returns as wake_ahead; where it fails the mailbox may be unlocked.
 */
static int
come_in(struct mbox *m, const struct batch *b, uint64_t deadline_ns)
{
	struct expiring e = { .from = 0 };
	int ahead, more;

	for (;;) {
		ahead = wake_ahead(m);
		m->waiter.behind = ahead == 1;
		if (ahead != 0)
			return ahead;
		more = make_room(m, b, &e);
		if (more != 1)
			return more;
		if (piece_next(m, deadline_ns) == -1)
			return -1;
	}
}

/*
 * enter -- lock the mailbox at a moment when there is room, and have a segment to append to.
 * Returns how many of the batch's messages may go in, or -1.
 */
static long
enter(struct append *p, const struct batch *b, uint64_t deadline_ns)
{
	struct mbox *m = p->m;
	uint64_t began_ns = 0;          /* when we began to wait for the lock, after a wait for room */
	uint32_t n;
	int r;

	for (;;) {
		if (txn_lock(m, lock_deadline(deadline_ns)) == -1) {
			/* it was free before: it is in demand, no process keeps it */
			if (errno == EBUSY && began_ns != 0 && clock_mono_ns() < began_ns + WAKE_STOPPED_NS)
				errno = ETIMEDOUT;
			return -1;
		}
		r = may_send(m, false) == -1 ? -1 : come_in(m, b, deadline_ns);
		n = r == 0 ? admitted(&m->ctl, b) : 0;
		if (r == -1 || (n > 0 && newest_segment(p) == -1)) {
			txn_unlock(m);
			wait_leave(m);
			return -1;
		}
		if (n > 0)
			return n;
		if (wait_for_room(m, batch_cost(b->slots[b->from].len), deadline_ns) == -1)
			return -1;
		began_ns = clock_mono_ns();
	}
}

int
append_batch(struct append *p, struct batch *b, uint64_t deadline_ns)
{
	uint32_t from = b->from;
	long n;
	int r;

	if (b->from == b->n)
		return 0;
	n = enter(p, b, deadline_ns);
	if (n == -1)
		return -1;
	r = append(p, b, (uint32_t)n);
	txn_unlock(p->m);
	if (r == 0 && p->m->ctl.durable && groupsync_wait(p->m, p->last_id + 1 - (b->from - from), p->last_id, false) == -1) {
		p->last_id -= b->from - from;
		b->from = from;
		return -1;
	}
	return r == 0 && p->sync ? completion_await(p->m, p->last_id, deadline_ns) : r;
}

int
append_offer(struct append *p, struct batch *b, uint64_t deadline_ns)
{
	struct mbox *m = p->m;
	const struct slot *slot = &b->slots[b->from];
	int wanted = 1, r;

	p->offer_fd = -1;
	if (txn_lock(m, lock_deadline(deadline_ns)) == -1)
		return -1;
	if (deadline_ns == APPEND_NOW)
		wanted = wake_wanted(m, b->name[slot->tag], b->name[slot->source]);
	if (wanted == 0)
		errno = EAGAIN;
	if (may_send(m, true) == -1)
		wanted = -1;
	r = wanted != 1 || mbox_number(m) == -1 || txn_begin(m) == -1 || newest_segment(p) == -1 ? -1 : append(p, b, 1);
	txn_unlock(m);
	if (r == -1)
		io_close(p->offer_fd);
	return r;
}

/* ---- large payloads ---- */

/* append_spooled -- append one message; big: whose payload in the spool gets its name, ID.big.  Returns 0, or -1. */
static int
append_spooled(struct append *p, struct batch *b, bool big)
{
	struct mbox *m = p->m;
	char spool[WAKEFIFO_NAME_MAX], file[SEG_NAME_BYTES];

	if (big) {
		wakefifo_spool_name(spool, m->number);
		seg_file(file, m->ctl.next, 0, "big");
		batch_big_id(b, m->ctl.next);
		if (txn_begin(m) == -1 || renameat(m->dir_fd, spool, m->dir_fd, file) == -1)
			return -1;
	}
	if (append(p, b, 1) == 0)
		return 0;
	if (big)                /* should that fail, or be too late, recovery removes it: ctl is busy */
		unlinkat(m->dir_fd, file, 0);
	return -1;
}

int
append_big(struct append *p, struct batch *b, int fd, uint64_t len, uint64_t sum, uint64_t deadline_ns)
{
	struct mbox *m = p->m;
	int r = 0;

	if (b->n == 0) {        /* else it was asked before */
		batch_put_big(b, len, sum);
		/* synced first: it takes long, and no other need wait for it */
		r = m->ctl.durable ? io_sync_data(fd) : 0;
	}
	if (r == 0 && enter(p, b, deadline_ns) == -1) {
		if (deadline_ns == APPEND_ASK && errno == EAGAIN)
			return -1;
		r = -1;
	}
	if (r == -1 || append_spooled(p, b, true) == -1) {
		txn_unlock(m);
		spool_drop(m, fd);
		return -1;
	}
	/* the message is in: should this fail, the want goes once we are dead */
	(void)txn_end(m, p->sync ? 0 : wait_down(m));
	close(fd);
	if (m->ctl.durable && groupsync_wait(m, p->last_id, p->last_id, true) == -1)
		return -1;
	return p->sync ? completion_await(m, p->last_id, deadline_ns) : 0;
}

/* ---- what was left in drop/ ---- */

int
append_drop(struct append *p, struct batch *b, const unsigned char *drop, bool big, struct expiring *e)
{
	struct mbox *m = p->m;
	int ahead, r;

	if (m->ctl.paused)
		return 0;
	ahead = wake_ahead(m);
	if (ahead == -1 || (ahead == 1 && m->ctl.from_drop))
		return ahead == -1 ? -1 : 0;
	r = make_room(m, b, e);
	if (r != 0)
		return r == 1 ? APPEND_PIECE : -1;
	if (admitted(&m->ctl, b) == 0)
		return 0;
	if (newest_segment(p) == -1)
		return -1;
	p->drop = drop;
	r = append_spooled(p, b, big);
	p->drop = NULL;
	return r == 0 ? 1 : -1;
}
