/* SPDX-License-Identifier: ISC */
/* drain: wait until a FIFO has been read. */
#ifndef STREAM_DRAIN_H
#define STREAM_DRAIN_H

#include "stream/writer.h"

/*
 * drain_wait -- sleep until all that is in the FIFO has been read; deadline_ns: 0 only looks.
 * There is no event for that, so it is looked for, sooner at first.
 * unread: gets the bytes left unread.
 * Returns 0, or -1: EPIPE where the last reader left before, ETIMEDOUT, EINTR (io_stop), or errno.
 */
int drain_wait(int fd, uint64_t deadline_ns, uint64_t *unread);

/* drain_writer -- the same for what a writer wrote, after writer_flush; if it is no FIFO there is nothing to wait for. */
int drain_writer(const struct writer *w, uint64_t *unread);

#endif
