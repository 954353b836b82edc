/* SPDX-License-Identifier: ISC */
/* channel: what a name stands for, and its opening. */
#ifndef STREAM_OPEN_H
#define STREAM_OPEN_H

#include <stdbool.h>
#include <stdint.h>

enum channel_kind {
	CHANNEL_MAILBOX,
	CHANNEL_FIFO,
	CHANNEL_PIPE,                   /* `-`, or an ordinary pipe, a terminal, a device by its name */
	CHANNEL_FILE,
};

/* open_kind -- what stands at path ("-" is CHANNEL_PIPE).  Returns 0, or -1 with errno of stat(2). */
int open_kind(const char *path, enum channel_kind *kind);

/*
 * open_write -- open path, which is no mailbox, for sending.
 * A FIFO is waited for until somebody reads it or the deadline comes (CLOCK_MONOTONIC; 0: do not wait).
 * Returns the descriptor, or -1: EAGAIN nobody reads it, ETIMEDOUT, EINTR, EBADF standard output is closed, or errno of
 * open(2).
 */
int open_write(const char *path, enum channel_kind kind, bool truncate, uint64_t deadline_ns);

/*
 * open_read -- open path, which is no mailbox, for receiving; does not wait.
 * "-" gives a description of its own for standard input where it is a pipe, so that flock(2) tells siblings apart.
 * Returns the descriptor, or -1: EBADF standard input is closed, or errno of open(2).
 */
int open_read(const char *path);

#endif
