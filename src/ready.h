/* SPDX-License-Identifier: ISC */
/*
 * ready: whether a message that is named by its id may be received now.  Changes nothing.
 */
#ifndef READY_H
#define READY_H

#include <stdbool.h>
#include <stdint.h>

#include "mbox.h"
#include "seg.h"

/*
 * ready_find -- whether message id is ready; with its slot, and the names that the slot's numbers are of.
 * With the lock held.  Leaves m->seg as it is.  names->n: 0 before.
 */
bool ready_find(struct mbox *m, uint64_t id, struct slot *slot, struct names *names);

#endif
