/* SPDX-License-Identifier: ISC */
/*
 * fresh: which messages of a batch have not been taken here before, by their names (once.h).
 *
 * All of it with the lock held.  An entry counts with the message that it stands for: both are written before the same
 * write of ctl.
 */
#ifndef MAILBOX_SEND_FRESH_H
#define MAILBOX_SEND_FRESH_H

#include "mailbox/box/mbox.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/once.h"

enum { FRESH_WINDOWS = 4 };             /* windows kept in memory */

struct fresh {
	struct mbox *m;
	char scope[ONCE_SCOPE];                 /* filled up with zeros */
	int fd;                                 /* the file `once'; -1 */
	bool made;                              /* we have made it: its name is not on the disk yet */
	bool evicts;                            /* the window takes another's place */
	bool unsure;                            /* something was passed over that may not be on the disk yet */
	uint32_t counted;                       /* messages of the batch at hand that were counted */
	uint64_t number;                        /* the mailbox's last message when the window was looked at */
	uint64_t uses;
	struct fresh_window *window;            /* the one in use */
	struct fresh_window *windows[FRESH_WINDOWS];
	struct once_entry entries[ONCE_APPEND]; /* on their way to the disk */
};

/* fresh_new -- begin to send to m for this scope, ONCE_SCOPE bytes at most.  Returns NULL with ENOMEM. */
struct fresh *fresh_new(struct mbox *m, const char *scope);

/* fresh_free -- free it, or NULL. */
void fresh_free(struct fresh *f);

/* fresh_skip -- pass over the messages at the front of the batch that have been taken.  Returns 0, or -1. */
int fresh_skip(struct fresh *f, struct batch *b);

/* fresh_run -- after fresh_skip: of n messages, from 1 on, how many, the first, are new and none there twice. */
uint32_t fresh_run(struct fresh *f, const struct batch *b, uint32_t n);

/*
 * fresh_write -- write entries for n of those, which have been written to m->seg as those from m->ctl.next on.
 * fresh_count -- have them count, with the next write of m->ctl.  fresh_counted -- that was done.
 */
int fresh_write(struct fresh *f, const struct batch *b, uint32_t n);
void fresh_count(struct fresh *f, uint32_t n);
void fresh_counted(struct fresh *f, uint32_t n);

/*
 * fresh_sync -- without the lock, in a durable mailbox: have on the disk what is remembered, and what was passed over;
 * before the messages themselves, so that none is there after a loss of power that is not remembered.  Returns 0, or -1.
 * fresh_synced -- they are, too.
 */
int fresh_sync(struct fresh *f);
void fresh_synced(struct fresh *f);

#endif
