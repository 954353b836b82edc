/* SPDX-License-Identifier: ISC */
/* insist: the lock of a mailbox for who cannot do without it: what was received is received again where it is not said. */
#ifndef INSIST_H
#define INSIST_H

#include "mbox.h"

/*
 * insist_lock -- lock the mailbox, however long that takes.  Where somebody else holds the lock for more than two seconds
 * that is said once (m->held), at a terminal or not.
 * stops: so many signals end the wait, a second later; with 1 the first ends it at once.
 * Returns as mbox_lock, but not EBUSY.
 */
int insist_lock(struct mbox *m, int stops);

#endif
