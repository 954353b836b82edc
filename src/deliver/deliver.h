/* SPDX-License-Identifier: ISC */
/* deliver: what was received goes to the output, or to the dead letters, and only then counts as received. */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include "channel/select.h"
#include "channel/sink.h"
#include "deliver/output.h"

/* What has become of messages of a command, or of one that has expired. */
enum told_end {
	TOLD_DONE,                      /* received, or answered */
	TOLD_BACK,                      /* put back as it was */
	TOLD_AGAIN,                     /* put back, and kept back for a while */
	TOLD_SENDER,                    /* back to the sender of an offer */
	TOLD_BURIED,                    /* a dead letter */
	TOLD_FULL,                      /* it should be one, but found no room: as TOLD_AGAIN */
	TOLD_CUT,                       /* its payload was cut short */
	TOLD_DROPPED,                   /* of a stream: lost */
	TOLD_HALVED,                    /* half of them is tried */
};

struct told {
	uint64_t id;                    /* number of the first; 0 none */
	uint32_t n;                     /* how many */
	struct slice tag;               /* of the only one */
	const char *expired;            /* NULL, or why it may not be delivered: "expired", ... */
	bool killed, answered;          /* killed: the command, by a signal; status is 128 more */
	bool refused;                   /* by the one that was to acknowledge it */
	int status;                     /* of the command, as a shell has it */
	unsigned tries;                 /* that have failed, with this one; 0: it did not count */
	uint64_t again_us;
};

enum { DELIVER_FEW = 16 };

struct deliver {
	struct select *sources;
	struct output *output;
	uint32_t max_tries;             /* after so many a message is a dead letter; 0 never */
	uint64_t backoff_us;            /* how long a message is kept back after its first failure ... */
	uint64_t backoff_most_us;       /* ... and at most: clock_backoff */
	struct sink *dead;              /* where dead letters go, and messages that expired; NULL: nowhere */
	bool dead_full;                 /* ... and there was no room the last time */
	void (*tell_full)(const char *dead);    /* called once where there is none */
	int status;                     /* of the last command that failed, as a shell has it; 0 none */
	/* NULL, or tells the user.  channel: where they came from. */
	void (*tell)(const struct deliver *d, const char *channel, enum told_end end, const struct told *t);
	const char *failed_at;          /* after a failure: "write", "run" or "read" ... */
	const char *failed_on;          /* ... and the object */
	bool cut;                       /* ... and whether the message was cut short, ... */
	const char *cut_reason;         /* ... how, in words, ... */
	uint64_t cut_offset;            /* ... and at which byte of its stream */
	uint32_t ended;                 /* how many of the run in hand have been given to the output ... */
	uint64_t *ends;                 /* ... and where each ends in it (outbuf_end): few_ends, or many_ends, which would */
	uint64_t few_ends[DELIVER_FEW]; /* be a page fault of its own */
	uint64_t *many_ends;            /* NULL: not needed yet */
};

/* deliver_failed -- note what failed, and on what.  Returns -1, errno as it was. */
static inline int
deliver_failed(struct deliver *d, const char *at, const char *on)
{
	d->failed_at = at;
	d->failed_on = on;
	return -1;
}

/* deliver_cut -- note how and where the reader has found a message to be cut short. */
static inline void
deliver_cut(struct deliver *d, const struct reader *r)
{
	d->cut_reason = r->reason;
	d->cut_offset = r->offset;
}

/*
 * deliver_note -- have the number and the tag of a message in t.  tag: FRAME_NAME_MAX bytes, in which the tag is kept.
 */
void deliver_note(struct told *t, const struct message *m, char *tag);

/*
 * deliver_run -- write what select_next gave.
 * n: gets how many messages were delivered.
 * Returns 1, or -1 with errno, failed_at and failed_on; what was not delivered is put back, and what was stays in hand
 * to be settled as done.
 */
int deliver_run(struct deliver *d, uint64_t *n);

/* In place of a status, what makes a message a dead letter. */
enum {
	DELIVER_EXPIRED = 0,            /* the message has expired */
	DELIVER_REFUSED = -1,           /* the one that was to acknowledge it refuses it */
};

/*
 * deliver_read -- after a failed write, errno: set how many of the run in hand are delivered all the same, since they are
 * in the file, or the pipe's reader had read them to the end before it left.
 */
void deliver_read(struct deliver *d);

/*
 * deliver_bury -- send the one message in hand to the dead letters, and take it out of its mailbox.
 * Where they have no room for it within a second, it is put back for a while: two receivers whose dead letters go to
 * each other's mailbox must not wait for each other with their claims in hand.
 * status: of the command that failed, or one of the above.  Returns as deliver_run.
 */

int deliver_bury(struct deliver *d, int status);

/* deliver_begun -- wait for the rest of a message that is still in a stream, whatever the timeout for it to begin. */
void deliver_begun(struct message *m);

#endif
