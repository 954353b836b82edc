/* SPDX-License-Identifier: ISC */
/*
 * door: which receiver listens to drop/bell.
 *
 * One that sleeps keeps the door: it holds the record lock on byte MBOX_LISTEN, and sleeps on drop/bell besides its own
 * bell.  When it wakes it hands the door on, to one that still sleeps (wake.h); so a drop wakes one process, however
 * many wait.  Whoever keeps the door looks into drop/ after it has opened the bell, and whoever leaves a message rings
 * after that message is in place: no ring is missed.  What a crash loses is found by the look that each makes once a
 * second.
 */
#ifndef MAILBOX_WAIT_LISTEN_H
#define MAILBOX_WAIT_LISTEN_H

#include "mailbox/box/mbox.h"

/* listen_keep -- keep the door, where nobody does.  Returns 1 it is ours from now on, 0 it was before, or is another's. */
int listen_keep(struct mbox *m);

/* listen_leave -- keep it no longer. */
void listen_leave(struct mbox *m);

/* listen_kept -- whether anybody keeps it, ourselves included. */
bool listen_kept(const struct mbox *m);

/* listen_fd -- what to poll for a ring; -1: nothing, at present. */
int listen_fd(const struct mbox *m);

/*
 * listen_heard -- take the rings off the bell, before drop/ is looked into.  Returns whether it had rung.
 * listen_vain -- that look found nothing: who rings for nothing is not listened to for the rest of the second.
 */
bool listen_heard(struct mbox *m);
void listen_vain(struct mbox *m);

#endif
