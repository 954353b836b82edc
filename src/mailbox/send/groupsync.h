/* SPDX-License-Identifier: ISC */
/*
 * groupsync: what was sent to a durable mailbox is on stable storage before its sender says so.
 *
 * A message is appended under the mailbox lock, and synced without it.  Senders that wait at the same time share a
 * sync: one of them holds the sync lock, a byte of `lock`, and syncs for all whose messages were appended before it
 * began.  Of those that come while it does, one holds MBOX_NEXTSYNC and syncs next; the others follow that one, and find
 * in a word behind the copies of ctl that their own messages are among the synced.
 *
 * The word counts the syncs (rounds).  Each round has a byte of `lock`, one of four in turn: its leader holds that from
 * when it is the next to sync until it has synced, and those that follow wait for it.  The sync lock would not do: the
 * leader of the next round has it before they can look.
 *
 * The word says of a segment: the messages with these numbers are on the disk, and the names of these.  Each sender
 * syncs by descriptors that it had open before it appended, and vouches for no message that was appended before it had
 * them, or before a sync of its own that failed (seg.since): an error is reported once to each descriptor that was open
 * then, and after that the pages pass for written, so a sender that came later must not vouch for those whose pages were
 * lost (tests/model/stable.pml).
 */
#ifndef MAILBOX_SEND_GROUPSYNC_H
#define MAILBOX_SEND_GROUPSYNC_H

#include "mailbox/box/mbox.h"

/* groupsync_note -- message m->ctl.next is being appended, by the descriptors of m->seg.  With the lock held. */
static inline void
groupsync_note(struct mbox *m)
{
	if (m->seg.since == 0)
		m->seg.since = m->ctl.next;
}

/*
 * groupsync_wait -- wait until messages first to last, which we have just appended to m->seg, are on stable storage.
 * Without the lock, m->seg as it was for the append.  named: their payload was given its name besides.
 * Where another process has kept the sync lock for a second we sync for ourselves.
 * Returns 0, or -1 with errno of fdatasync(2): whether they are on the disk cannot be told.
 */
int groupsync_wait(struct mbox *m, uint64_t first, uint64_t last, bool named);

#endif
