/* SPDX-License-Identifier: ISC */
/*
 * offer: a message of a mailbox of capacity 0, as it stands there: a slot with its headers, and ID.meet, the FIFO that
 * its payload will come through.
 *
 *     ready                   ID.meet is there, and its sender, whose number stands in the index, has its writing end
 *     claimed by a receiver   which has opened the reading end and removed the name: one FIFO has one reader in its
 * life
 *     claimed by its sender   it was put back, or its receiver has died: the sender offers it again, in its place and
 *                             through a new FIFO, or drops it
 *
 * An offer whose sender is dead is dropped by the next process that comes across it.
 * All functions are called with the lock held; they begin the change, the caller commits.  m->seg is the segment of
 * the item, and its place in it is right.
 */
#ifndef MAILBOX_QUEUE_OFFER_H
#define MAILBOX_QUEUE_OFFER_H

#include "mailbox/queue/settle.h"

/* offer_make -- make the FIFO of message id, which is to stand at place pos.  Returns its writing end, or -1. */
int offer_make(struct mbox *m, uint32_t pos, uint64_t id);

/*
 * offer_take -- receive an offer that is ready, or has expired: open the FIFO and remove its name.  The caller claims
 * it. fd: gets the reading end.
 * Returns 1, 0 where it was not to be had (it was dropped, or is its sender's again), or -1.
 */
int offer_take(struct mbox *m, const struct item *item, bool expired, int *fd);

/* offer_back -- an offer that we received goes back to its sender.  tried: with a try counted.  Returns 0, or -1. */
int offer_back(struct mbox *m, const struct item *item, bool tried);

/* offer_redeliver -- the claimer of an offer has died: its sender sees that by itself; without one it is dropped. */
int offer_redeliver(struct mbox *m, const struct item *item);

/* offer_ours -- our offer, whose receiver has died, is claimed by us, with a try counted.  Returns 0, or -1. */
int offer_ours(struct mbox *m, struct item *item);

/* offer_again -- an offer that we have claimed is ready again, through a new FIFO.  Returns its writing end, or -1. */
int offer_again(struct mbox *m, const struct item *item);

#endif
