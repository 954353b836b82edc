/* SPDX-License-Identifier: ISC */
/*
 * due: the file `due`: which delayed message falls due when.
 *
 * It is a heap by time in which each entry has up to DUE_WAYS below it, all read with one pread(2).  ctl says how many
 * entries count.  One whose message has gone, or is delayed no longer, stays until it comes up: the state of its message
 * tells.  It is changed only with the mailbox locked and a change begun: after a kill it is written anew (delay.h).
 */
#ifndef MAILBOX_DISK_DUE_H
#define MAILBOX_DISK_DUE_H

#include <stddef.h>
#include <stdint.h>

enum {
	DUE_WAYS = 16,
	DUE_ENTRY = 16,                 /* bytes of an entry */
};

struct due {
	uint64_t time_us;               /* when, in microseconds since the epoch */
	uint64_t id;                    /* the message */
};

_Static_assert(sizeof(struct due) == DUE_ENTRY, "letterbox(5) says so");

/* All return 0, or -1: EBADMSG the file ends before, or errno of read(2) or write(2). */

/* due_first -- get the earliest of the entries, of which there is one. */
int due_first(int fd, struct due *first);

/* due_push -- add an entry to the n that there are.  due_pop -- remove the earliest of n. */
int due_push(int fd, uint64_t n, const struct due *entry);
int due_pop(int fd, uint64_t n);

/* due_fill -- have n entries, which become sorted, in place of what is there. */
int due_fill(int fd, struct due *entries, size_t n);

#endif
