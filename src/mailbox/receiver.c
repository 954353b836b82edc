/* SPDX-License-Identifier: ISC */
/*
 * receiver: the receiving end of a mailbox: what waits there, what was left in drop/, and what is handed over.
 * claim.h and take.h say what a crash leaves.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/safefile.h"
#include "base/users.h"
#include "frame/frame.h"
#include "mailbox/box/compact.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/names.h"
#include "mailbox/drop/take.h"
#include "mailbox/mailbox.h"
#include "mailbox/queue/listing.h"
#include "mailbox/recv/claim.h"
#include "mailbox/wait/keeper.h"
#include "mailbox/wait/listen.h"
#include "mailbox/wait/wait.h"
#include "stream/reader.h"

enum { LINK_HEADERS = 256 };            /* bytes of a header line for what is added from link to link */

/* How long a sender has to begin, once its offer was taken; and at least, in the middle of a payload, to go on. */
#define BEGIN_NS UINT64_C(1000000000)

/* ---- open and close ---- */

int
receiver_open(struct receiver *r, const char *path)
{
	const int dir_fd = mbox_dir(path), err = errno;
	struct claim *c;
	struct mbox *m;

	if (dir_fd == -1 && err == ENOTDIR)
		return -1;
	r->in = c = memory_new(sizeof *c);
	if (c == NULL || (c->many = memory_many(sizeof *c->many)) == NULL) {
		memory_free(c);
		r->in = NULL;
		io_close(dir_fd);
		return -1;
	}
	c->offer_fd = -1;
	m = &c->m;
	r->damage = &m->damage;
	errno = err;
	if (mbox_open_in(m, dir_fd, r->peek) == -1 || (r->peek && ctl_read(m->ctl_fd, &m->ctl) == -1))
		return -1;
	r->hands_over = r->peek && m->ctl.cap_messages == 0;
	m->name = r->name;
	m->tell_unjudged = r->tell_unjudged;
	return claim_init(c, r);
}

/* close_offer -- the offer in hand, if any, has been settled: its sender may learn that its reader has gone. */
static void
close_offer(struct claim *c)
{
	io_close(c->offer_fd);
	c->offer_fd = -1;
}

void
receiver_close(struct receiver *r)
{
	struct claim *c = r->in;

	if (c == NULL)
		return;
	wait_leave(&c->m);
	if (r->ends)
		return;
	mbox_close(&c->m);
	claim_free(c);
	take_free(c->take);
	close_offer(c);
	memory_free(r->reader);
	memory_free(c->many);
	memory_free(c);
	r->reader = NULL;
	r->in = NULL;
}

/* ---- receive ---- */

/* set_head -- what the mailbox itself knows of message i. */
static void
set_head(const struct receiver *r, const struct run *run, uint32_t i, struct message *m)
{
	const struct item *item = &run->in->items[i];

	m->id = item->id;
	m->time_us = item->slot.time_us;
	m->attempt = item->tries + 1;
	m->once.id = 0;
	if (!r->once)
		return;
	memcpy(m->once.incarnation, run->in->incarnation, sizeof m->once.incarnation);
	m->once.id = item->id;
	m->via_last = r->in->m.ctl.identity;
}

/* is_timed -- whether there is a time after which nothing is waited for any more. */
static bool
is_timed(const struct receiver *r)
{
	return r->timeout_ns != MAILBOX_FOREVER && r->timeout_ns != MAILBOX_NOT_AT_ALL;
}

/*
 * begin_offer -- an offer is in hand: get its header from its sender, which was woken for that.  One that does not send
 * it may be stopped: it has its offer back, and offers it again if it ever goes on.
 * deadline_ns: where there is one, not to wait longer.
 * Returns 1, 0 where it came to nothing, or -1 (EBADMSG: the sender died in the middle).
 */
static int
begin_offer(struct receiver *r, struct run *run, uint64_t deadline_ns, struct message *m)
{
	uint64_t begin_ns = clock_after(BEGIN_NS);
	enum receiver_end end = RECEIVER_BACK;
	int fd = run->in->offer_fd, got, err;

	r->in->offer_fd = fd;
	if (r->reader == NULL && (r->reader = memory_new(sizeof *r->reader)) == NULL)
		return -1;
	reader_init(r->reader, fd, READER_ONE);
	r->reader->deadline_ns = is_timed(r) && deadline_ns < begin_ns ? deadline_ns : begin_ns;
	if (r->timeout_ns != MAILBOX_FOREVER)
		r->reader->patience_ns = r->timeout_ns > BEGIN_NS ? r->timeout_ns : BEGIN_NS;
	r->reader->own = true;  /* it has one reader in its life, us */
	got = reader_next(r->reader, m);
	run->offer = got == 1;
	if (run->offer) {
		message_anew(m);
		set_head(r, run, 0, m);
		return 1;
	}
	err = errno;
	if (got == 0 || err == EBADMSG)
		end = RECEIVER_DROPPED;
	else if (err == ETIMEDOUT)
		got = 0;
	if (receiver_settle(r, run, 0, end, 0) == -1)
		return -1;
	errno = err;
	return got;
}

/* tell -- tell the user why the message is not to be had (snapshot_list). */
static int
tell(void *arg, const struct snapshot_message *m)
{
	struct receiver *r = arg;

	if (m->state != SNAPSHOT_WAITS) {
		r->tell_why(r->name, m);
		r->tell_why = NULL;
	}
	return 0;
}

/* miss -- the message that we want is not to be had: whether it ever will be, and if so, why not now. */
static void
miss(struct receiver *r)
{
	const struct snapshot_list list = { .filter = r->filter, .id = r->id, .give = tell, .arg = r };

	r->ended = !receiver_has(r, r->id);
	if (!r->ended && r->tell_why != NULL)
		(void)listing(&r->in->m, &list);
}

/* stray -- why message i may go on no further. */
static enum run_stray
stray(const struct receiver *r, const struct run *run, uint32_t i)
{
	const struct slot *slot = &run->in->items[i].slot;
	const char *line = run->in->log + (slot->off - run->in->log_at);
	char own[MESSAGE_VIA_DIGITS];
	struct slice via;
	struct frame f;
	unsigned hops = 1;

	if (slot->head_len + LINK_HEADERS > FRAME_HEADER_MAX)
		return RUN_LONG;
	/* mostly there is no header, or not this one: no need to take it apart */
	if (find_byte(line, line + slot->head_len, '=') == NULL || memmem(line, slot->head_len, " via=", 5) == NULL
	    || frame_parse(&f, line, slot->head_len, NULL) == -1 || !frame_header(f.extra, "via", &via))
		return RUN_ON_ITS_WAY;
	num_hex(own, r->in->m.ctl.identity, sizeof own);
	if (memmem(via.p, via.len, own, sizeof own) != NULL)
		return RUN_LOOP;
	for (size_t n = 0; n < via.len; n++)
		hops += via.p[n] == ',';
	return hops >= RUN_HOPS_MAX ? RUN_HOPS : RUN_ON_ITS_WAY;
}

/*
 * set_apart -- a stray message stands alone in its run, as one that has expired does: those behind it are put back, or it
 * is with them.  Returns 1, or -1 (ELOOP: it is the first, and not to be taken).
 */
static int
set_apart(struct receiver *r, struct run *run)
{
	uint32_t i = 0;

	while (i < run->n && !(run->stray = stray(r, run, i)))
		i++;
	if (i == run->n)
		return 1;
	if (i > 0)
		run->stray = RUN_ON_ITS_WAY;
	r->stray_id = run->in->items[i].id;
	if (i == 0 && r->take_expired) {
		run->expired = true;
		return receiver_settle(r, run, 1, RECEIVER_BACK, 0) == -1 ? -1 : 1;
	}
	if (receiver_settle(r, run, i, RECEIVER_BACK, 0) == -1)
		return -1;
	errno = ELOOP;
	return i > 0 ? 1 : -1;
}

int
receiver_next(struct receiver *r, struct run *run, const struct receiver_ask *ask, struct message *m)
{
	struct claim *c = r->in;
	const bool first = r->all && c->below == UINT64_MAX;
	bool drops;
	int got;

	run->offer = false;
	run->stray = RUN_ON_ITS_WAY;
	/* what was wrong with the offer before is no reason any more */
	if (r->reader != NULL)
		r->reader->reason = NULL;
	do {
		if (c->m.drops && c->take == NULL && (c->take = take_new(&c->m)) == NULL)
			return -1;
		drops = c->m.drops;
		got = drops ? take_turn(c->take, c, run, ask, first) : claim_turn(c, run, ask);
		if (got != -1)
			close_offer(c);
	} while ((got == 1 && run->in->offer_fd != -1 && (got = begin_offer(r, run, ask->deadline_ns, m)) == 0
	    && !(is_timed(r) && clock_mono_ns() >= ask->deadline_ns))
	    /* send-only access was given since we looked last */
	    || (got == 0 && c->m.drops && !drops));
	r->unjudged = c->m.unjudged;
	/* a message that has gone, or never was, is not waited for */
	if (got == 0 && r->id != 0)
		miss(r);
	if (first)
		c->below = c->m.ctl.next;
	r->paused = c->m.ctl.paused;
	if (got == 0 && !run->full && (r->all || c->ended))
		r->ended = true;
	return got == 1 && r->once && !r->peek && !run->expired && !run->offer && !ask->probe ? set_apart(r, run) : got;
}

int
receiver_settle(struct receiver *r, struct run *run, uint32_t from, enum receiver_end end, uint64_t delay_us)
{
	struct claim *c = r->in;
	uint32_t left = from < run->n ? run->n - from : 0;
	int done = 0;

	if (left > 0 && !r->peek) {
		c->m.txn.asks = end == RECEIVER_DONE;
		if (claim_lock(c, CLAIM_STOPS) == -1)
			return -1;
		done = claim_settle(c, &run->in->at, run->in->items + from, &left, end, delay_us, false);
		if (done == 0)
			compact_sparse(&c->m, &c->m.seg);
		run->n = from + (done == -1 ? left : 0);
		done = txn_end(&c->m, done);
	} else if (left > 0) {
		run->n = from;
	}
	if (run->n == 0)
		close_offer(c);
	return done;
}

/* shows -- whether one that only looks may see the item yet: not where it has expired.  That is told once it is due. */
static bool
shows(struct claim *c, const struct item *item, enum state_status status)
{
	uint64_t expiry_us;

	return status == STATE_CLAIMED || status == STATE_DELAYED || !(item->slot.flags & SLOT_EXPIRES)
	    || seg_read(&c->m.seg, SEG_EXPIRY, item->pos, 1, &expiry_us) == -1 || expiry_us > clock_wall_us();
}

bool
receiver_has(struct receiver *r, uint64_t id)
{
	struct claim *c = r->in;
	struct item item;
	enum state_status status;
	bool has;
	int found;

	if (txn_lock(&c->m, claim_deadline(c)) == -1)
		return true;
	found = settle_find(&c->m, id, &item, &status);
	has = found != 0;
	/* what is not wanted now never will be */
	if (found == 1 && search_names(c) == 0)
		has = filter_match(r->filter, names_get(&c->many->names, item.slot.tag),
		    names_get(&c->many->names, item.slot.source)) && (!r->peek || shows(c, &item, status));
	txn_unlock(&c->m);
	return has;
}

/* ---- asleep ---- */

int
receiver_park(struct receiver *r)
{
	struct mbox *m = &r->in->m;

	if (!m->waiter.posted || m->waiter.want.mark == WANT_AWAKE)
		return 0;
	return txn_lock(m, claim_deadline(r->in)) == -1 ? -1 : txn_end(m, wait_awake(m));
}

int
receiver_changed(struct receiver *r)
{
	struct claim *c = r->in;
	int changed = mbox_moved(&c->m, c->m.ctl.generation);

	/* what another was woken for is left to it, once: it may not have run yet, on a machine that is busy */
	c->left_to_it = changed == 1 && !c->left_to_it && c->m.waiter.posted && wake_pending(&c->m);
	changed = c->left_to_it ? 0 : changed;
	return changed == 0 && c->m.drops ? take_look(c->take) : changed;
}

void
receiver_watch(const struct receiver *r, int *fds)
{
	fds[0] = r->in->m.waiter.fifo_fd;
	fds[1] = r->in->m.drops ? listen_fd(&r->in->m) : -1;
}

uint64_t
receiver_due_us(const struct receiver *r)
{
	struct claim *c = r->in;

	while (c->alarm_us != 0 && c->alarm_us <= clock_wall_us() && keeper_again(&c->m, &c->alarm_us))
		;
	return c->alarm_us == 0 || (c->due_us != 0 && c->due_us < c->alarm_us) ? c->due_us : c->alarm_us;
}

bool
receiver_is_member(const struct receiver *r, uid_t uid, gid_t gid)
{
	const struct mbox *m = &r->in->m;
	const int64_t unknown = users_unknown();
	unsigned members = mode_members(m->ctl.mode);

	return (members & 0006) != 0 || (uid == m->uid && uid != unknown) || uid == 0
	    || ((members & 0060) != 0 && gid == m->gid && gid != unknown);
}

bool
receiver_is_at(const struct receiver *r, const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == r->in->m.dev && st.st_ino == r->in->m.ino;
}

/* ---- messages in hand ---- */

int
run_make(struct run *run)
{
	if (run->in == NULL)
		run->in = memory_new(sizeof *run->in);
	return run->in == NULL ? -1 : 0;
}

void
run_free(struct run *run)
{
	memory_free(run->in);
	run->in = NULL;
}

uint64_t
run_id(const struct run *run, uint32_t i)
{
	return run->in->items[i].id;
}

uint64_t
run_time_us(const struct run *run, uint32_t i)
{
	return run->in->items[i].slot.time_us;
}

unsigned
run_tries(const struct run *run, uint32_t i)
{
	return run->in->items[i].tries;
}

bool
run_payload(const struct run *run, uint32_t i, struct slice *payload)
{
	const struct slot *slot = &run->in->items[i].slot;

	*payload = (struct slice){ run->in->log + (slot->off - run->in->log_at) + slot->head_len, (size_t)slot->len };
	return !(slot->flags & (SLOT_BIG | SLOT_OFFER));
}

/* is_of_slot -- whether the header line is that of a whole message as the slot has it. */
static bool
is_of_slot(const struct frame *f, const struct slot *s)
{
	bool big = s->flags & SLOT_BIG;

	return !f->continuation && !f->more && f->len == (big ? 0 : s->len)
	    && (!big || (f->extra.len >= 4 && memcmp(f->extra.p, "big=", 4) == 0));
}

/* open_kept -- open the kept payload of an offer; m gets its length.  Where it was not kept its sender has it. */
static int
open_kept(const struct run *run, struct message *m)
{
	struct stat st;

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
receiver_message(struct receiver *r, struct run *run, uint32_t i, struct message *m, char *scratch)
{
	const struct item *item = &run->in->items[i];
	const struct slot *slot = &item->slot;
	struct mbox *mbox = &r->in->m;
	char name[SEG_NAME_BYTES];
	struct slice payload;
	bool in_memory = run_payload(run, i, &payload);
	struct frame f;

	if (frame_parse(&f, payload.p - slot->head_len, slot->head_len, NULL) == -1)
		return -1;
	if (!is_of_slot(&f, slot)) {
		errno = EBADMSG;
		return -1;
	}
	/* its first header is the mailbox's own */
	if ((slot->flags & SLOT_BIG) && batch_big_take(&f.extra, NULL) == -1)
		return -1;
	message_of_frame(m, &f, scratch);
	set_head(r, run, i, m);
	m->len = slot->len;
	m->data = in_memory ? payload.p : NULL;
	m->fd = -1;
	if (slot->flags & SLOT_OFFER)
		return open_kept(run, m);
	if (in_memory)
		return 0;
	seg_file(name, item->id, 0, "big");
	m->fd = safefile_open_plain(mbox->dir_fd, name, O_RDONLY);
	/* what we have claimed only rm -r takes away */
	if (m->fd == -1 && errno == ENOENT && !r->peek)
		return mbox_missing(mbox);
	return m->fd == -1 ? -1 : 0;
}
