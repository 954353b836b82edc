/* SPDX-License-Identifier: ISC */
/*
 * jobs: commands at work on messages, several at once.
 *
 * Only what a command can start on now is claimed.  A message is settled when its command has ended: done, put back,
 * or a dead letter; one that asks for an answer, after the answer has been sent.
 */
#ifndef DELIVER_JOBS_H
#define DELIVER_JOBS_H

#include "deliver/deliver.h"
#include "deliver/reply.h"

enum { JOBS_MAX = 65536 };      /* commands at once, and messages of a batch */

struct job;

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
	uint32_t running;
	uint64_t pause_ns;              /* start nothing before that (CLOCK_MONOTONIC) */
	int passed;                     /* signals to stop that were handled */
	struct job *list;
	struct output *frames;          /* of a batch */
};

/* jobs_init -- allocate, and catch SIGCHLD; once in a process.  Returns 0, or -1. */
int jobs_init(struct jobs *j);

/*
 * jobs_start -- run the command on what select_next gave, and with batch on what more there is, at most `most`
 * messages.  A slot is free.  n: gets how many were taken.
 * Returns 1, or -1 with errno, deliver->failed_at and failed_on; then what was taken is put back.
 */
int jobs_start(struct jobs *j, uint32_t most, uint64_t *n);

/*
 * jobs_reap -- settle the messages of commands that have ended; pass a second signal to stop on to those that run.
 * Returns 1 go on, 0 start no more (a command put its message back), or -1 as jobs_start.
 */
int jobs_reap(struct jobs *j);

/* jobs_wait -- sleep until a command ends, a signal comes, or the deadline; it may be sooner. */
void jobs_wait(struct jobs *j, uint64_t deadline_ns);

/* jobs_free -- free what jobs_init allocated. */
void jobs_free(struct jobs *j);

#endif
