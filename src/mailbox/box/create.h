/* SPDX-License-Identifier: ISC */
/* create: what of the making of a mailbox others in this folder use; the rest is in mailbox.h. */
#ifndef MAILBOX_BOX_CREATE_H
#define MAILBOX_BOX_CREATE_H

#include "mailbox/mailbox.h"

/* create_in -- make a mailbox of a directory of ours that is empty or unfinished.  Returns as mailbox_make. */
int create_in(int dir_fd, const struct mailbox_settings *settings);

#endif
