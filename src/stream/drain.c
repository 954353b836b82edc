/* SPDX-License-Identifier: ISC */
/* drain: see drain.h.  Nothing that outlives the call. */
#include "stream/drain.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"

enum {
	NAP_NS = 50 * 1000,             /* to the first look */
	NAP_MAX_NS = 1000 * 1000 * 1000,        /* and to the next, at most */
};

int
drain_wait(int fd, uint64_t deadline_ns, uint64_t *unread)
{
	struct pollfd p = { .fd = fd };
	long nap_ns = NAP_NS, left_ms;
	struct timespec t;
	int n = 0, polled = 0;

	for (;;) {
		if (ioctl(fd, FIONREAD, &n) == -1)
			return -1;
		*unread = (uint64_t)n;
		if (n == 0)
			return 0;
		if (polled > 0)         /* POLLERR, and still not read */
			return fail_with(EPIPE);
		left_ms = clock_left_ms(deadline_ns, NAP_MAX_NS / 1000000);
		if (left_ms == 0 || io_stop)
			return fail_with(left_ms == 0 ? ETIMEDOUT : EINTR);
		if (nap_ns > left_ms * 1000000)
			nap_ns = left_ms * 1000000;
		t = (struct timespec){ nap_ns / NAP_MAX_NS, nap_ns % NAP_MAX_NS };
		polled = ppoll(&p, 1, &t, NULL);
		if (polled == -1 && errno != EINTR)
			return -1;
		nap_ns = nap_ns * 2 < NAP_MAX_NS ? nap_ns * 2 : NAP_MAX_NS;
	}
}

int
drain_writer(const struct writer *w, uint64_t *unread)
{
	*unread = 0;
	return w->kind == WRITER_FIFO ? drain_wait(w->fd, w->deadline_ns, unread) : 0;
}
