/* SPDX-License-Identifier: ISC */
/*
 * verify: whether what was claimed is what was sent, before any of it is delivered.
 *
 * A frame is checked each time.  A large payload that was there before the machine last stopped, or before the mailbox
 * was copied, is read and checked as a whole; of any other the length is looked at.
 */
#ifndef MAILBOX_RECV_VERIFY_H
#define MAILBOX_RECV_VERIFY_H

#include "mailbox/recv/search.h"

/*
 * verify_run -- take out of run what is damaged; without peek it is set aside and leaves the mailbox.
 * Without the lock, which it takes where something is damaged, by deadline_ns.  run->in->log has the frames.
 * Returns 0 (run->n tells how many are left), or -1 with errno: then run is as it was, less what was set aside.
 */
int verify_run(struct mbox *m, bool peek, struct run *run, uint64_t deadline_ns);

/* verify_frame -- whether the frame of item i of run is what was sent. */
bool verify_frame(const struct run *run, uint32_t i);

#endif
