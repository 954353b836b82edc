/* SPDX-License-Identifier: ISC */
/*
 * fifo: what a FIFO's two ends see of each other.
 *
 * The kernel keeps what is unread as long as any process has the FIFO open.  So a sender that waits keeps it: a reader
 * may leave, and the next one finds it.
 */
#ifndef STREAM_FIFO_H
#define STREAM_FIFO_H

#include <stdint.h>
#include <sys/types.h>

/*
 * fifo_room -- wait until the FIFO behind fd, a writing end, takes PIPE_BUF bytes.
 * Where nobody reads it, it is waited for somebody who does; or, with lent not NULL and the permission to read it, *lent
 * gets a reading end that the caller closes, which takes the caller's locks along.
 * begun: how many bytes of the message at hand have been written.
 * Returns 0, or -1: EPIPE where the last reader left inside that message, ENOENT where the FIFO has no name any more by
 * which another could come; ETIMEDOUT, EINTR.
 */
int fifo_room(int fd, uint64_t begun, uint64_t deadline_ns, int *lent);

/*
 * fifo_read_out -- wait until the FIFO has been read to its end.  The caller has the writers' lock.
 * begun: the bytes of its last message.  unread: gets the bytes left unread.
 * Returns as fifo_room.
 */
int fifo_read_out(int fd, uint64_t begun, uint64_t deadline_ns, uint64_t *unread);

/* fifo_drop -- take all that is unread now out of the FIFO behind fd, a reading end.  Returns how many bytes. */
uint64_t fifo_drop(int fd);

/*
 * fifo_void -- with the writers' lock held: where the last reader left inside the message at hand, of which `begun' bytes
 * have been written, take the rest out of the FIFO, if it may be read: it is no message for the next reader.
 */
void fifo_void(int fd, uint64_t begun);

#endif
