/* SPDX-License-Identifier: ISC */
/*
 * replydir: NUMBER.reply in a mailbox: the folder, itself a mailbox, in which the caller of that number gets its
 * answer.
 *
 * A crash leaves it; it is void once no process has the number.
 */
#ifndef MAILBOX_DISK_REPLYDIR_H
#define MAILBOX_DISK_REPLYDIR_H

#include <stdbool.h>
#include <stdint.h>

enum { REPLYDIR_NAME_MAX = 32 };

/* replydir_name -- the name of the folder of process number.  name: REPLYDIR_NAME_MAX. */
void replydir_name(char *name, uint64_t number);

/* replydir_parse -- whether this is the name of such a folder, and whose. */
bool replydir_parse(const char *name, uint64_t *number);

/*
 * replydir_remove -- remove what has this name: such a folder with all that is in it, or a file.  A process that has
 * it open as a mailbox finds it removed.  Returns 0, also where nothing has that name, or -1 with errno.
 */
int replydir_remove(int dir_fd, const char *name);

#endif
