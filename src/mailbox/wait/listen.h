/* SPDX-License-Identifier: ISC */
/*
 * door: which receiver listens to drop/bell.
 *
 * One that sleeps keeps the door: it holds the record lock on byte MBOX_DOOR, and sleeps on drop/bell besides its own
 * bell.  When it wakes it hands the door on, to one that still sleeps (wake.h); so a drop wakes one process, however
 * many wait.  Whoever keeps the door looks into drop/ after it has opened the bell, and whoever leaves a message rings
 * after that message is in place: no ring is missed.  What a crash loses is found by the look that each makes once a
 * second.
 */
#ifndef MAILBOX_WAIT_LISTEN_H
#define MAILBOX_WAIT_LISTEN_H

#include "mailbox/box/mbox.h"

/* door_keep -- keep the door, where nobody does.  Returns 1 it is ours from now on, 0 it was before, or is another's. */
int door_keep(struct mbox *m);

/* door_leave -- keep it no longer. */
void door_leave(struct mbox *m);

/* door_kept -- whether anybody keeps it, ourselves included. */
bool door_kept(const struct mbox *m);

/* door_fd -- what to poll for a ring; -1: nothing, at present. */
int door_fd(const struct mbox *m);

/*
 * door_heard -- take the rings off the bell, before drop/ is looked into.  Returns whether it had rung.
 * door_vain -- that look found nothing: who rings for nothing is not listened to for the rest of the second.
 */
bool door_heard(struct mbox *m);
void door_vain(struct mbox *m);

#endif
