/* SPDX-License-Identifier: ISC */
/*
 * move: bytes from one pipe to another without a copy.  That is worth it for pipes only: plain read(2) and write(2) of
 * large pieces are as fast from and to a file as mmap(2), copy_file_range(2) and sendfile(2), or faster.
 *
 * All of Linux: elsewhere, and for descriptors that do not go together, they fail with EINVAL and have moved nothing,
 * and the caller reads and writes.
 */
#ifndef BASE_SPLICE_H
#define BASE_SPLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SPLICE_PIPE = 1 << 20 };           /* bytes that a pipe should hold, where its user may have them */

/* splice_widen -- let a pipe hold SPLICE_PIPE bytes, if it may.  Returns how many it holds; 0: it is no pipe. */
size_t splice_widen(int fd);

/* splice_size -- how many bytes a pipe holds; 0: it is no pipe, or that cannot be told. */
size_t splice_size(int fd);

/* splice_pipe -- make a pipe, close-on-exec: ends[0] to read.  n: bytes that it holds, 0 any.  Returns 0, or -1. */
int splice_pipe(int ends[2], size_t n);

/*
 * splice_tee -- the first n bytes in the pipe in to the pipe out, by reference, and leave them there.  As splice_move.
 */
ssize_t splice_tee(int in, int out, size_t n);

/*
 * splice_peek -- read what stands in the pipe fd now, at most n bytes, and leave it there.
 * ends: a pipe for it, both -1 until the first call.  Returns the bytes, 0 at the end, or -1: nothing, or it does not
 * go.
 */
ssize_t splice_peek(int fd, int ends[2], void *buf, size_t n);

/*
 * splice_move -- up to n bytes from in to out, one of them a pipe, by reference: they are whoever's they were.
 * Waits for the first of them, though in or out be non-blocking.  at: where they stand in a file, which is raised;
 * NULL: in is a pipe.  Returns how many, 0 at the end of in, or -1 with errno of splice(2).
 * splice_move_now -- from a pipe, without a wait: EAGAIN.
 */
ssize_t splice_move(int in, off_t *at, int out, size_t n);
ssize_t splice_move_now(int in, int out, size_t n);

#endif
