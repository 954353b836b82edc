/* SPDX-License-Identifier: ISC */
/* piece: commit, pause, lock again.  A crash between two pieces leaves a mailbox in which no change is under way. */
#include "mailbox/box/piece.h"

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/io.h"
#include "mailbox/box/txn.h"

#define LEAST_NS UINT64_C(1000000000)

/*
 * The unlock wakes a process that sleeps in fcntl(2), which then asks anew; it would never get a lock that is taken
 * again at once.  This is longer than waking takes.
 */
enum { NAP_NS = 50000 };

uint64_t
piece_drops(const struct mbox *m, uint64_t *next)
{
	uint64_t sent = *next == 0 ? 0 : m->ctl.next - *next;

	*next = m->ctl.next;
	return PIECE_DROPS + 2 * sent;
}

void
piece_pause(void)
{
	nanosleep(&(struct timespec){ 0, NAP_NS }, NULL);
}

int
piece_end(struct mbox *m, uint64_t deadline_ns)
{
	uint64_t least_ns = clock_after(LEAST_NS);

	if (txn_end(m, 0) == -1)
		return -1;
	piece_pause();
	return txn_lock(m, deadline_ns > least_ns ? deadline_ns : least_ns);
}

int
piece_next(struct mbox *m, uint64_t deadline_ns)
{
	if (piece_end(m, deadline_ns) == -1)
		return -1;
	if (!io_stop)
		return 0;
	errno = EINTR;
	return -1;
}
