/* SPDX-License-Identifier: ISC */
/*
 * rights: the permission bits and the group of a mailbox's directory and files, as its mode says (mode.h).
 *
 * A file belongs to the member that made it, and only that member, or root, can change it.  While files are changed the
 * directory lets in only those that may come in before and after.  A crash leaves that, and ctl, which has the new mode
 * and the mark `rights': the next process of the owner to lock goes on (recover.h).
 */
#ifndef MAILBOX_BOX_RIGHTS_H
#define MAILBOX_BOX_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "mailbox/box/mbox.h"

/* rights_open_up -- give a mailbox's directory the permission bits of its mode.  Returns 0, or -1: EPERM. */
int rights_open_up(int dir_fd, unsigned mode);

/* rights_ours -- whether we may change them: as the owner of the mailbox, or root. */
bool rights_ours(const struct mbox *m);

/*
 * rights_check -- with the lock held: whether all files can be given what this mode and group ask for.
 * Returns 0, or -1: EPERM a file that lacks something is another user's, or has another name too, or the group is not
 * ours to give.
 */
int rights_check(const struct mbox *m, unsigned mode, gid_t group);

/* rights_apply -- with the lock held: give all files what ctl.mode and ctl.group ask for.  Returns 0, or -1. */
int rights_apply(const struct mbox *m);

#endif
