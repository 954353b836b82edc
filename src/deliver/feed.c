/* SPDX-License-Identifier: ISC */
/* feed: see feed.h.  A crash leaves a command, or a file without a name, with a part of a payload. */
#include "deliver/feed.h"

#include <errno.h>

#include "base/clock.h"
#include "base/io.h"
#include "stream/splice_out.h"

void
feed_begin(struct feed *f, struct reader *from, int to)
{
	/* reads do not wait: the patience is ours */
	*f = (struct feed){ .from = from, .to = to, .splices = pump_splices(from), .patience_ns = from->patience_ns };
	from->patience_ns = 0;
	f->stall_ns = f->patience_ns == 0 ? CLOCK_NEVER : clock_after(f->patience_ns);
}

void
feed_end(struct feed *f)
{
	io_close(f->to);
	f->to = -1;
	f->from = NULL;
}

/* for_room -- whether it is room that is waited for: there is something to give, as far as we know. */
static bool
for_room(const struct feed *f)
{
	return f->full || (!f->dry && f->from->start != f->from->end);
}

void
feed_watch(const struct feed *f, struct pollfd *polled)
{
	polled[0] = (struct pollfd){ .fd = for_room(f) ? -1 : f->from->fd, .events = POLLIN };
	/* the error that says that nobody reads it any more comes unasked */
	polled[1] = (struct pollfd){ .fd = f->to, .events = for_room(f) ? POLLOUT : 0 };
}

int
feed_move(struct feed *f, const struct pollfd *polled)
{
	ssize_t n;

	if (polled[1].revents & POLLERR)
		return 0;
	if (polled[for_room(f)].revents == 0)
		return !for_room(f) && clock_mono_ns() >= f->stall_ns ? reader_stalled(f->from) : 1;
	n = pump_try(f->from, f->to, &f->splices);
	f->dry = false;
	if (n > 0) {
		f->full = false;
		if (f->patience_ns != 0)
			f->stall_ns = clock_after(f->patience_ns);
	} else if (n == -1 && errno == EAGAIN) {
		f->full = !f->full;     /* it was not the one that was waited for */
	} else if (n == -1 && (errno == ETIMEDOUT || errno == EINTR)) {
		f->full = false;        /* a part of a header; EINTR: nothing, and a signal has come */
		f->dry = errno == ETIMEDOUT;
	} else {
		return n == 0 || errno == EPIPE ? 0 : -1;
	}
	return 1;
}
