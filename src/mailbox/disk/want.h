/* SPDX-License-Identifier: ISC */
/*
 * want: the table of what waiting processes wait for, the mailbox's file `want`.
 *
 * An entry is posted under the mailbox lock by its owner and taken down by it, or by whoever finds it dead.
 * Waiters are served in the order of their tickets.  A want carries the number of the message that it was woken for
 * (its mark) and is passed over while it has one.  Nothing here writes ctl: the caller commits.
 */
#ifndef MAILBOX_DISK_WANT_H
#define MAILBOX_DISK_WANT_H

#include <stdbool.h>
#include <stdint.h>

#include "frame/filter.h"

enum want_kind {
	WANT_RECEIVE = 1,               /* a message of the filter's */
	WANT_PEEK = 2,                  /* the same, but will leave it, or all but one: woken besides a taker, never instead */
	WANT_ROOM = 3,                  /* room for one message that counts `object` bytes */
	WANT_SPOOL = 4,                 /* nothing: NUMBER.spool is being written */
	WANT_END = 5,                   /* the end of message `object`, which this process sent */
};

enum {
	WANT_HEAD = 64,                 /* bytes of the head of an entry */
	WANT_MAX = 1024,                /* entries; who finds no place looks once a second */
};

/* Marks that are no message's. */
#define WANT_AWAKE UINT64_MAX           /* its owner is not asleep */
#define WANT_LISTEN (UINT64_MAX - 1)      /* it was woken to keep the door (listen.h) */

struct want {
	uint64_t owner;                 /* process number; 0: void */
	uint64_t ticket;
	uint64_t mark;                  /* message it was woken for; for room 1; for an end the status; 0: asleep */
	uint64_t looked_ns;             /* the owner's last look by itself, or when it was woken for a message (CLOCK_MONOTONIC) */
	uint64_t object;
	uint32_t kind;
	uint32_t filter_sum;            /* hash_sum of the filter: wants with the same one are alike */
	uint16_t unused;
	struct filter filter;
};

/* A want's place in the queue. */
struct want_place {
	uint64_t ticket;
	uint32_t index;
};

/* want_read, want_write -- an entry.  Return 0, or -1 (EBADMSG for one that is none). */
int want_read(int fd, uint32_t index, struct want *w);
int want_read_head(int fd, uint32_t index, struct want *w);     /* all but the filter */
int want_write(int fd, uint32_t index, const struct want *w);

/* What want_queue has seen of all wants of the kind, on its way. */
struct want_crowd {
	uint32_t kinds;                 /* which kinds there are at all, as bits 1 << kind */
	bool alike;                     /* some are asleep, and all those have the filter of this sum */
	uint32_t filter_sum;
	/* the one that was woken for a message last, and has not looked since; woken.owner 0: none */
	struct want_woken {
		uint64_t owner, mark, woken_ns;
		uint32_t filter_sum;
	} woken;
};

/* want_mark, want_void -- change one field of an entry; want_wake: its mark, and when.  Return 0, or -1. */
int want_mark(int fd, uint32_t index, uint64_t mark);
int want_wake(int fd, uint32_t index, uint64_t mark, uint64_t woken_ns);
int want_looked(int fd, uint32_t index, uint64_t looked_ns);
int want_void(int fd, uint32_t index);

/*
 * want_queue -- the places of the wants of a kind, in the order of their tickets.
 * n: entries in use (ctl.wants); asleep: only those without a mark.
 * places: room for WANT_MAX.  Returns how many, or -1.
 */
int want_queue(int fd, uint32_t n, enum want_kind kind, bool asleep, struct want_place *places,
    struct want_crowd *crowd);

/* want_free_place -- the first void entry, of n in use (n where there is none).  -1 on error. */
int want_free_place(int fd, uint32_t n);

/* want_used -- how many entries are in use, counted from the start to the last one that is not void.  -1 on error. */
int want_used(int fd, uint32_t n);

#endif
