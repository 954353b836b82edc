/* SPDX-License-Identifier: ISC */
/*
 * linktell: what mlink says on standard error: a line at each change of state, and what is news of what its child says.
 * What has been said is not said again before the state changes.
 */
#ifndef TOOL_LINKTELL_H
#define TOOL_LINKTELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailbox/mailbox.h"

enum {
	LINKTELL_LINE = 512,            /* bytes of a line that is kept, at most, with its NUL */
	LINKTELL_SAID = 32,             /* lines that are remembered */
};

struct linktell {
	const char *from, *to;          /* as the user typed them */
	enum link_state state;
	bool was_linked;                /* since the child was started, */
	bool near;                      /* and it is to be told once it has lasted a moment */
	char reason[LINKTELL_LINE];     /* of this state, as it was told */
	char held[LINKTELL_LINE];       /* the child's last line, which may be the reason of its end; empty: none */
	bool held_own;                  /* it is one of our own tools', an adapter's would say more */
	uint32_t said[LINKTELL_SAID];
	unsigned n;                     /* of them, in turn */
};

/* linktell_state -- tell a change of state.  reason: NULL none; again_ns: when it is tried again, 0 not told. */
void linktell_state(struct linktell *t, enum link_state state, const char *reason, uint64_t again_ns);

/*
 * linktell_line -- a line of the child's: `linked', or something that went wrong, which is held back for a moment.
 * Returns whether the child is linked now.
 */
bool linktell_line(struct linktell *t, const char *line, size_t len);

/* linktell_lasts -- a moment has gone by, and the child goes on: say what is held back. */
void linktell_lasts(struct linktell *t);

/* linktell_flush -- say what is held back of the child's lines.  linktell_reason -- take it back: why the child ended. */
void linktell_flush(struct linktell *t);
const char *linktell_reason(struct linktell *t);

/* linktell_end -- tell how the link ended. */
void linktell_end(const struct linktell *t, const char *text);

#endif
