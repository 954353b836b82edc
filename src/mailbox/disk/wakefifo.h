/* SPDX-License-Identifier: ISC */
/*
 * wakefifo: the FIFO that a waiting process sleeps on, NUMBER.wake in the mailbox.
 *
 * A process is woken by opening its FIFO for writing and closing it again.  Invariant: the owner opens or reopens the
 * FIFO, and others open it to wake, only with the mailbox locked; so no wake-up is lost.
 * A crash leaves the FIFO; it is removed with its owner's want (want.h).
 */
#ifndef MAILBOX_DISK_WAKEFIFO_H
#define MAILBOX_DISK_WAKEFIFO_H

#include <stdbool.h>
#include <stdint.h>

enum { WAKEFIFO_NAME_MAX = 32 };

/* wakefifo_spool_name -- the name of the file in which a process gathers a large payload.  name: WAKEFIFO_NAME_MAX. */
void wakefifo_spool_name(char *name, uint64_t number);

/* wakefifo_make -- make the wake FIFO of process number, with this mode.  Returns the open reading end, or -1. */
int wakefifo_make(int dir_fd, uint64_t number, unsigned mode);

/*
 * wakefifo_rearm -- make fd ready for the next wake-up: it is closed and opened anew.  Where a stopped process keeps
 * the writing end open there would be no hang-up: then the FIFO is made anew.  Returns the new descriptor, or -1.
 */
int wakefifo_rearm(int dir_fd, uint64_t number, unsigned mode, int fd);

/*
 * wakefifo_ring_open -- open the writing end; shared: others than the owner of the mailbox may have put something else there.  close(2), after the commit, wakes; so does the death of the waker.
 * Returns the descriptor, or -1: ENXIO or ENOENT, the process does not sleep; or errno of open(2).
 */
int wakefifo_ring_open(int dir_fd, uint64_t number, bool shared);

/* wakefifo_remove -- remove the FIFO of process number.  Returns 0, or -1: it is still there. */
int wakefifo_remove(int dir_fd, uint64_t number);

#endif
