/* SPDX-License-Identifier: ISC */
/*
 * end: when a receiver ends: the mailbox is closed and not paused, nothing that it selects is left there, whoever has it,
 * and drop/ is empty.  It only reads.  Source: tests/model/close.pml.
 */
#ifndef MAILBOX_RECV_END_H
#define MAILBOX_RECV_END_H

#include "mailbox/recv/search.h"

enum { END_PIECE = 2 };                 /* of end_reached: call again after the end of a piece (piece.h) */

/*
 * end_reached -- with the lock held, and nothing found for us: whether nothing comes any more.  c->drops_left: whether
 * only something in drop/ is left.
 * What has expired is nothing to a receiver that peeks; c->due_us is lowered to when the next does.
 * What is below c->end_from is not looked at again: in a mailbox nothing that has gone, or is not for us, comes back.
 * Returns 1, 0, END_PIECE, or -1.
 */
int end_reached(struct claim *c);

#endif
