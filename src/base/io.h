/* SPDX-License-Identifier: ISC */
/*
 * io: read(2), write(2) and their kin, complete and made again after EINTR.
 *
 * Once a caught signal has asked the process to stop (io_stop), a call that may block ends with EINTR instead; but for
 * those that wait for a disk only: io_pread, io_pwrite, io_sync, io_sync_data.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

/* The signal that asked the process to stop, or 0.  Set by io_catch_stop's handler. */
extern volatile sig_atomic_t io_stop;

/* How many such signals came. */
extern volatile sig_atomic_t io_stops;

/*
 * io_catch_stop -- from now on SIGALRM, SIGHUP, SIGINT and SIGTERM set io_stop and interrupt system calls: the one that
 * the process is in, and any that blocks later.
 * Signals that are ignored, or blocked, stay so (nohup(1)).  A second call does nothing.
 */
void io_catch_stop(void);

/* io_open_to -- whether fd is open for reading (O_RDONLY) or writing (O_WRONLY).  Returns 0, or -1 with EBADF. */
int io_open_to(int fd, int how);

/*
 * io_wait -- sleep until fd is ready for one of the events of poll(2), has an error or is hung up.
 * deadline_ns: where it has passed, look once; CLOCK_NEVER waits for ever.
 * Returns the revents, or -1: ETIMEDOUT, EINTR (io_stop, seen within a second), or errno of poll(2).
 */
int io_wait(int fd, short events, uint64_t deadline_ns);

/*
 * io_nap -- sleep for *ms milliseconds and double *ms, up to max_ms: for what poll(2) cannot wait for.
 * Returns 0, or -1: ETIMEDOUT where the deadline has passed, EINTR (io_stop).
 */
int io_nap(uint64_t deadline_ns, int *ms, int max_ms);

/*
 * io_room -- fd, which is non-blocking, took nothing: wait until it may take more.
 * ms: 0 before, and again once it took something.  Returns 0, or -1 as io_wait.
 */
int io_room(int fd, uint64_t deadline_ns, int *ms);

/* io_read -- read at most n bytes.  Returns the bytes, 0 at the end of file, or -1 with errno. */
ssize_t io_read(int fd, void *buf, size_t n);

/*
 * io_read_proc -- read a file of /proc as a C string, at most its first size - 1 bytes.
 * Returns the length; 0 with errno for a file that cannot be read.
 */
size_t io_read_proc(const char *path, char *text, size_t size);

/*
 * io_write -- write all n bytes; waits as a blocking descriptor would where fd is non-blocking.
 * io_write_counted: *done is how many were written, after a failure too.
 * Return 0, or -1 with errno; EPIPE for a connection that was reset, too.
 */
int io_write(int fd, const void *buf, size_t n);
int io_write_counted(int fd, const void *buf, size_t n, size_t *done);

/*
 * io_taken -- whether the peer of a socket has not left before it could take what was written; waits where that is not
 * known.  Returns 0, also for what is no socket, or -1: EPIPE it has left, EINTR (io_stop), or errno of poll(2).
 */
int io_taken(int fd);

/*
 * io_pread -- read n bytes at offset, fewer only at the end of file.
 * Returns the bytes, or -1: EBADMSG where fd is no file, or errno.
 */
ssize_t io_pread(int fd, void *buf, size_t n, uint64_t offset);

/* io_pwrite -- write all n bytes at offset.  Returns 0, or -1: EBADMSG where fd is no file, or errno. */
int io_pwrite(int fd, const void *buf, size_t n, uint64_t offset);

/* io_close -- close a descriptor, -1 for none, and leave errno as it is. */
void io_close(int fd);

/*
 * io_sync_data, io_sync -- fdatasync(2), fsync(2), again after EINTR.
 * Return 0, or -1 with errno: then what was written before may be lost, whatever a later call returns.
 */
int io_sync_data(int fd);
int io_sync(int fd);

#endif
