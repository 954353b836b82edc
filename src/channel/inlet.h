/* SPDX-License-Identifier: ISC */
/* inlet: a channel that messages come from: a mailbox, a FIFO, a pipe, a file; one of several (select.h). */
#ifndef CHANNEL_INLET_H
#define CHANNEL_INLET_H

#include <poll.h>

#include "mailbox/mailbox.h"
#include "stream/open.h"
#include "stream/reader.h"

struct inlet {
	const char *name;               /* as the user typed it */
	const char *path;
	enum channel_kind kind;
	bool named;                     /* not standard input, whose end is the end of everything */
	bool ended;                     /* nothing will come from it any more */
	bool busy;                      /* set by the caller, of a stream: its message in hand is still being read */
	bool looked;                    /* of a mailbox: it was looked at in this wait */
	uint32_t passed;                /* how often it had something, and another mailbox was taken */
	struct receiver receiver;       /* of a mailbox */
	struct reader *reader;          /* of a stream, or of a payload that a mailbox hands over */
	int fd;                         /* of a stream; -1 */
};

#define SELECT_POLLED(n) (1 + (size_t)2 * (n))  /* descriptors that are watched while asleep, at most, of n channels */

/* What else is polled while asleep. */
struct also {
	struct pollfd *polled;          /* n entries, with room for SELECT_POLLED of its channels behind them */
	nfds_t n;
	bool (*tend)(struct also *);    /* called after each poll(2); returns whether to end the wait */
	void *of;                       /* the caller's */
};

struct select {
	struct inlet *list;
	uint32_t n;
	uint32_t mailboxes;             /* how many of them are mailboxes: what comes first in any is taken first */
	uint32_t turn;                  /* which one is asked first */
	struct filter filter;
	bool peek;
	uint64_t id;                    /* only the message with this id; 0 any */
	bool expired;                   /* expired messages too: run.expired says which they are */
	bool once;                      /* as in struct receiver */
	bool all;                       /* what is there now, no more */
	unsigned all_tries;             /* as of a receiver */
	bool follow;                    /* a plain file's end is not its end */
	bool single;                    /* take one message at a time */
	bool counted;                   /* take one message at a time from a stream: what follows is not ours */
	enum run_end ends;              /* as in struct receiver_ask */
	bool glance;                    /* the caller comes again: wait for nothing, not for the rest of a message */
	bool streamed;                  /* what is in hand is in message: from a stream, or handed over */
	int watched_fd;                 /* while asleep: an output whose reader may leave; -1 none */
	int ahead[2];                   /* a pipe that streams are looked at through; -1 */
	struct also *also;              /* while asleep; NULL nothing */
	uint64_t deadline_ns;           /* of the wait that `also' has ended; 0 none */
	uint64_t timeout_ns;            /* UINT64_MAX for ever, 0 not at all */
	uint64_t had, most;             /* of a batch: as in struct receiver_ask */
	struct run *before;             /* with a single mailbox: as in struct receiver_ask, */
	uint32_t before_n;              /* both */
	const char *answers;            /* who is to answer: what is waited for is that (waiting.h); NULL: a message */
	mailbox_tell *tell_unjudged;    /* as in struct receiver, both */
	mailbox_tell_why *tell_why;
	struct inlet *from;             /* where the messages in hand came from; NULL none */
	struct run run;                 /* in hand, from a mailbox */
	struct message message;
	struct pollfd *polled;          /* select.c's, to sleep; NULL */
	char *place;                    /* the caller's FRAME_HEADER_MAX bytes, for inlet_place */
};

enum { INLET_LOOK = 0 };                /* a deadline: look, and do not wait */

/*
 * inlet_open -- open the channel new->path, for s.
 * Returns 0, 1 where s has it already, by another name; or -1 with errno: EINVAL for a stream with peek or id.
 */
int inlet_open(struct select *s, struct inlet *new);

/*
 * inlet_mailbox -- ask a mailbox; where it has nothing and a wait is to follow, post our want.
 * ask: what for; its deadline and wait are set here.
 * inlet_stream -- ask a stream for the next message.
 * Return 1 (s->run, or s->message), 0 nothing now (one->ended: nor ever), or -1 as select_next.
 */
int inlet_mailbox(struct select *s, struct inlet *one, struct receiver_ask ask, uint64_t deadline_ns);
int inlet_stream(struct select *s, struct inlet *one, uint64_t deadline_ns);

/*
 * inlet_place -- where a message asks for its answer in the mailbox that it came from (reply=./NAME, letterbox(5)),
 * have it say which that is, as this process sees it, so that it means the same wherever it goes from here.
 * It stays as it is where that mailbox is not found at its path any more, or the header line would be too long.
 * place: FRAME_HEADER_MAX bytes, which m->extra may point into then.
 */
void inlet_place(const struct inlet *one, struct message *m, char *place);

#endif
