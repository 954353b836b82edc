/* SPDX-License-Identifier: ISC */
/*
 * bell: the private FIFO that a waiting process sleeps on, NUMBER.wake in the mailbox.
 *
 * It is rung by opening it for writing and closing it again.  Invariant: its owner opens it, or opens it anew, only
 * with the mailbox locked, and whoever rings opens it with the mailbox locked; so a ring is never missed.
 * A crash leaves the FIFO; it is removed with the want of its owner (want.h).
 */
#ifndef MAILBOX_DISK_WAKEFIFO_H
#define MAILBOX_DISK_WAKEFIFO_H

#include <stdint.h>

enum { WAKEFIFO_NAME_MAX = 32 };

/* wakefifo_name -- the FIFO's name for a process number.  name: WAKEFIFO_NAME_MAX bytes. */
void wakefifo_name(char *name, uint64_t number);

/* wakefifo_spool_name -- the name of the file in which a process gathers a large payload.  WAKEFIFO_NAME_MAX bytes. */
void wakefifo_spool_name(char *name, uint64_t number);

/* wakefifo_make -- make and open the bell of number in dir_fd, with this mode.  Returns the descriptor, or -1. */
int wakefifo_make(int dir_fd, uint64_t number, unsigned mode);

/*
 * wakefifo_rearm -- make a bell ready to be rung again; fd is closed, and the new descriptor returned, or -1.
 * Where a stopped process still holds the writing end the FIFO is made anew: it would never hang up.
 */
int wakefifo_rearm(int dir_fd, uint64_t number, unsigned mode, int fd);

/*
 * wakefifo_ring_open -- first half of ringing: open the writing end.  The second is close(2), after the commit; a ringer
 * killed in between rings by dying.
 * Returns the descriptor, or -1: ENXIO or ENOENT where nobody listens, or errno of open(2).
 */
int wakefifo_ring_open(int dir_fd, uint64_t number);

/* wakefifo_remove -- remove the FIFO of number.  Returns 0, or -1 where it is still there. */
int wakefifo_remove(int dir_fd, uint64_t number);

#endif
