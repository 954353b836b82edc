/* SPDX-License-Identifier: ISC */
/*
 * file: the files of a mailbox, opened and made as somebody does who does not trust what he finds there.
 *
 * Never through a symbolic link, never waiting for whoever holds the other end of a FIFO, relative to the one
 * descriptor of the directory; and what is opened is of the kind that it should be.  A file that is made has the mode
 * it is given, whatever the umask, and belongs to the owner of the directory where root makes it.
 * A crash leaves a file of the name that was asked for.
 */
#ifndef BASE_SAFEFILE_H
#define BASE_SAFEFILE_H

#include <dirent.h>
#include <stdbool.h>

/*
 * safefile_open -- open the file name in dir_fd.  access: O_RDONLY, O_WRONLY or O_RDWR.
 * Returns the descriptor, or -1: EBADMSG where a link, a directory or a socket stands there, or errno of open(2).
 * Whether it is a plain file is not asked: pread(2) and pwrite(2) fail on what is none (io.h).
 */
int safefile_open(int dir_fd, const char *name, int access);

/*
 * safefile_open_plain, safefile_open_own, safefile_open_fifo -- the same, and it is a plain file, a plain file with no other name,
 * a FIFO.  Return as safefile_open; EBADMSG where it is not.
 */
int safefile_open_plain(int dir_fd, const char *name, int access);
int safefile_open_own(int dir_fd, const char *name, int access);
int safefile_open_fifo(int dir_fd, const char *name, int access);

/* safefile_one_name -- whether a file that is open has no other name.  Returns 0, or -1: EBADMSG where it has. */
int safefile_one_name(int fd);

/*
 * safefile_make -- make a plain file; what stands in its place goes.
 * Returns its descriptor, O_RDWR, or -1 with errno: EIDRM where the directory was removed.
 * mode: permission bits, as they are to be.
 */
int safefile_make(int dir_fd, const char *name, unsigned mode);

/* safefile_make_fifo -- make a FIFO.  Returns a descriptor of its reading end, non-blocking, or -1: EEXIST, or errno. */
int safefile_make_fifo(int dir_fd, const char *name, unsigned mode);

/* safefile_remove -- remove a file, which need not be there.  Returns 0, or -1. */
int safefile_remove(int dir_fd, const char *name);

/* safefile_own -- give an open file its mode, and to its directory's owner what root made.  Returns 0, or -1. */
int safefile_own(int dir_fd, int fd, unsigned mode);

/* safefile_close_with -- close fd after an error.  Returns -1 with errno err. */
int safefile_close_with(int fd, int err);

/*
 * safefile_list_open, safefile_list_next, safefile_list_close -- go through the names in a directory, from its start.
 * r becomes -1 where readdir(3) fails: what is not listed is not to be taken for missing.  The close leaves errno.
 */
DIR *safefile_list_open(int dir_fd);
const struct dirent *safefile_list_next(DIR *d, int *r);
void safefile_list_close(DIR *d);

#endif
