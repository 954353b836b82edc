/* SPDX-License-Identifier: ISC */
/*
 * kept: segments that stay open besides the one in use, where a process goes from one to another again and again: it
 * sends last values, and drops the value before, which stands in any of them.
 *
 * of: the mailbox's, whatever the address; layout: ctl's.  A segment of another layout may not be what it was.
 * A crash leaves nothing.
 */
#ifndef MAILBOX_DISK_KEPT_H
#define MAILBOX_DISK_KEPT_H

#include "mailbox/disk/seg.h"

/* kept_put -- keep s, which is open, and leave s closed.  Others of that mailbox which are of another layout are closed. */
void kept_put(const void *of, uint64_t layout, struct seg *s);

/* kept_take -- have s, which is closed, be the segment named first.  Returns whether it was kept. */
bool kept_take(const void *of, uint64_t layout, uint64_t first, struct seg *s);

/* kept_before -- the name of the one that begins last at id or before; 0: none does. */
uint64_t kept_before(const void *of, uint64_t layout, uint64_t id);

/* kept_stale -- another process has changed what stands in those of that mailbox.  kept_close -- close them. */
void kept_stale(const void *of);
void kept_close(const void *of);

#endif
