/* SPDX-License-Identifier: ISC */
/* mend: the end of a plain file, or of what is in an ordinary pipe, where a writer was killed inside a frame. */
#ifndef STREAM_MEND_H
#define STREAM_MEND_H

#include <stddef.h>
#include <stdint.h>

enum { MEND_FRAME_MAX = 260 * 1024 };   /* bytes of the longest frame that is written to a plain file, header included */

/*
 * mend_unlike_header -- how many of n payload bytes may follow a header line and be a chunk: none of their lines looks
 * like a header line, and so mend_missing finds the true ones.  At least 1 for n > 0.
 */
size_t mend_unlike_header(const char *payload, size_t n);

/*
 * mend_end -- with its writers' lock held, add what a plain file lacks at its end: bytes FRAME_CUT that fill up the last
 * frame, its newline included, or one that ends a header line.
 * look: a descriptor of the file to read it by, -1 where none is open yet; the caller never closes it.
 * end: where the frames end, and what is written to fd goes; is raised.
 * No more than MEND_FRAME_MAX bytes are read.  Where there is no header in them, where it is none of ours, or where the
 * file may not be read, nothing is added.
 * Returns 0, or -1 with errno of pread(2) or write(2).
 */
int mend_end(int fd, int *look, uint64_t *end);

/*
 * An ordinary pipe cannot be looked at from behind.  So a writer leaves word with it of a frame that does not go in one
 * write: in the number of the signal that F_SETSIG of fcntl(2) keeps with an open file.  It outlives the writer, and
 * means nothing where O_ASYNC is not set.  Writers that opened the pipe anew, as by /dev/stdout, do not see it.
 *
 * mend_mark -- with the writers' lock held, before the first write: up to so many bytes of a frame may come to lack;
 * 0: none does.  It is left undone where there is no F_SETSIG.
 * mend_marked -- with the lock just taken: so many bytes FRAME_CUT end the frame in which a writer was killed, 0 none.
 */
void mend_mark(int fd, uint64_t bytes);
uint64_t mend_marked(int fd);

#endif
