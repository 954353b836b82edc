/* SPDX-License-Identifier: ISC */
/*
 * io: read(2), write(2) and their kin, complete and made again after EINTR.
 *
 * Once a caught signal has asked the process to stop (io_stop), a call that may block ends with EINTR instead; but for
 * those that wait for a disk only: io_pread, io_pwrite, io_sync, io_sync_data.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The signal that asked the process to stop, or 0.  Set by io_catch_stop's handler. */
extern volatile sig_atomic_t io_stop;

/* How many such signals came. */
extern volatile sig_atomic_t io_stops;

/*
 * io_go_on -- between the pieces of a payload, which may be long: whether to go on.
 * Returns false with EINTR once a signal has asked to stop: reading and writing a file is never interrupted by one.
 */
static inline bool
io_go_on(void)
{
	if (io_stop)
		errno = EINTR;
	return !io_stop;
}

/*
 * io_catch_stop -- from now on SIGALRM, SIGHUP, SIGINT and SIGTERM set io_stop and interrupt system calls: the one that
 * the process is in, and any that blocks later.
 * Signals that are ignored, or blocked, stay so (nohup(1)).  A second call does nothing.
 */
void io_catch_stop(void);

/*
 * io_hold_stop -- for what is done at once: hold those signals back, by one system call in place of those of
 * io_catch_stop, which follows where anything is to be waited for after all: in a function here, or by a write that
 * would block.  io_hold_too: the same by a call of the caller's: they are added to what that blocks.
 * io_hold_for: what is written to this plain file, or /dev/null, waits for a disk at most.
 * io_let_stop: it is done, or takes longer than was thought, and one that came meanwhile has its effect.
 */
void io_hold_stop(void);
void io_hold_too(sigset_t *blocks);
void io_hold_for(int plain_fd);
void io_let_stop(void);

/*
 * io_fill_streams -- give each closed standard stream a descriptor that can be neither read nor written (EBADF, as
 * before).  Otherwise the first file opened would get its number, and with it payloads and errors.  Commands do not
 * inherit it: a stream closed for the tool is closed for them.
 * Returns 0, or -1.  Source: open(2), O_PATH; the root directory exists where /dev may not.
 */
int io_fill_streams(void);

/* io_had_room -- whether standard output had room for something then. */
bool io_had_room(void);

/* io_open_to -- whether fd is open for reading (O_RDONLY) or writing (O_WRONLY).  Returns 0, or -1 with EBADF. */
int io_open_to(int fd, int how);

/*
 * io_wait -- sleep until fd is ready for one of the events of poll(2), has an error or is hung up.
 * deadline_ns: where it has passed, look once; CLOCK_NEVER waits for ever.
 * Returns the revents, or -1: ETIMEDOUT, EINTR (io_stop, seen within a second), or errno of poll(2).
 */
int io_wait(int fd, short events, uint64_t deadline_ns);

/*
 * io_ready -- io_wait without a wait, and whatever signal comes.
 * Returns the revents, 0 none, or -1 with errno of poll(2).
 */
int io_ready(int fd, short events);

/*
 * io_nap -- sleep for *ms milliseconds and double *ms, up to max_ms: for what poll(2) cannot wait for.
 * Returns 0, or -1: ETIMEDOUT where the deadline has passed, EINTR (io_stop).
 */
int io_nap(uint64_t deadline_ns, int *ms, int max_ms);

/*
 * io_block -- make a call that may block and takes no deadline, again and again where a signal interrupts it.
 * Returns what it returns; or -1: ETIMEDOUT, EINTR (io_stop), or errno of alarm_at.
 */
int io_block(int (*call)(void *of), void *of, uint64_t deadline_ns);

/* io_flock -- take the lock of flock(2).  Returns 0, or -1: ETIMEDOUT, EINTR (io_stop), or errno of flock(2). */
int io_flock(int fd, uint64_t deadline_ns);

/*
 * io_room -- fd, which is non-blocking, took nothing: wait until it may take more.
 * ms: 0 before, and again once it took something.  Returns 0, or -1 as io_wait.
 */
int io_room(int fd, uint64_t deadline_ns, int *ms);

/*
 * io_await_input -- the first time: wait until there is something on standard input, or its end; where it is a keyboard
 * its user can be told.  Returns 0, or -1: EINTR (io_stop), or errno of poll(2).
 */
int io_await_input(void);

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
