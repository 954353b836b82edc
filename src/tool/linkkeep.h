/* SPDX-License-Identifier: ISC */
/* linkkeep: keep a link: run its child, again and again, and say how it goes. */
#ifndef TOOL_LINKKEEP_H
#define TOOL_LINKKEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "mailbox/mailbox.h"
#include "tool/linktell.h"

struct linkkeep {
	const char *box;                /* the mailbox that it is kept at, as the user typed it, */
	const char *path;               /* and its path */
	const char *other_path;         /* that of the mailbox at the other side; NULL: there is none */
	char *const *argv;              /* of the child */
	struct mailbox_link post;       /* the caller sets target, name and inward */
	struct linktell tell;           /* the caller sets from and to */
	unsigned failures;              /* in a row */
	uint64_t linked_ns;             /* since when it is linked; 0 it is not */
	bool was_linked;                /* at the last one */
	uint64_t pause_ns;              /* after the last one */
};

/* linkkeep_begin -- say at the mailbox that we keep the link.  Returns the exit status; a failure is reported. */
int linkkeep_begin(struct linkkeep *k);

/* linkkeep_run -- keep it, until a signal asks us to stop or nothing more is to come.  Returns the exit status. */
int linkkeep_run(struct linkkeep *k);

#endif
