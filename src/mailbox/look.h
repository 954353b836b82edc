/* SPDX-License-Identifier: ISC */
/* look: what a look at a mailbox finds, piece by piece. */
#ifndef MAILBOX_LOOK_H
#define MAILBOX_LOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "frame/filter.h"

#define SNAPSHOT_UNKNOWN UINT64_MAX
#define SNAPSHOT_EMPTY UINT64_MAX       /* oldest_us where there is no message */

/* What a process waits for. */
enum snapshot_wait {
	SNAPSHOT_MESSAGE,               /* a message that the filter matches, */
	SNAPSHOT_PEEK,                  /* and will not take it */
	SNAPSHOT_ROOM,                  /* room for a message of so many bytes (object) */
	SNAPSHOT_END,                   /* the end of the message with this number (object) */
};

struct snapshot_waiter {
	enum snapshot_wait what;
	uint64_t object;
	pid_t pid;                      /* 0 not known */
	uint64_t since_ns;              /* when it began to wait */
	uint64_t ticket;                /* its place among those that wait */
	bool wide;                      /* it has more patterns than the table has place for: those left out are not here */
	struct filter filter;
};

/* The messages of one tag. */
struct snapshot_tag {
	char *tag;
	uint64_t messages, bytes;
	uint64_t oldest_us;             /* when the oldest was sent */
};

enum snapshot_state {
	SNAPSHOT_WAITS,                 /* for a receiver */
	SNAPSHOT_DELAYED,               /* sent for later */
	SNAPSHOT_FAILED,                /* put back after a failure, and not due again */
	SNAPSHOT_EXPIRED,               /* the next process that comes across it drops it */
	SNAPSHOT_CLAIMED,               /* by a receiver */
	SNAPSHOT_OFFERED,               /* its sender has it */
};

#define SNAPSHOT_NOBODY (-1)            /* a holder: none, or a dead one */

/* A message as it was at a moment. */
struct snapshot_message {
	uint64_t now_us, now_ns;        /* the moment, as of a snapshot */
	uint64_t id;
	struct slice tag, source;
	uint64_t bytes;                 /* of its payload; SNAPSHOT_UNKNOWN: its sender has it */
	uint64_t sent_us;
	enum snapshot_state state;
	unsigned tries;                 /* deliveries that failed */
	uint64_t due_us;                /* delayed or failed: when it is due; 0 */
	pid_t holder;                   /* claimed or offered: by whom; 0 not known */
	uint64_t since_ns;              /* claimed: since when; 0 not known */
};

/* To whom a mailbox's messages are given, in their order.  give: returns 0, or -1 to end the look, which then fails. */
struct snapshot_list {
	const struct filter *filter;    /* which of them, */
	uint64_t id;                    /* or only the one with this number; 0 all */
	int (*give)(void *arg, const struct snapshot_message *message);
	void *arg;
};

#endif
