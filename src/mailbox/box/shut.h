/* SPDX-License-Identifier: ISC */
/*
 * shut: a mailbox is closed to senders, or open to them again.
 *
 * With the lock held; the caller commits.  ctl says closed before drop/ is shut, and is open only after it: so a kill in
 * between leaves ctl busy and closed, and recovery (recover.h) shuts drop/.  The file `closed' tells those who may only
 * send why drop/ is shut; it is made before that and removed after it, and recovery removes it where ctl is open.
 */
#ifndef MAILBOX_BOX_SHUT_H
#define MAILBOX_BOX_SHUT_H

#include "mailbox/box/mbox.h"

/*
 * shut_mark -- before shut_close, which does it else: make the file `closed', where one is needed.
 * shut_close -- no more is sent to the mailbox: senders that wait wake, and receivers, which end once nothing is left.
 * What else is changed at the same moment is put into m->ctl between the two.
 * Return 0, or -1.
 */
int shut_mark(struct mbox *m);
int shut_close(struct mbox *m);

/* shut_open -- messages are sent to it again.  What else is changed is put into m->ctl after it.  Returns 0, or -1. */
int shut_open(struct mbox *m);

/* shut_wake -- wake all that wait in the mailbox. */
void shut_wake(struct mbox *m);

#endif
