/* SPDX-License-Identifier: ISC */
/*
 * want: the table of what waiting processes wait for, the mailbox's file `want`.
 *
 * The owner adds its entry and voids it with the mailbox locked; any process voids the entry of a dead owner.  Waiters
 * are served in the order of their tickets.  A want that was woken has the message's id as its mark, and is passed over
 * while it has one.  Nothing here writes ctl: the caller commits.
 */
#ifndef MAILBOX_DISK_WANT_H
#define MAILBOX_DISK_WANT_H

#include <stdbool.h>
#include <stdint.h>

#include "frame/filter.h"

enum want_kind {
	WANT_RECEIVE = 1,               /* a message that passes the filter */
	WANT_PEEK = 2,                  /* the same, to leave it or most: woken besides a receiver, not instead */
	WANT_ROOM = 3,                  /* room for one message that counts `object` bytes */
	WANT_SPOOL = 4,                 /* nothing: NUMBER.spool is being written */
	WANT_END = 5,                   /* completion of message `object`, which the owner sent */
};

enum {
	WANT_HEAD = 64,                 /* bytes of the head of an entry */
	WANT_TEXT = 944,                /* bytes of patterns that an entry has place for */
	WANT_CHUNK = 1024,              /* entries whose heads, and then whose patterns, stand together */
	WANT_MAX = 1 << 22,             /* entries: as many processes as Linux can have (PID_MAX_LIMIT) */
	WANT_PLACES = 1024,             /* places in a queue that are found at a time */
};

/* Marks that are no message's id. */
#define WANT_AWAKE UINT64_MAX           /* the owner is not asleep */
#define WANT_LISTEN (UINT64_MAX - 1)    /* the owner was woken to listen for drops (listen.h) */

struct want {
	uint64_t owner;                 /* process number; 0: void */
	uint64_t ticket;
	uint64_t mark;                  /* 0: asleep; else woken for: a message, 1 room, the status of an end */
	uint64_t looked_ns;             /* the owner's last look, or when it was woken for a message (CLOCK_MONOTONIC) */
	uint64_t object;
	uint64_t since_ns;              /* when its owner began to wait (CLOCK_MONOTONIC) */
	uint32_t kind;
	uint32_t filter_sum;            /* hash_sum of the owner's filter */
	uint16_t wide;                  /* that has no place here: what stands here matches more (filter_widen) */
	uint16_t len;                   /* bytes of text: of a filter */
	char text[WANT_TEXT];
};

/* A want's place in the queue. */
struct want_place {
	uint64_t ticket;
	uint32_t index;
};

/* want_is_message -- whether a receiver's mark is the message that it was woken for. */
static inline bool
want_is_message(uint64_t mark)
{
	return mark != 0 && mark < WANT_LISTEN;
}

/*
 * want_forget -- a locked section begins: heads that were read before may have changed.  In one section they are read
 * once; when an owner looked last, which it writes without the lock, may be a moment older.
 */
void want_forget(void);

/* want_filter -- the filter in w, while w is there. */
struct filter want_filter(struct want *w);

/* want_set_filter -- have w want what f does, or more. */
void want_set_filter(struct want *w, const struct filter *f);

/*
 * want_read, want_read_head, want_write -- an entry; its head, which is all but the filter.
 * Return 0, or -1: EBADMSG where the filter is none.
 */
int want_read(int fd, uint32_t index, struct want *w);
int want_read_head(int fd, uint32_t index, struct want *w);
int want_write(int fd, uint32_t index, const struct want *w);

/* What want_queue has seen of all wants of the kind. */
struct want_crowd {
	uint32_t kinds;                 /* the kinds in the table, as bits 1 << kind */
	bool alike;                     /* some are asleep, and all of these have the filter of this sum */
	uint32_t filter_sum;
	/* the want woken for a message last whose owner has not looked since; woken.owner 0: none */
	struct want_woken {
		uint64_t owner, mark, woken_ns;
		uint32_t filter_sum;
	} woken;
};

/* want_mark, want_looked -- change one member; want_wake: mark and looked_ns; want_void: owner.  Return 0, or -1. */
int want_mark(int fd, uint32_t index, uint64_t mark);
int want_wake(int fd, uint32_t index, uint64_t mark, uint64_t woken_ns);
int want_looked(int fd, uint32_t index, uint64_t looked_ns);
int want_void(int fd, uint32_t index);

/*
 * want_queue -- the places of the first wants of a kind, in the order of their tickets, from a ticket after `after' on.
 * n: entries in use (ctl.wants); asleep: only those without a mark; places: room for WANT_PLACES.
 * Returns how many, or -1.
 */
int want_queue(int fd, uint32_t n, enum want_kind kind, bool asleep, uint64_t after, struct want_place *places,
    struct want_crowd *crowd);

/* want_free_place -- the first void entry, of n in use; n where there is none.  Returns -1 on error. */
int want_free_place(int fd, uint32_t n);

/* want_used -- how many of n entries are in use, up to the last that is not void.  Returns -1 on error. */
int want_used(int fd, uint32_t n);

/* want_room -- how many entries the file has bytes for.  Returns -1 on error. */
int want_room(int fd);

#endif
