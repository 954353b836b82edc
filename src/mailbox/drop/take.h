/* SPDX-License-Identifier: ISC */
/*
 * take: a mailbox's receivers take in what was put into drop/, as messages.
 *
 * A drop is copied first, without the lock, and the copy is judged: its sender may still be writing to it.  Then, in
 * one locked section: the copy is appended, the commit that makes it a message names the drop as taken, and the file is
 * removed.  Invariant: a file that ctl names as taken is a message already, and goes before another drop comes in; so a
 * kill neither loses a message nor doubles it.
 */
#ifndef MAILBOX_DROP_TAKE_H
#define MAILBOX_DROP_TAKE_H

#include "mailbox/recv/claim.h"

/* take_new -- begin to take drops into m.  Returns NULL with errno. */
struct take *take_new(struct mbox *m);

/*
 * take_turn -- claim_turn (claim.h) of a mailbox with a drop/: some drops come in before it, and where nothing is
 * found for us, more, until there are none, or no room for them.  With ask->wait we listen for drops, if no other
 * receiver does.  all: first all drops come in that are there now.
 */
int take_turn(struct take *in, struct claim *c, struct run *run, const struct receiver_ask *ask, bool all);

/* take_look -- once a second, asleep: whether there is something in drop/, or no other receiver listens.  1 or 0. */
int take_look(struct take *in);

void take_free(struct take *in);

#endif
