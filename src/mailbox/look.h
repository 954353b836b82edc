/* SPDX-License-Identifier: ISC */
/* look: what a look at a mailbox finds, piece by piece; and a link as others are to see it. */
#ifndef MAILBOX_LOOK_H
#define MAILBOX_LOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "frame/filter.h"
#include "mailbox/settings.h"

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

/* What a link (mlink(1)) is doing. */
enum link_state {
	LINK_STARTS,                    /* it has not been there yet */
	LINK_LINKED,                    /* it is there: messages go through it */
	LINK_LOST,                      /* it is not, and is tried again soon */
	LINK_WAITS,                     /* something must be set right first: it is tried again now and then */
	LINK_ENDS,                      /* never seen: it is given up */
};

struct snapshot_link {
	pid_t pid;                      /* of the process that keeps it */
	enum link_state state;
	bool inward;                    /* it brings messages to the mailbox */
	uint64_t since_us;              /* since when it is in this state */
	char *target, *name;            /* what is at its other side; its name among those to there */
};

/* A link that this process keeps between a mailbox and somewhere else.  Zeros, but for what the caller sets. */
struct mailbox_link {
	const char *target;             /* the other side, */
	const char *name;               /* and which of the links to there it is */
	bool inward;                    /* it brings messages to the mailbox */
	enum link_state state;          /* what it is doing; may change from call to call.  LINK_ENDS: let it go, and close */

	pid_t other;                    /* set by link_post, with EEXIST: which process keeps it; 0 not known */
	bool closed;                    /* set by link_post: the mailbox is closed */
	struct damage *damage;          /* found so far */
	struct link_post *in;           /* the mailbox's own: not NULL while others can see it */
};

/* Damaged messages that were found and set aside in the mailbox.  The caller tells the user, and sets n to 0. */
struct damage {
	uint64_t n;                     /* how many, */
	uint64_t first, last;           /* with numbers from first to last */
	bool kept;                      /* something of them was set aside, */
	bool kept_frames;               /* frames among it, in the file of the number `frames' */
	uint64_t frames;
};

struct snapshot {
	const struct snapshot_list *list;       /* the caller's: give each message too; NULL: none */
	struct mailbox_settings settings;
	struct damage damage;           /* found by this look */
	uint64_t identity;              /* which mailbox this is */
	uint64_t now_us, now_ns;        /* the moment: since the epoch, and CLOCK_MONOTONIC */
	uint64_t messages, bytes;       /* that wait, claimed ones included */
	uint64_t claimed, delayed;      /* of them; delayed: not due yet */
	uint64_t kept_back;             /* of them, after a failure */
	uint64_t held_ns;               /* since when the one that is held longest is; 0 not known, or none is */
	pid_t holder;                   /* by whom, as of a message */
	bool dead_letters;              /* the first of them is a dead letter */
	uint64_t sent, received;        /* so far; received: neither waiting nor of those in the next line but `refused' */
	uint64_t dropped, buried, damaged, refused;     /* so far; refused: files in drop/ that were no messages */
	uint64_t failed;                /* deliveries that failed so far, dead letters included */
	uint32_t forgotten;             /* mailboxes of which what they sent here once is not remembered any more */
	uint64_t outside;               /* messages in drop/; SNAPSHOT_UNKNOWN: no drop/, or it may not be listed */
	uint64_t oldest_us;             /* since when the oldest waits: it was sent, or due, then */
	unsigned receivers, senders;    /* processes that sleep until something comes, */
	struct snapshot_waiter *waiters;        /* and each of them */
	size_t waiters_n, waiters_room;
	struct snapshot_tag *tags;      /* sorted by tag */
	size_t tags_n, tags_room;
	struct snapshot_link *links;    /* that are kept between it and elsewhere */
	size_t links_n, links_room;
};

#endif
