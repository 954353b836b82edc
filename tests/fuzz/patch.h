/* SPDX-License-Identifier: ISC */
/* patch: a mailbox's files, changed as no tool would change them. */
#ifndef PATCH_H
#define PATCH_H

#include "fuzz.h"

/*
 * patch_box -- make one change to the mailbox in dir_fd; b says which.
 * Checksums are made right afterwards, but where b says otherwise: what stands behind them is to be seen.
 */
void patch_box(int dir_fd, struct bytes *b);

/* patch_full -- let the mailbox's newest segment be full: the next message begins a new one.  That is allowed. */
void patch_full(int dir_fd);

/* patch_busy -- let a change be under way, as if its maker had been killed.  That is allowed. */
void patch_busy(int dir_fd);

#endif
