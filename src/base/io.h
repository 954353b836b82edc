/* SPDX-License-Identifier: ISC */
/*
 * io: read(2) and write(2) as they should have been: whole, and again after EINTR.
 *
 * Once a caught signal has asked the process to stop (io_stop), a call that could block ends with EINTR instead
 * (io_pread and io_pwrite, which wait for a disk only, do not).
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

/* The signal that asked to stop, or 0.  Set by io_catch_stop's handler. */
extern volatile sig_atomic_t io_stop;

/* How many times it was asked. */
extern volatile sig_atomic_t io_stops;

/*
 * io_catch_stop -- from now on SIGHUP, SIGINT and SIGTERM set io_stop and interrupt system calls: one that the process
 * is in, and any that it enters later and stays in.  It takes SIGALRM and ITIMER_REAL for that once a signal came.
 * Signals that are ignored stay so (nohup(1)).  Does its work once; later calls return at once.
 */
void io_catch_stop(void);

/* io_nudge -- for who has set ITIMER_REAL: take it back for the above, where a signal has come. */
void io_nudge(void);

/* io_open_to -- whether fd is open to be read (O_RDONLY) or written (O_WRONLY).  Returns 0, or -1 with EBADF: it is not. */
int io_open_to(int fd, int how);

/*
 * io_wait -- sleep until fd is ready for one of the events of poll(2), or in error, or hung up.
 * deadline_ns: CLOCK_MONOTONIC; one that has passed looks once; CLOCK_NEVER waits for ever.
 * Returns the revents, or -1: ETIMEDOUT, EINTR (io_stop, seen within a second), or errno of poll(2).
 */
int io_wait(int fd, short events, uint64_t deadline_ns);

/*
 * io_nap -- sleep for *ms and double it, up to max_ms: for what cannot be polled.
 * Returns 0, or -1: ETIMEDOUT where the deadline has passed, EINTR.
 */
int io_nap(uint64_t deadline_ns, int *ms, int max_ms);

/* io_read -- read at most n bytes.  Returns the bytes, 0 at the end of file, or -1 with errno. */
ssize_t io_read(int fd, void *buf, size_t n);

/* io_read_full -- read n bytes, fewer only at the end of file.  Returns the bytes, or -1 with errno. */
ssize_t io_read_full(int fd, void *buf, size_t n);

/*
 * io_write -- write all n bytes; waits as a blocking descriptor would where fd is non-blocking.
 * io_write_counted: done gets how many were written.
 * Return 0, or -1 with errno.
 */
int io_write(int fd, const void *buf, size_t n);
int io_write_counted(int fd, const void *buf, size_t n, size_t *done);

/*
 * io_pread -- read n bytes at offset, fewer only at the end of file.
 * Returns the bytes, or -1: EBADMSG where fd is no file, or errno.
 */
ssize_t io_pread(int fd, void *buf, size_t n, uint64_t offset);

/* io_pwrite -- write all n bytes at offset.  Returns 0, or -1 as io_pread. */
int io_pwrite(int fd, const void *buf, size_t n, uint64_t offset);

/* io_close -- close a descriptor, -1 none, and leave errno as it is. */
void io_close(int fd);

/*
 * io_sync_data, io_sync -- fdatasync(2), fsync(2), again after EINTR.
 * Return 0, or -1 with errno: then nothing can be said of what was written before, whatever a later call returns.
 */
int io_sync_data(int fd);
int io_sync(int fd);

#endif
