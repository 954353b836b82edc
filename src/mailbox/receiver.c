/* SPDX-License-Identifier: ISC */
/*
 * receiver: the receiving end of a mailbox: what waits there, what is left in drop/, and what is handed over.  What a
 * crash leaves is told in claim.h and take.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/users.h"
#include "mailbox/box/txn.h"
#include "mailbox/drop/take.h"
#include "mailbox/mailbox.h"
#include "mailbox/recv/claim.h"
#include "mailbox/wait/listen.h"
#include "mailbox/wait/wait.h"
#include "stream/reader.h"

/* ---- open and close ---- */

int
receiver_open(struct receiver *r, const char *path)
{
	struct receiving *in = memory_new(sizeof *in);
	struct ctl c;

	r->in = in;
	if (in == NULL)
		return -1;
	in->offer_fd = -1;
	in->below = r->id != 0 ? r->id + 1 : UINT64_MAX;
	r->damage = &in->m.damage;
	if ((r->peek ? mbox_open_any(&in->m, path) : mbox_open(&in->m, path)) == -1 || ctl_read(in->m.ctl_fd, &c) == -1)
		return -1;
	r->hands_over = c.cap_messages == 0;
	r->dev = in->m.dev;
	r->ino = in->m.ino;
	in->m.name = r->name;
	in->m.txn.told = r->locked;
	in->m.tell_unjudged = r->tell_unjudged;
	in->claim.take_expired = r->take_expired;
	in->claim.brief = r->brief;
	if (in->m.drops && (in->intake = take_new(&in->m)) == NULL)
		return -1;
	return claim_init(&in->claim, &in->m, r->filter, r->peek, r->timeout_ns);
}

/* close_offer -- the message handed over, if any, has been settled: its sender may know that nobody reads any more. */
static void
close_offer(struct receiver *r)
{
	int err = errno;

	io_close(r->in->offer_fd);
	r->in->offer_fd = -1;
	errno = err;
}

void
receiver_close(struct receiver *r)
{
	struct receiving *in = r->in;

	if (in == NULL)
		return;
	wait_leave(&in->m);
	mbox_close(&in->m);
	claim_free(&in->claim);
	take_free(in->intake);
	close_offer(r);
	memory_free(r->reader);
	memory_free(in);
	r->reader = NULL;
	r->in = NULL;
}

/* ---- what comes next ---- */

/*
 * begin_offer -- the message in hand is handed over: get its header from its sender.
 * Returns 1, 0 where the sender died before it had sent anything, or -1 (EBADMSG: in the middle).
 */
static int
begin_offer(struct receiver *r, struct run *run, struct message *m)
{
	struct receiving *in = r->in;
	const struct item *item = &run->in->items[0];
	int got, err;

	in->offer_fd = run->in->offer_fd;
	if (r->reader == NULL && (r->reader = memory_new(sizeof *r->reader)) == NULL)
		return -1;
	reader_init(r->reader, in->offer_fd, READER_ONE);
	r->reader->deadline_ns = CLOCK_NEVER;
	/* it has one reader in its life, us; and a blocking end lets splice(2) wait for whichever side it must */
	r->reader->own = fcntl(in->offer_fd, F_SETFL, 0) == 0;
	got = reader_next(r->reader, m);
	if (got == 1) {
		m->id = item->id;
		m->time_us = item->slot.time_us;
		m->attempt = item->tries + 1;
		m->uid = -1;
		run->offer = true;
		return 1;
	}
	err = errno;
	if (claim_settle(&in->claim, run, 0, got == 0 || err == EBADMSG ? RECEIVER_DROPPED : RECEIVER_BACK, 0) == -1)
		return -1;
	close_offer(r);
	errno = err;
	return got;
}

int
receiver_next(struct receiver *r, struct run *run, const struct receiver_ask *ask, struct message *m)
{
	struct receiving *in = r->in;
	const bool first = r->all && in->below == UINT64_MAX;
	struct claim_limits limits = {
		.probe = ask->probe,
		.until_us = ask->until_us,
		.messages = ask->messages < RUN_MESSAGES ? ask->messages : RUN_MESSAGES,
		.bytes = ask->bytes < RUN_BYTES ? ask->bytes : RUN_BYTES,
		.from = r->id,
		.below = in->below,
		.deadline_ns = ask->deadline_ns,
		.wait = ask->wait,
	};
	int got;

	run->offer = false;
	/* what was wrong with the message handed over before is no reason any more */
	if (r->reader != NULL)
		r->reader->reason = NULL;
	do {
		got = in->intake == NULL ? claim_turn(&in->claim, run, &limits)
		    : take_turn(in->intake, &in->claim, run, &limits, first);
		if (got != -1)
			close_offer(r);
	} while (got == 1 && run->in->offer_fd != -1 && (got = begin_offer(r, run, m)) == 0);
	r->unjudged = in->m.unjudged;
	/* a message that is gone, or never was, is not waited for */
	if (got == 0 && r->id != 0)
		r->ended = !claim_waits(&in->claim, r->id);
	if (first)
		in->below = in->m.ctl.next;
	if (r->all && got == 0)
		r->ended = true;
	return got;
}

int
receiver_message(struct receiver *r, struct run *run, uint32_t i, struct message *m, char *scratch)
{
	return claim_message(&r->in->claim, run, i, m, scratch);
}

int
receiver_settle(struct receiver *r, struct run *run, uint32_t from, enum receiver_end end, uint64_t delay_us)
{
	int done = claim_settle(&r->in->claim, run, from, end, delay_us);

	if (run->n == 0)
		close_offer(r);
	return done;
}

bool
receiver_has(struct receiver *r, uint64_t id)
{
	return claim_waits(&r->in->claim, id);
}

/* ---- asleep ---- */

int
receiver_park(struct receiver *r)
{
	struct mbox *m = &r->in->m;
	int done;

	if (!m->waiter.posted || m->waiter.want.mark == WANT_AWAKE)
		return 0;
	if (txn_lock(m, claim_deadline(&r->in->claim)) == -1)
		return -1;
	done = wait_awake(m);
	if (done == 0 && m->txn.changing)
		done = txn_commit(m);
	txn_unlock(m);
	return done;
}

int
receiver_changed(struct receiver *r)
{
	struct receiving *in = r->in;
	int changed = mbox_moved(&in->m, in->m.ctl.generation);

	return changed == 0 && in->intake != NULL ? take_look(in->intake) : changed;
}

void
receiver_watch(const struct receiver *r, int *fds)
{
	fds[0] = r->in->m.waiter.bell_fd;
	fds[1] = r->in->intake != NULL ? listen_fd(&r->in->m) : -1;
}

uint64_t
receiver_due_us(const struct receiver *r)
{
	return r->in->claim.due_us;
}

/* ---- the rest ---- */

bool
receiver_is_member(const struct receiver *r, uid_t uid, gid_t gid)
{
	const struct mbox *m = &r->in->m;
	const int64_t unknown = users_unknown();
	unsigned members = mode_members(m->ctl.mode);

	return (members & 0006) != 0 || (uid == m->uid && uid != unknown) || uid == 0
	    || ((members & 0060) != 0 && gid == m->gid && gid != unknown);
}

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

	*payload = (struct slice){ claim_payload(run, i), slot->len };
	return !(slot->flags & (SLOT_BIG | SLOT_OFFER));
}
