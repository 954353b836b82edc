/* SPDX-License-Identifier: ISC */
/*
 * listen: which receiver listens for drops, on the FIFO drop/bell.
 *
 * One receiver that sleeps listens: it holds the record lock on byte MBOX_LISTEN, and polls drop/bell besides its own
 * wake FIFO.  When it wakes it passes that on to one that still sleeps (wake.h); so a drop wakes one process, however
 * many wait.  Where the one that listens is stopped, another does so besides it, with a byte of MBOX_LISTEN_MORE.
 * The listener looks into drop/ after it has opened the FIFO, and a sender writes to the FIFO after its drop is in
 * place: no drop is missed.  What a crash loses is found by the look that each waiter makes once a second.
 */
#ifndef MAILBOX_WAIT_LISTEN_H
#define MAILBOX_WAIT_LISTEN_H

#include "mailbox/box/mbox.h"

/*
 * listen_keep -- listen, where none does that is not stopped, as far as that can be told (process_look).
 * Returns 1 we do from now on, 0 we did before, or another does, or we cannot.
 */
int listen_keep(struct mbox *m);

/* listen_leave -- stop listening.  errno stays. */
void listen_leave(struct mbox *m);

/* listen_kept -- whether any process listens that is not stopped, ourselves included. */
bool listen_kept(const struct mbox *m);

/* listen_fd -- what to poll for POLLIN; -1: nothing, at present. */
int listen_fd(const struct mbox *m);

/*
 * listen_heard -- empty the FIFO, before drop/ is looked into.  Returns whether anything was in it.
 * listen_vain -- that look found nothing: after VAIN such looks the FIFO is left alone for the rest of the second.
 */
bool listen_heard(struct mbox *m);
void listen_vain(struct mbox *m);

#endif
