/* SPDX-License-Identifier: ISC */
/* feed: a payload on its way from a stream to the input of a command, or to a file, waiting for neither side. */
#ifndef DELIVER_FEED_H
#define DELIVER_FEED_H

#include <poll.h>

#include "stream/reader.h"

enum { FEED_POLLED = 2 };       /* descriptors to poll */

struct feed {
	struct reader *from;            /* NULL: nothing is fed */
	int to;                         /* a pipe's writing end, non-blocking; or a file */
	bool splices;                   /* splice(2) may go that way */
	bool full;                      /* it waits for `to', not for `from' */
	bool dry;                       /* what has been read ahead does not go on without more */
	uint64_t patience_ns;           /* how long `from' may have nothing; 0: for ever */
	uint64_t stall_ns;              /* when that is over (CLOCK_MONOTONIC) */
};

/* feed_begin -- feed the rest of the message that from stands in; from is the feed's until feed_end. */
void feed_begin(struct feed *f, struct reader *from, int to);

/* feed_end -- close `to'.  The payload may not be at its end. */
void feed_end(struct feed *f);

/* feed_watch -- what to poll.  Fills FEED_POLLED entries. */
void feed_watch(const struct feed *f, struct pollfd *polled);

/*
 * feed_move -- after poll(2): move what can be moved.
 * Returns 1 it goes on; 0 all of it is written, or nobody reads `to' any more; or -1: EBADMSG the payload is cut short
 * (from->reason), or errno of read(2), write(2) and splice(2).
 */
int feed_move(struct feed *f, const struct pollfd *polled);

#endif
