/* SPDX-License-Identifier: ISC */
/* boxes: the mailboxes that a command is about: those named, or all in the directory. */
#ifndef TOOL_BOXES_H
#define TOOL_BOXES_H

#include <stdbool.h>

/*
 * boxes_each -- call f with each name; where none is named, with each mailbox in $MBOX_DIR or the current directory,
 * sorted, and listed.  f returns an exit status.  Returns that of the first that failed; what fails here is reported.
 */
int boxes_each(char **names, int (*f)(void *arg, char *name, bool listed), void *arg);

#endif
