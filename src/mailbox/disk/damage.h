/* SPDX-License-Identifier: ISC */
/*
 * damage: messages that are not what was sent: counted, and what is left of them set aside in the mailbox.
 *
 *     ID.damaged          frames as they stood in the log, of message ID and others found damaged with it
 *     ID.big.damaged      a large payload;  ID.log.damaged: a log without a sound index
 *
 * These files stay until a user removes them, or the mailbox.
 */
#ifndef MAILBOX_DISK_DAMAGE_H
#define MAILBOX_DISK_DAMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "mailbox/mailbox.h"

/* damage_note -- count message id. */
void damage_note(struct damage *d, uint64_t id);

/*
 * damage_keep -- set aside what there is of the frame of message id.  mode: the mailbox's.
 * Returns 0, or -1 with errno of open(2) or write(2): then the message is to stay.
 */
int damage_keep(struct damage *d, int dir_fd, uint64_t id, unsigned mode, const void *frame, size_t len);

/* damage_keep_file -- set aside the file `name`, if it is there, as NAME.damaged.  Returns 0, or -1. */
int damage_keep_file(struct damage *d, int dir_fd, const char *name);

#endif
