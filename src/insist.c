/* SPDX-License-Identifier: ISC */
/* insist: see insist.h. */
#include "insist.h"

#include <errno.h>

#include "clock.h"
#include "io.h"

#define HELD_NS UINT64_C(2000000000)    /* so long is the lock waited for before that is told */
#define LAST_NS UINT64_C(1000000000)    /* and so long after the last signal */

int
insist_lock(struct mbox *m, int stops)
{
	uint64_t deadline_ns = m->held != NULL ? clock_after(HELD_NS) : CLOCK_NEVER, last_ns = CLOCK_NEVER;

	while (mbox_lock(m, deadline_ns) == -1) {
		if (errno == EBUSY && deadline_ns != CLOCK_NEVER) {
			deadline_ns = CLOCK_NEVER;
			if (m->held != NULL)
				m->held(m->name);
			m->held = NULL;
		} else if (errno != EINTR || stops == 1 || clock_mono_ns() >= last_ns) {
			return -1;
		} else if (io_stops >= stops && last_ns == CLOCK_NEVER) {
			last_ns = clock_after(LAST_NS);
		}
	}
	return 0;
}
