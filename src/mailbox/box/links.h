/* SPDX-License-Identifier: ISC */
/* links: the links that processes keep to and from a mailbox, each in a file of its own (linkfile.h). */
#ifndef MAILBOX_BOX_LINKS_H
#define MAILBOX_BOX_LINKS_H

#include "mailbox/box/mbox.h"
#include "mailbox/disk/linkfile.h"

/*
 * links_each -- give each link of a process that lives, until give returns other than 0; with the pid -1 each of a dead
 * one of which something that it has started still runs.  With the lock, or of a mailbox only to look at.
 * Returns what give returned last, 0 where there is none, or -1.
 */
int links_each(const struct mbox *m, int (*give)(void *arg, const struct linkfile *l, pid_t pid), void *arg);

/* links_in_use -- whether the process of the file of this name and number lives, or something that it has started. */
bool links_in_use(const struct mbox *m, uint64_t number, const char *name);

/* links_clear -- with the lock: remove the files of the dead, of which nothing runs.  Returns 0, or -1. */
int links_clear(const struct mbox *m);

#endif
