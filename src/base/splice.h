/* SPDX-License-Identifier: ISC */
/*
 * move: bytes from one descriptor to another with as little copying as the kernel allows.
 *
 * All of Linux: elsewhere, and for descriptors that do not go together, they fail with EINVAL and have moved nothing,
 * and the caller reads and writes.
 */
#ifndef BASE_SPLICE_H
#define BASE_SPLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	SPLICE_PIPE = 1 << 20,            /* bytes that a pipe should hold, where its user may have them */
	SPLICE_WINDOW = 512 * 1024,       /* bytes of a file that are mapped at a time: they count as memory */
};

/* splice_widen -- let a pipe hold SPLICE_PIPE bytes, if it may.  Returns how many it holds; 0: it is no pipe. */
size_t splice_widen(int fd);

/* splice_pipe -- make a pipe, close-on-exec: ends[0] to read.  splice_set_size: have it hold n bytes.  Return 0, or -1. */
int splice_pipe(int ends[2]);
int splice_set_size(int fd, size_t n);

/* splice_tee -- the first n bytes in the pipe in to the pipe out, by reference, and leave them there.  As splice_move. */
ssize_t splice_tee(int in, int out, size_t n);

/*
 * splice_move -- up to n bytes from in to out, one of them a pipe, by reference: they are whoever's they were.
 * Waits for the first of them.  Returns how many, 0 at the end of in, or -1 with errno of splice(2).
 */
ssize_t splice_move(int in, int out, size_t n);

/*
 * splice_mapped -- n bytes of a plain file, from offset at on, into a pipe, copied once: what becomes of the file
 * afterwards does not change them.
 * Returns 0, or -1: EINVAL nothing was moved, EIO the file has become shorter, EINTR (io_stop), or errno of write(2).
 */
int splice_mapped(int file, uint64_t at, int out, size_t n);

/*
 * splice_into_file -- up to n bytes from in, a plain file (at its offset) or a pipe, into the plain file out at offset at.
 * Returns how many, 0 at the end of in, or -1: EINVAL, or errno.
 */
ssize_t splice_into_file(int in, int out, uint64_t at, size_t n);

#endif
