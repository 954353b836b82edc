/* SPDX-License-Identifier: ISC */
/* offer: a crash in it leaves the mailbox busy: recovery (recover.h) removes a FIFO that no message names. */
#include "mailbox/queue/offer.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/io.h"
#include "base/safefile.h"
#include "mailbox/box/txn.h"
#include "mailbox/mode.h"
#include "mailbox/wait/wake.h"

enum { KEEP = 4096 };           /* bytes of log that stay when it was the last message */

int
offer_make(struct mbox *m, uint32_t pos, uint64_t id)
{
	char name[SEG_NAME_BYTES];
	int in, out;

	seg_file(name, id, 0, "meet");
	if (txn_begin(m) == -1 || seg_write_one(&m->seg, SEG_DUE, pos, m->number) == -1)
		return -1;
	in = safefile_make_fifo(m->dir_fd, name, mode_members(m->ctl.mode));
	/* one that a call which failed half-way has left */
	if (in == -1 && errno == EEXIST && unlinkat(m->dir_fd, name, 0) == 0)
		in = safefile_make_fifo(m->dir_fd, name, mode_members(m->ctl.mode));
	if (in == -1)
		return -1;
	out = safefile_open_fifo(m->dir_fd, name, O_WRONLY);
	/* a full pipe is waited for in write(2) */
	if (out != -1 && fcntl(out, F_SETFL, 0) == -1) {
		io_close(out);
		out = -1;
	}
	close(in);
	return out;
}

/* to_sender -- an offer goes to its sender: it is claimed by it, and the sender is woken.  Returns 0, or -1. */
static int
to_sender(struct mbox *m, const struct item *item, uint64_t sender, bool tried)
{
	uint64_t state = state_make(STATE_CLAIMED, item->tries + tried, sender);

	if (seg_write(&m->seg, SEG_STATES, item->pos, 1, &state) == -1)
		return txn_fail(m);
	m->ctl.failed += tried;
	return sender == m->number ? 0 : wake_end(m, item->id, STATE_CLAIMED);
}

int
offer_take(struct mbox *m, const struct item *item, bool expired, int *fd)
{
	char name[SEG_NAME_BYTES];
	uint64_t sender;
	bool lives;

	seg_file(name, item->id, 0, "meet");
	*fd = -1;
	if (txn_begin(m) == -1 || seg_read(&m->seg, SEG_DUE, item->pos, 1, &sender) == -1)
		return -1;
	lives = !expired && mbox_lives(m, sender);
	if (lives)
		*fd = safefile_open_fifo(m->dir_fd, name, O_RDONLY);
	if (*fd != -1)
		m->ctl.orphans |= safefile_remove(m->dir_fd, name) == -1;
	if (lives && (*fd != -1 || errno != ENOENT))
		return *fd != -1 ? 1 : -1;
	if (!lives)
		return settle_gone(m, item, 1, STATE_READY, STATE_DROPPED, KEEP);
	/* a receiver was killed between these two calls, which was a try: its sender makes a new one */
	m->ctl.claimed++;
	return to_sender(m, item, sender, true);
}

/*
 * find_sender -- the sender of an offer that is claimed.  Returns 1 it lives, 0 it is dead, and the offer dropped, or
 * -1.
 */
static int
find_sender(struct mbox *m, const struct item *item, uint64_t *sender)
{
	if (seg_read(&m->seg, SEG_DUE, item->pos, 1, sender) == -1)
		return -1;
	return mbox_lives(m, *sender) ? 1 : settle_gone(m, item, 1, STATE_CLAIMED, STATE_DROPPED, KEEP);
}

int
offer_back(struct mbox *m, const struct item *item, bool tried)
{
	uint64_t sender;
	int r = find_sender(m, item, &sender);

	return r == 1 ? to_sender(m, item, sender, tried) : r;
}

int
offer_redeliver(struct mbox *m, const struct item *item)
{
	uint64_t sender;

	return find_sender(m, item, &sender) == -1 ? -1 : 0;
}

int
offer_ours(struct mbox *m, struct item *item)
{
	if (txn_begin(m) == -1 || to_sender(m, item, m->number, true) == -1)
		return -1;
	item->tries = (uint16_t)(item->tries + (item->tries < STATE_TRIES_MAX));
	return 0;
}

int
offer_again(struct mbox *m, const struct item *item)
{
	int out = offer_make(m, item->pos, item->id);

	if (out != -1 && settle_ready(m, item, 1, false, 0) == 0 && wake_ready(m, item->id) == 0)
		return out;
	io_close(out);
	return -1;
}
