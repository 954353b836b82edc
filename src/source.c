/* SPDX-License-Identifier: ISC */
/* source: one face for mailboxes and streams at the receiving end. */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "wake.h"

/* ---- opening ---- */

static int
open_mailbox(struct sources *s, struct source *new)
{
	if ((s->peek ? mbox_open_any(&new->m, new->path) : mbox_open(&new->m, new->path)) == -1)
		return -1;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->list[i].kind == CHANNEL_MAILBOX && s->list[i].m.dev == new->m.dev
		    && s->list[i].m.ino == new->m.ino) {
			/* the same by another name: closing it drops no lock, for there is none yet */
			mbox_close(&new->m);
			return 1;
		}
	new->m.name = new->name;
	new->m.held = s->held;
	new->m.tell_unjudged = s->tell_unjudged;
	new->claim.take_expired = s->expired;
	if (s->id != 0)
		new->below = s->id + 1;
	if (new->m.drops && (new->intake = intake_new(&new->m)) == NULL)
		return -1;
	return claim_init(&new->claim, &new->m, &s->filter, s->peek, s->patience_ns);
}

static int
open_stream(struct sources *s, struct source *new)
{
	struct stat st;
	enum reader_mode mode = s->single ? READER_ONE : READER_SHARED;

	new->fd = channel_open_read(new->path);
	if (new->fd == -1)
		return -1;
	if (fstat(new->fd, &st) == 0 && S_ISREG(st.st_mode))
		mode = READER_ALL;
	if ((s->peek && mode != READER_ALL) || s->id != 0) {
		close(new->fd);
		errno = EINVAL;
		return -1;
	}
	new->reader = malloc(sizeof *new->reader);
	if (new->reader == NULL)
		return -1;
	reader_init(new->reader, new->fd, mode);
	new->reader->follow = s->follow && new->kind == CHANNEL_FILE;
	return 0;
}

int
source_open(struct sources *s, struct source *new)
{
	new->below = UINT64_MAX;
	new->m = (struct mbox)MBOX_CLOSED;
	new->fd = -1;
	new->named = strcmp(new->path, "-") != 0;
	if (channel_kind_of(new->path, &new->kind) == -1)
		return -1;
	return new->kind == CHANNEL_MAILBOX ? open_mailbox(s, new) : open_stream(s, new);
}

/* ---- mailboxes ---- */

/* lock_deadline -- how long to wait for a mailbox's lock: where something in hand is to be settled, a second at least. */
static uint64_t
lock_deadline(const struct sources *s, uint64_t deadline_ns)
{
	uint64_t second_ns = clock_after(WAKE_LOOK_NS);
	bool look = s->patience_ns == 0 || deadline_ns == SOURCE_LOOK;

	return look || (s->run.n > 0 && deadline_ns < second_ns) ? second_ns : deadline_ns;
}

void
source_close_offer(struct source *one)
{
	int err = errno;

	if (one->kind == CHANNEL_MAILBOX && one->fd != -1) {
		close(one->fd);
		one->fd = -1;
	}
	errno = err;
}

/*
 * begin_offer -- the message in hand is an offer: get its header from its sender.
 * Returns 1, 0 where the sender died before he had sent anything, or -1 (EBADMSG: in the middle).
 */
static int
begin_offer(struct sources *s, struct source *one)
{
	const struct item *item = &s->run.items[0];
	int r, err;

	one->fd = s->run.meet_fd;
	if (one->reader == NULL && (one->reader = malloc(sizeof *one->reader)) == NULL)
		return -1;
	reader_init(one->reader, one->fd, READER_ONE);
	one->reader->deadline_ns = CLOCK_NEVER;
	/* it has one reader in its life, us; and a blocking end lets splice(2) wait for whichever side it must */
	one->reader->own = fcntl(one->fd, F_SETFL, 0) == 0;
	r = reader_next(one->reader, &s->message);
	if (r == 1) {
		s->message.id = item->id;
		s->message.time_us = item->slot.time_us;
		s->message.attempt = item->tries + 1;
		s->message.uid = -1;
		s->streamed = true;
		return 1;
	}
	err = errno;
	if (claim_settle(&one->claim, &s->run, 0, r == 0 || err == EBADMSG ? CLAIM_DROPPED : CLAIM_BACK, 0) == -1)
		return -1;
	source_close_offer(one);
	errno = err;
	return r;
}

int
source_mailbox(struct sources *s, struct source *one, struct source_ask ask, uint32_t messages, size_t bytes,
    uint64_t deadline_ns)
{
	struct claim_limits limits = {
		.probe = ask.probe,
		.until_us = ask.until_us,
		.messages = messages < RUN_MESSAGES ? messages : RUN_MESSAGES,
		.bytes = bytes < RUN_BYTES ? (uint32_t)bytes : RUN_BYTES,
		.from = s->id,
		.below = one->below,
		.deadline_ns = lock_deadline(s, deadline_ns),
		.wait = s->patience_ns != 0 && !s->all && deadline_ns != SOURCE_LOOK,
	};
	int r;

	s->streamed = false;
	/* what was wrong with the offer before this is no reason any more */
	if (one->reader != NULL)
		one->reader->reason = NULL;
	do {
		r = one->intake == NULL ? claim_turn(&one->claim, &s->run, &limits)
		    : intake_turn(one->intake, &one->claim, &s->run, &limits, s->all && one->below == UINT64_MAX);
		if (r != -1)
			source_close_offer(one);
	} while (r == 1 && s->run.meet_fd != -1 && (r = begin_offer(s, one)) == 0);
	/* a message that is gone, or never was, is not waited for */
	if (r == 0 && s->id != 0)
		one->ended = !claim_waits(&one->claim, s->id);
	/* all: only what was there at the first look */
	if (s->all && one->below == UINT64_MAX)
		one->below = one->m.ctl.next;
	if (s->all && r == 0)
		one->ended = true;
	return r;
}

/* ---- streams ---- */

/* reopen -- a FIFO whose writers have gone: opened anew, it waits for the next. */
static int
reopen(struct source *one)
{
	int fd = channel_open_read(one->path);

	if (fd == -1)
		return -1;
	/* the new end is open before the old one closes: what a writer put in between is not lost */
	close(one->fd);
	one->fd = one->reader->fd = fd;
	return 0;
}

int
source_stream(struct sources *s, struct source *one, uint64_t deadline_ns)
{
	int r;

	/* where others may have something too, or are to be waited for together, do not wait here */
	one->reader->deadline_ns = s->n > 1 || s->event_fd != -1 || s->patience_ns == 0 || deadline_ns == SOURCE_LOOK
	    ? clock_mono_ns() : deadline_ns;
	do
		r = reader_next(one->reader, &s->message);
	while (r == 1 && (!filter_match(&s->filter, s->message.tag, s->message.source)
	    || message_expired(&s->message)));
	s->streamed = true;
	if (r == 1)
		return 1;
	if (r == -1)
		return errno == ETIMEDOUT ? 0 : -1;
	if (one->kind == CHANNEL_FIFO && !s->all)
		return reopen(one);
	one->ended = !one->reader->follow;
	return 0;
}
