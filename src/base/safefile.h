/* SPDX-License-Identifier: ISC */
/*
 * safefile: open and make files in a directory that others may write to.
 *
 * Names are relative to a descriptor of the directory, and no symbolic link is followed.  No call waits for the other
 * end of a FIFO.  A file that is opened is of the kind asked for.  A file that is made has the mode asked for, whatever
 * the umask; one that root makes belongs to the owner of the directory.
 * A crash leaves a file of the name that was asked for, its owner and mode perhaps not set yet.
 */
#ifndef BASE_SAFEFILE_H
#define BASE_SAFEFILE_H

#include <dirent.h>
#include <stdbool.h>

/*
 * safefile_open -- open the file name in dir_fd.  access: O_RDONLY, O_WRONLY or O_RDWR.
 * Returns the descriptor, or -1: EBADMSG for a link, a directory or a socket, or errno of open(2).
 * It may be no plain file: io_pread and io_pwrite fail then.
 */
int safefile_open(int dir_fd, const char *name, int access);

/*
 * safefile_open_plain, _own, _fifo -- the same for a plain file, a plain file with no other name, a FIFO: EBADMSG for
 * anything else.
 */
int safefile_open_plain(int dir_fd, const char *name, int access);
int safefile_open_own(int dir_fd, const char *name, int access);
int safefile_open_fifo(int dir_fd, const char *name, int access);

/* safefile_one_name -- check that an open file has no other name.  Returns 0, or -1: EBADMSG where it has. */
int safefile_one_name(int fd);

/*
 * safefile_make -- make a plain file with the permission bits mode, in place of an existing one.
 * Returns its descriptor, O_RDWR, or -1: EIDRM where the directory was removed, or errno.
 */
int safefile_make(int dir_fd, const char *name, unsigned mode);

/* safefile_make_fifo -- make a FIFO.  Returns its reading end, non-blocking, or -1: EEXIST, EIDRM, or errno. */
int safefile_make_fifo(int dir_fd, const char *name, unsigned mode);

/* safefile_remove -- remove a file, if it exists.  Returns 0, or -1 with errno. */
int safefile_remove(int dir_fd, const char *name);

/* safefile_close_with -- close fd.  Returns -1 with errno err. */
int safefile_close_with(int fd, int err);

/*
 * safefile_list_open, _next, _close -- step through the names in a directory, from its start.
 * *r becomes -1 where readdir(3) fails: a name that is not listed may exist all the same.  _close leaves errno.
 */
DIR *safefile_list_open(int dir_fd);
const struct dirent *safefile_list_next(DIR *d, int *r);
void safefile_list_close(DIR *d);

#endif
