/* SPDX-License-Identifier: ISC */
/*
 * jobs: commands at work on messages, several at once.
 *
 * Only what a command can start on now is claimed.  A message is settled when its command has ended: done, put back,
 * or a dead letter; one that asks for an answer, after the answer has been sent.
 */
#ifndef DELIVER_JOBS_H
#define DELIVER_JOBS_H

#include "deliver/job.h"

/* jobs_init -- allocate, and catch SIGCHLD; once in a process.  channels: those received from.  Returns 0, or -1. */
int jobs_init(struct jobs *j, uint32_t channels);

/*
 * jobs_start -- run the command on what select_next gave, and with batch on what more there is, at most `most`
 * messages.  A slot is free.  n: gets how many were taken.  A payload that is still in a stream is fed to the command
 * from then on: while select_next sleeps (also), in jobs_wait and in jobs_reap.
 * Returns 1, or -1 with errno, deliver->failed_at and failed_on; then what was taken is put back.
 */
int jobs_start(struct jobs *j, uint32_t most, uint64_t *n);

/*
 * jobs_reap -- settle the messages of commands that have ended; pass a second signal to stop on to those that run.
 * Returns 1 go on, 0 start no more (a command put its message back), or -1 as jobs_start.
 */
int jobs_reap(struct jobs *j);

/* jobs_watch -- make `also' ready for a sleep. */
void jobs_watch(struct jobs *j);

/* jobs_wait -- sleep until a command ends or has its payload, a signal comes, or the deadline; it may be sooner. */
void jobs_wait(struct jobs *j, uint64_t deadline_ns);

/* jobs_free -- free what jobs_init allocated. */
void jobs_free(struct jobs *j);

#endif
