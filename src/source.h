/* SPDX-License-Identifier: ISC */
/*
 * source: where messages come from: mailboxes, FIFOs, pipes, files, several at once.
 *
 * What was taken from a mailbox stays claimed until the next source_next, which marks it done, or source_settle.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include "channel.h"
#include "claim.h"
#include "intake.h"
#include "reader.h"

struct source {
	const char *name;               /* as the user typed it */
	const char *path;
	enum channel_kind kind;
	bool named;                     /* not standard input: its end is not the end of everything */
	bool ended;                     /* nothing will come from it any more */
	uint64_t below;                 /* with all: the ids that were there at the start */
	struct mbox m;
	struct claim claim;
	struct intake *intake;          /* of a mailbox with a drop/ */
	struct reader *reader;          /* of a stream; of a mailbox, for payloads by rendezvous */
	int fd;                         /* of a stream, or of the offer in hand; -1 */
};

struct sources {
	struct source *list;
	uint32_t n;
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
	uint64_t patience_ns;           /* UINT64_MAX for ever, 0 not at all */
	mbox_held *held;                /* told of a mailbox that has been locked for long; NULL nobody */
	struct source *from;            /* where the messages in hand came from; NULL none */
	struct run run;                 /* in hand, from a mailbox */
	bool streamed;                  /* what is in hand is s->message: from a stream, or by rendezvous */
	struct message message;
};

/*
 * sources_add -- open the channel at path and add it; s->list has room, all zeros.
 * Returns 0, or -1 with errno: EINVAL for a stream with peek or id.
 */
int sources_add(struct sources *s, const char *name, const char *path);

/*
 * sources_next -- what is in hand is done; get the next: at most `messages`, of about `bytes`.
 * Returns 1: s->from is set, and messages are in s->run, or one is in s->message (s->streamed).
 * Returns 2: event_fd can be read; the next call goes on with the wait.
 * Returns 0: nothing now (all, or no patience), every stream has ended, or the message with s->id is gone.
 * Returns -1: ETIMEDOUT, EIDRM, EINTR, EPIPE (the watched output), EBADMSG, or errno; s->from says where, if anywhere.
 */
int sources_next(struct sources *s, uint32_t messages, size_t bytes);

/*
 * sources_more -- what more there is now where the messages in hand came from, which the caller has taken over
 * (s->run.n is 0).  Does not wait.  Returns 1, 0 or -1, as sources_next.
 */
int sources_more(struct sources *s, uint32_t messages, size_t bytes);

/* sources_awake -- nothing is to be taken at present: whoever waits besides us is woken instead.  Returns 0, or -1. */
int sources_awake(struct sources *s);

/* sources_settle -- what is in hand from item `from` on is done or put back (claim_settle).  Returns 0, or -1. */
int sources_settle(struct sources *s, uint32_t from, enum claim_end end, uint64_t delay_us);

/*
 * sources_take_offer -- where the message in hand is an offer, the caller has its FIFO from now on, and closes it once
 * the offer has been settled.  It is read through s->message as before.  Returns its descriptor, or -1: it is none.
 */
int sources_take_offer(struct sources *s);

/* sources_close -- put back what is in hand, take the wants down, and let go. */
void sources_close(struct sources *s);

#endif
