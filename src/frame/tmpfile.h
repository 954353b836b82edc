/* SPDX-License-Identifier: ISC */
/* tmpfile: a file without a name, for what must be whole before it goes on.  A crash leaves nothing. */
#ifndef FRAME_TMPFILE_H
#define FRAME_TMPFILE_H

#include <stddef.h>

#include "frame/message.h"

/*
 * tmpfile_open -- make a file without a name in $TMPDIR (else /tmp), for reading and writing, appended to.
 * Returns its descriptor, or -1 with errno of open(2).
 */
int tmpfile_open(void);

/*
 * tmpfile_input -- a descriptor to read n bytes from: a pipe, where they fit, else a file without a name.
 * All of them are there before any is read: after a kill no reader takes a part for the whole.
 * Returns it, or -1 with errno of pipe(2), open(2) or write(2).
 */
int tmpfile_input(const char *data, size_t n);

/*
 * tmpfile_part -- copy the bytes from `from` up to `to` of the file fd into a new one, to be read from its start.
 * Returns its descriptor, or -1: EIO where fd is shorter, or errno.
 */
int tmpfile_part(int fd, uint64_t from, uint64_t to);

/*
 * tmpfile_keep -- read the payload of m, wherever it is, into a file, which becomes m->fd.  The caller closes it.
 * Returns another descriptor of that file, or -1: EBADMSG for a payload that was cut short, or errno.
 */
int tmpfile_keep(struct message *m);

#endif
