/* SPDX-License-Identifier: ISC */
/* source: a channel that messages come from: a mailbox, a FIFO, a pipe, a file; one of several (select.h). */
#ifndef CHANNEL_INLET_H
#define CHANNEL_INLET_H

#include "mailbox/mailbox.h"
#include "stream/open.h"
#include "stream/reader.h"

struct inlet {
	const char *name;               /* as the user typed it */
	const char *path;
	enum channel_kind kind;
	bool named;                     /* not standard input: its end is not the end of everything */
	bool ended;                     /* nothing will come from it any more */
	uint32_t passed;                /* how often it had something, and another mailbox was asked */
	struct receiver receiver;       /* of a mailbox */
	struct reader *reader;          /* of a stream; of a mailbox, for payloads that are handed over */
	int fd;                         /* of a stream; -1 */
};

struct select {
	struct inlet *list;
	uint32_t n;
	uint32_t mailboxes;             /* how many of them are that: what comes first in any of them is taken first */
	uint32_t turn;                  /* which one is asked first */
	struct filter filter;
	bool peek;
	uint64_t id;                    /* only the message with this number; 0 any */
	bool expired;                   /* expired messages too: s->run says which they are */
	bool all;                       /* what is there now, no more */
	bool follow;                    /* a plain file's end is not its end */
	bool single;                    /* take one message at a time */
	int watched_fd;                 /* while asleep: an output whose reader may leave; -1 none */
	int event_fd;                   /* while asleep: something else to see to, once it can be read; -1 none */
	uint64_t deadline_ns;           /* of the wait that an event has interrupted; 0 none */
	uint64_t timeout_ns;           /* UINT64_MAX for ever, 0 not at all */
	bool glance;                    /* the caller comes again: nothing is waited for, not the rest of a message either */
	mailbox_tell *locked;           /* as of struct receiver, both */
	mailbox_tell *tell_unjudged;
	struct inlet *from;            /* where the messages in hand came from; NULL none */
	struct run run;                 /* in hand, from a mailbox */
	bool streamed;                  /* what is in hand is s->message: from a stream, or handed over */
	struct message message;
};

/* How a mailbox is asked. */
struct inlet_ask {
	bool probe;                     /* only whether there is something, and what */
	uint64_t until_us;              /* of several messages only those sent until then; 0 any */
};

enum { INLET_LOOK = 0 };               /* a deadline: look, and do not wait */

/*
 * inlet_open -- open the channel new->path, for s.
 * Returns 0, 1 where s has it already, by another name; or -1 with errno: EINVAL for a stream with peek or id.
 */
int inlet_open(struct select *s, struct inlet *new);

/*
 * inlet_mailbox -- ask a mailbox for at most `messages`, of about `bytes`, and where there is nothing and a wait is to
 * follow, post our want.  inlet_stream -- ask a stream for the next message.
 * Return 1 (s->run, or s->message), 0 nothing now (one->ended: nor ever), or -1 as select_next.
 */
int inlet_mailbox(struct select *s, struct inlet *one, struct inlet_ask ask, uint32_t messages, size_t bytes,
    uint64_t deadline_ns);
int inlet_stream(struct select *s, struct inlet *one, uint64_t deadline_ns);

#endif
