/* SPDX-License-Identifier: ISC */
/* job: one command at work on a message, or on a batch of them. */
#ifndef DELIVER_JOB_H
#define DELIVER_JOB_H

#include <sys/types.h>

#include "deliver/deliver.h"
#include "deliver/feed.h"
#include "deliver/reply.h"

enum { JOBS_MAX = 65536 };      /* commands at once, and messages of a batch */

struct jobs {
	char *const *command;           /* NULL: none */
	uint32_t limit;                 /* commands at once */
	uint32_t batch;                 /* messages for one command, as frames; 0: one, as its payload */
	bool reply;                     /* a command's output is the answer to its message */
	bool follow;                    /* a command that puts its message back does not end it all */
	const char *source;             /* of answers */
	void (*warn)(const char *what, const char *object);     /* errno says the rest */
	struct deliver *deliver;        /* where messages and dead letters go; gets status, failed_at, failed_on */
	int cannot;                     /* after a failure: the command could not be run, 126 or 127; else 0 */
	int event_fd;                   /* can be read once a command has ended */
	struct also also;               /* for select_next: polls that, and the payloads that are being fed */
	uint32_t running;
	uint32_t fed;                   /* of these, how many have a payload fed, ... */
	uint32_t streams;               /* ... from an inlet that is busy with it */
	bool again;                     /* messages of a batch are there again: what was the end is not */
	uint64_t pause_ns;              /* start nothing before that (CLOCK_MONOTONIC) */
	int passed;                     /* signals to stop that were handled */
	struct job *list;
	struct output *frames;          /* of a batch */
};

/*
 * The messages of a batch that a command is at work on.  Where it fails, half of them is tried, and so on down to the
 * one that it fails on; the others stay in flight.
 */
struct part {
	uint32_t first, n;              /* messages in flight; those before them are settled */
	uint32_t bad;                   /* of those before this one, from first on, one has failed */
	int fd;                         /* the frames of all; -1: it is not a batch, or from a stream */
	uint64_t *ends;                 /* where each frame ends there */
	uint32_t room;                  /* ... of so many */
};

/* A command at work. */
struct job {
	pid_t pid;                      /* 0: a free slot; -1: the command begins once its payload is kept */
	struct inlet *from;
	struct inflight inflight;       /* its messages, of a mailbox, ... */
	struct part part;               /* ... and which of them */
	struct feed feed;               /* its payload, where that is still in a stream */
	bool fed_up;                    /* ... and to be fed no more */
	struct message message;         /* ... and whose it is */
	struct reader *reader;          /* for payloads that are handed over; NULL: none yet */
	bool keep;                      /* its payload is kept, for the dead letter */
	int cut;                        /* errno of what cut its input short; 0 none */
	bool stalled;                   /* its sender has the message still */
	const char *cut_reason;         /* as in struct deliver, both */
	uint64_t cut_offset;
	struct told told;               /* its messages, for the user, and where the tag is: */
	char tag[FRAME_NAME_MAX];
	int out_fd;                     /* its output, where that is an answer; else -1 */
	struct reply reply;
};

/*
 * job_start -- jobs_start in this free slot.  Where the payload is still in a stream, job->feed is to be fed.
 * Returns as jobs_start.
 */
int job_start(struct jobs *j, struct job *job, uint32_t most, uint64_t *n);

/* job_kept -- the payload, which is kept, is all there: start the command on it.  Returns 0, or -1 as jobs_start. */
int job_kept(struct jobs *j, struct job *job);

/* job_halve -- the command has failed on several messages of a batch: run it on half of them.  Returns as job_kept. */
int job_halve(struct jobs *j, struct job *job);

/* job_rest -- the part is settled: run the command on the next, where there is one.  Returns as job_kept. */
int job_rest(struct jobs *j, struct job *job);

/* job_unfeed -- feed it no more: its input ends here. */
void job_unfeed(struct jobs *j, struct job *job);

/* job_cut -- note that the input is cut short, by err; from->reason says how. */
void job_cut(struct job *job, int err, const struct reader *from);

/*
 * job_failed -- note what failed; errno says why.  The job's messages are put back, but one that its sender has cut
 * short, the last.  Returns as deliver_failed.
 */
int job_failed(struct jobs *j, struct job *job, const char *at, const char *on);

/* job_drop -- forget the job's messages, settled or not. */
void job_drop(struct job *job);

/* job_settle -- settle n of the job's messages in flight.  Returns 0, or -1. */
int job_settle(struct job *job, uint32_t from, uint32_t n, enum receiver_end end, uint64_t delay_us);

#endif
