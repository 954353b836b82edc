/* SPDX-License-Identifier: ISC */
/*
 * address: what the drops of a mailbox must say in to=.
 *
 * That is what stands in `identity`, which each sender of a drop has read.  It names the owner by number as it was when
 * it was written: inside a user namespace, or after chown(1), the owner has another one, and what was sent is for this
 * mailbox all the same.
 *
 * A sender of drops sends nothing where the two differ: another owner's mailbox might say so.  So the owner writes it
 * anew, once all that bears the old one has come in; until then drop/ is shut.  A crash in it leaves drop/ shut, or the
 * old one: then that is done again.
 */
#ifndef MAILBOX_DROP_ADDRESS_H
#define MAILBOX_DROP_ADDRESS_H

#include "mailbox/box/mbox.h"
#include "mailbox/disk/dropdir.h"

struct address {
	char to[DROPDIR_TO_BYTES];
	size_t len;                     /* 0: not known yet */
	bool stale;                     /* it is to be written anew */
};

/* address_learn -- read it, with the lock held; write it where it is lost.  Returns 0, or -1: EBADMSG, or errno. */
int address_learn(struct address *a, struct mbox *m);

/* address_is -- whether to is what a drop must say, now: another receiver may have written it anew.  1, 0, or -1. */
int address_is(struct address *a, const struct mbox *m, struct slice to);

/* address_renew -- write it anew where it is stale, once drop/ is empty.  Returns 0, or -1. */
int address_renew(struct address *a, struct mbox *m, uint64_t deadline_ns);

#endif
