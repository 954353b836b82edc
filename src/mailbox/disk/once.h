/* SPDX-License-Identifier: ISC */
/*
 * once: the file `once': the names of messages that were sent here to be taken once (msend -u).
 *
 * A window has the ids that one incarnation of one mailbox has sent for one scope, the last of them: a head, and a ring
 * of entries in the order in which they came.  How many entries a window has taken in all is told by ctl of the window
 * written last, and by its head of any other; what stands beyond does not count, as in the log of a segment.
 */
#ifndef MAILBOX_DISK_ONCE_H
#define MAILBOX_DISK_ONCE_H

#include <stdint.h>

#include "mailbox/disk/seg.h"

enum {
	ONCE_WINDOWS = 1024,                    /* windows at most, */
	ONCE_INCARNATIONS = 64,                 /* and of one scope, */
	ONCE_IDS = 65536,                       /* and ids that are remembered in each */
	ONCE_APPEND = 4096,                     /* entries added at once, at most: */
	ONCE_RING = ONCE_IDS + ONCE_APPEND,     /* so what is added, and may never count, takes no place of one remembered */
	ONCE_SCOPE = 64,
	ONCE_INCARNATION = 16,
};

struct once_head {
	char scope[ONCE_SCOPE];                 /* filled up with zeros */
	unsigned char incarnation[ONCE_INCARNATION];
	uint64_t taken;                         /* entries in all; not kept up in the window that ctl names */
	uint64_t used;                          /* ctl's generation when the head was last written: as if it were used then */
	uint64_t born;                          /* and when the window was begun: tells it from one that had its place */
	uint32_t reserved;                      /* zero */
	uint32_t sum;                           /* of all before */
};

_Static_assert(sizeof(struct once_head) == 112, "letterbox(5) says so");

/* In a durable mailbox: which entries are on the disk, and with them their messages.  Written without the lock. */
struct once_kept {
	uint64_t born;                          /* void where the head has another */
	uint64_t taken;                         /* those before this one; */
	uint64_t number;                        /* of their messages here none has a higher number, of those behind each has */
	uint32_t reserved;                      /* zero */
	uint32_t sum;                           /* of all before */
};

_Static_assert(sizeof(struct once_kept) == 32, "letterbox(5) says so");

/* What was taken.  number, sum: of the message here, by which it is known whether the entry's message was kept. */
struct once_entry {
	uint64_t id;
	uint32_t number;                        /* the lowest bits */
	uint32_t sum;                           /* the sum in its slot, bound: once_bind */
};

/*
 * once_bind -- the sum in a slot, bound to the window and the id, so that an entry of another window that had its place
 * does not pass for this one's.  It is its own inverse.
 */
static inline uint32_t
once_bind(uint32_t slot_sum, const struct once_head *head, uint64_t id)
{
	return seg_bind(slot_sum, head->born, id);
}

/* Functions return 0, or -1 with errno, unless they say otherwise. */

/* once_open -- open the file, in a mailbox of this mode.  Returns its descriptor, or -1: EBADMSG it is no plain file. */
int once_open(int dir_fd, unsigned mode);

/* once_read_head -- read head i.  Returns 1, 0 there is none, or -1.  once_write_head -- write it, with its sum. */
int once_read_head(int fd, uint32_t i, struct once_head *head);
int once_write_head(int fd, uint32_t i, struct once_head *head);

/* once_read_kept -- read what is on the disk of the window with this head; nothing where that is not told. */
int once_read_kept(int fd, uint32_t i, const struct once_head *head, struct once_kept *kept);
int once_write_kept(int fd, uint32_t i, struct once_kept *kept);

/* once_read -- read n entries of window i from number `at' on; what is missing is zeros.  once_write -- write them. */
int once_read(int fd, uint32_t i, uint64_t at, struct once_entry *entries, uint32_t n);
int once_write(int fd, uint32_t i, uint64_t at, const struct once_entry *entries, uint32_t n);

#endif
