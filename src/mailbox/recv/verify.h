/* SPDX-License-Identifier: ISC */
/*
 * verify: whether what was claimed is what was sent, before any of it is delivered.
 *
 * A frame is checked each time.  A large payload that was there before the machine last stopped, or before the mailbox
 * was copied, is read and checked as a whole; of any other the length is checked.
 */
#ifndef MAILBOX_RECV_VERIFY_H
#define MAILBOX_RECV_VERIFY_H

#include "mailbox/recv/search.h"

/*
 * verify_run -- take what is damaged out of a run, whose log has been read; unless the receiver peeks, it is set aside
 * and leaves the mailbox.  Without the lock, which it takes where something is damaged.
 * Returns 0 (run->n tells how many are left), or -1: then run is as it was, less what was set aside.
 */
int verify_run(struct claim *c, struct run *run);

/* verify_frame -- whether the frame of item i of run is what was sent. */
bool verify_frame(const struct run *run, uint32_t i);

#endif
