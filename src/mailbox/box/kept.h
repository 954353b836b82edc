/* SPDX-License-Identifier: ISC */
/*
 * kept: segments that stay open besides m->seg, where a process goes from one to another again and again: it sends last
 * values, and drops the value before, which stands in any of them.
 *
 * None of them is m->seg as well.  A crash leaves nothing.
 */
#ifndef MAILBOX_BOX_KEPT_H
#define MAILBOX_BOX_KEPT_H

#include "mailbox/box/mbox.h"

/* kept_put -- keep m->seg, which is of m's layout now, and have none open. */
void kept_put(struct mbox *m);

/* kept_take -- have m->seg, which must be closed, be the segment named first.  Returns whether it was kept. */
bool kept_take(struct mbox *m, uint64_t first);

/* kept_before -- the name of the segment that begins last, of m->seg and those kept, at id or before; 0: none does. */
uint64_t kept_before(const struct mbox *m, uint64_t id);

/* kept_stale -- another process has changed what stands in them.  kept_close -- close those of m. */
void kept_stale(const struct mbox *m);
void kept_close(const struct mbox *m);

#endif
