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
#include "base/memory.h"
#include "base/waiting.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/wakefifo.h"
#include "mailbox/mode.h"
#include "mailbox/queue/evict.h"
#include "mailbox/queue/offer.h"
#include "mailbox/send/completion.h"
#include "mailbox/send/groupsync.h"
#include "mailbox/send/later.h"
#include "mailbox/send/newest.h"
#include "mailbox/send/room.h"
#include "mailbox/send/spool.h"
#include "mailbox/wait/wait.h"
#include "mailbox/wait/wake.h"

enum {
	FEW = 4,                        /* slots that stand on the stack */
	SLOTS = 1024,                   /* slots written at a time */
};

static LARGE struct slot many[SLOTS];   /* where there are more: each page of a stack costs a one-shot a fault */

void
append_init(struct append *p, struct mbox *m, struct names *names)
{
	p->names = names;
	p->m = m;
	p->names_of = 0;
	names_none(p->names);
	p->last_id = 0;
	p->sync = false;
	p->fresh = NULL;
	p->drop = NULL;
	p->offer_fd = -1;
	p->latest = (struct latest){ .upto = 0 };
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
	if (p->names_of != c->last_seg || p->names->n > c->names)
		names_none(p->names);
	p->names_of = c->last_seg;
	return names_read(p->names, &m->seg, c->names, c->names_len);
}

/* number_name -- have the number of a batch's name in number.  Returns whether there is room for it. */
static bool
number_name(struct append *p, const struct batch *b, uint16_t name, int32_t *number)
{
	if (number[name] == -1)
		number[name] = (int32_t)names_add(p->names, b->name[name]);
	return number[name] != -1;
}

/* number_names -- have in number those of the names of n messages.  Returns for how many messages there is room. */
static uint32_t
number_names(struct append *p, const struct batch *b, uint32_t n, int32_t *number)
{
	const struct slot *s = b->slots + b->from, *known = NULL;

	for (uint32_t i = 0; i < b->names; i++)
		number[i] = -1;
	for (uint32_t i = 0; i < n; known = s, s++, i++) {
		/* neighbours mostly have the same */
		if (known != NULL && s->tag == known->tag && s->source == known->source)
			continue;
		if (!number_name(p, b, s->tag, number) || !number_name(p, b, s->source, number))
			return i;
	}
	return n;
}

/*
 * write_slots -- write the slots of n messages of b from place pos of the segment on, with their places in the log and
 * the numbers of their names (number_names); and their expiries.  bytes: gets what they cost.  Returns 0, or -1.
 */
static int
write_slots(struct append *p, const struct batch *b, const int32_t *number, uint32_t pos, uint32_t n, uint64_t *bytes)
{
	const struct slot *from = b->slots + b->from;
	const uint32_t base = (uint32_t)p->m->ctl.log_len - from->off;
	const uint16_t flags = (p->sync ? SLOT_SYNC : 0) | (is_offer(p->m) ? SLOT_OFFER | SLOT_SYNC : 0);
	const uint64_t salt = p->m->seg.h.salt, next = p->m->ctl.next;
	struct slot few[FEW], *slots = n <= FEW ? few : many, *s;
	uint64_t now = 0;

	*bytes = 0;
	for (uint32_t i = 0, step; i < n; i += step) {
		step = n - i < SLOTS ? n - i : SLOTS;
		for (uint32_t j = 0; j < step; j++) {
			s = &slots[j];
			*s = from[i + j];
			s->flags |= flags;
			s->off += base;
			s->sum = seg_bind(s->sum, salt, next + i + j);
			s->tag = (uint16_t)number[s->tag];
			s->source = (uint16_t)number[s->source];
			if (s->time_us == 0)
				s->time_us = now != 0 ? now : (now = clock_wall_us());
			*bytes += batch_cost(s->len);
			if (s->flags & (SLOT_EXPIRES | SLOT_DUE) && later_times(p->m, b, b->from + i + j, pos + i + j, s) == -1)
				return -1;
		}
		if (seg_write_slots(&p->m->seg, pos + i, step, slots) == -1)
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
	int32_t number[BATCH_NAMES];    /* of a name of the batch in the segment's table; -1 not known yet */

	if (n > SEG_MESSAGES - pos)
		n = SEG_MESSAGES - pos;
	names_cut(p->names, c->names, c->names_len);
	n = number_names(p, b, n, number);
	if (mbox_seg_log(m) == -1
	    || io_pwrite(m->seg.log_fd, b->log + b->slots[b->from].off, batch_frames_len(b, n), c->log_len) == -1
	    || names_write(p->names, &m->seg, c->names) == -1 || seg_reserve(&m->seg, pos, n) == -1
	    || write_slots(p, b, number, pos, n, bytes) == -1
	    || (is_offer(m) && (p->offer_fd = offer_make(m, pos, c->next)) == -1))
		return -1;
	return (long)n;
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
	const unsigned rang = m->txn.ringing;
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
	groupsync_note(m);
	if (p->fresh != NULL && fresh_write(p->fresh, b, n) == -1)
		return -1;
	if ((later ? later_keep(m, b, n) : wake_receivers(m, c->next, n, b->slots + b->from, b->name)) == -1)
		return -1;
	/* a receiver whose wake FIFO stands in the directory tells as well that the mailbox was not removed */
	if (!m->txn.there && m->txn.ringing == rang && txn_there(m) == -1)
		return -1;
	/* what would be begun later, on account of a want, would tell of the messages before they count */
	if ((p->sync || m->waiter.posted || m->waiter.crowd.kinds & 1U << WANT_ROOM) && txn_begin(m) == -1)
		return -1;
	c->live_bytes += bytes;
	c->live += n;
	c->next += n;
	c->log_len += batch_frames_len(b, n);
	c->names = p->names->n;
	c->names_len = p->names->len;
	if (p->fresh != NULL)
		fresh_count(p->fresh, n);
	/* after loss of power the index tells how much of it counts: ctl is not synced */
	if (c->durable)
		newest_extent(m);
	if ((c->durable && seg_write_extent(&m->seg) == -1) || finish_append(p) == -1)
		return -1;
	if (p->fresh != NULL)
		fresh_counted(p->fresh, n);
	if (c->policy == MAILBOX_LATEST)
		latest_sent(&p->latest, b->name[b->slots[b->from].tag], c->next - 1);
	b->from += n;
	p->names_of = c->last_seg;
	p->last_id = c->next - 1;
	return 0;
}

enum { NONE_LEFT };                     /* of enter */

/* let_in -- with the lock held: how many of the batch's next messages may go in, 0 for none yet, or -1. */
static long
let_in(struct append *p, struct batch *b, uint64_t deadline_ns)
{
	struct mbox *m = p->m;
	int r = may_send(m, false) == -1 ? -1 : room_come_in(m, b, &p->latest, deadline_ns);
	uint32_t n = 0;

	/* others may have had the lock meanwhile, and taken the same */
	if (r == 0 && p->fresh != NULL)
		r = fresh_skip(p->fresh, b);
	if (r == 0)
		n = room_admits(&m->ctl, b);
	if (n > 0 && p->fresh != NULL)
		n = fresh_run(p->fresh, b, n);
	return r == -1 || (n > 0 && newest_segment(p) == -1) ? -1 : (long)n;
}

/*
 * enter -- lock the mailbox at a moment when there is room, and have a segment to append to; what was taken before is
 * passed over.
 * Returns how many of the batch's messages may go in; NONE_LEFT, unlocked: all were passed over; or -1.
 */
static long
enter(struct append *p, struct batch *b, uint64_t deadline_ns)
{
	struct mbox *m = p->m;
	uint64_t began_ns = 0;          /* when we began to wait for the lock, after a wait for room */
	long n;

	for (;;) {
		m->txn.asks = true;
		if (txn_lock(m, room_lock_deadline(deadline_ns)) == -1) {
			/* it was free before: it is in demand, no process keeps it */
			if (errno == EBUSY && began_ns != 0 && clock_mono_ns() < began_ns + WAKE_STOPPED_NS)
				errno = ETIMEDOUT;
			return -1;
		}
		n = p->fresh != NULL ? fresh_skip(p->fresh, b) : 0;
		if (n == 0 && b->from < b->n)
			n = let_in(p, b, deadline_ns);
		/* where there is no room, or it cannot be sent, that may be why */
		if (n < 1 && !m->txn.there && txn_there(m) == -1)
			n = -1;
		if (n != 0 || b->from == b->n)
			waiting_over();
		if (n == -1 || b->from == b->n) {
			txn_unlock(m);
			wait_leave(m);
			return n;
		}
		if (n > 0)
			return n;
		if (room_wait(m, batch_cost(b->slots[b->from].len), deadline_ns) == -1)
			return -1;
		began_ns = clock_mono_ns();
	}
}

/* kept -- have the messages from first on, just appended, survive what the mailbox does, and what was passed over. */
static int
kept(struct append *p, uint64_t first, bool named)
{
	if (!p->m->ctl.durable)
		return 0;
	if ((p->fresh != NULL && fresh_sync(p->fresh) == -1)
	    || (first <= p->last_id && groupsync_wait(p->m, first, p->last_id, named) == -1))
		return -1;
	if (p->fresh != NULL)
		fresh_synced(p->fresh);
	return 0;
}

int
append_batch(struct append *p, struct batch *b, uint64_t deadline_ns)
{
	const uint32_t from = b->from;
	uint64_t first;
	long n;
	int r = 0, err;

	if (b->from == b->n)
		return 0;
	n = enter(p, b, deadline_ns);
	first = p->m->ctl.next;
	if (n > 0) {
		r = append(p, b, (uint32_t)n);
		txn_unlock(p->m);
	}
	err = errno;
	if (b->from > from && kept(p, first, false) == -1) {
		p->last_id = first - 1;
		b->from = from;
		return -1;
	}
	return n == -1 || r == -1 ? fail_with(err) : p->sync ? completion_await(p->m, p->last_id, deadline_ns) : 0;
}

int
append_offer(struct append *p, struct batch *b, uint64_t deadline_ns)
{
	struct mbox *m = p->m;
	const struct slot *slot = &b->slots[b->from];
	int wanted = 1, r;

	p->offer_fd = -1;
	if (txn_lock(m, room_lock_deadline(deadline_ns)) == -1)
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
	uint64_t first;
	long n = 1;

	if (b->n == 0) {        /* else it was asked before */
		batch_put_big(b, len, sum);
		/* synced first: it takes long, and no other need wait for it */
		n = m->ctl.durable && io_sync_data(fd) == -1 ? -1 : 1;
	}
	if (n == 1)
		n = enter(p, b, deadline_ns);
	if (n == -1 && deadline_ns == APPEND_ASK && errno == EAGAIN)
		return -1;
	first = m->ctl.next;
	if (n < 1 || append_spooled(p, b, true) == -1) {
		txn_unlock(m);
		spool_drop(m, fd);
		return n == NONE_LEFT ? kept(p, first, false) : -1;
	}
	/* the message is in: should this fail, the want goes once we are dead */
	(void)txn_end(m, p->sync ? 0 : wait_down(m));
	close(fd);
	if (kept(p, first, true) == -1)
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
	r = room_make(m, b, &p->latest, e);
	if (r != 0)
		return r == 1 ? APPEND_PIECE : -1;
	if (room_admits(&m->ctl, b) == 0)
		return 0;
	if (newest_segment(p) == -1)
		return -1;
	p->drop = drop;
	r = append_spooled(p, b, big);
	p->drop = NULL;
	return r == 0 ? 1 : -1;
}
