/* SPDX-License-Identifier: ISC */
/*
 * rates: how fast things go at each mailbox: messages a second in and out from one look to the next; failures, the depth,
 * and how long it takes to run empty, over the last minute.
 */
#ifndef TOOL_RATES_H
#define TOOL_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outbuf.h"

enum {
	RATES_PAST = 60,                /* looks that are remembered of each mailbox, one a second, */
	RATES_BARS = 12,                /* in so many bars */
};

/* What a look at a mailbox found. */
struct rates_look {
	char *name;                     /* of those that are kept */
	int error;                      /* errno of a failed look; 0 */
	uint64_t identity, sent, received, now_ns;
	unsigned past_n;                /* looks before this one, the last of them first */
	struct rates_past {
		uint64_t ns, messages, failed;
	} past[RATES_PAST];             /* the first is this one */
};

/* One look at all mailboxes. */
struct rates_round {
	struct rates_look *look;
	size_t n, room;
};

struct rates {
	struct rates_round last, now;
	size_t next;                    /* where the next name is in the last round if nothing has changed */
};

struct rate {
	bool known;
	double in, out;                 /* messages a second, from the last look to this one */
	double failures;                /* a minute */
	double drain_s;                 /* seconds until it is empty; less than 0: it does not get emptier */
	unsigned bars;                  /* the depth over the last minute, the newest last */
	uint64_t depth[RATES_BARS];
};

/* rates_last -- the last round's look at this name; NULL: none. */
const struct rates_look *rates_last(struct rates *p, const char *name);

/* rates_keep -- keep the look at this mailbox until the next round.  Returns 0, or -1. */
int rates_keep(struct rates *p, const struct rates_look *look, const char *name);

/* rates_turn -- end the round. */
void rates_turn(struct rates *p);

/*
 * rates_of -- the rates between two looks; last may be NULL, or of another mailbox with that name.
 * now: gets what last remembers.  Its own past[0] is set, but for the time.
 */
struct rate rates_of(const struct rates_look *last, struct rates_look *now);

/* rates_bars -- print a depth over time, a character each, the highest as high as can be. */
void rates_bars(struct outbuf *b, const uint64_t *depth, unsigned n, bool utf8);

#endif
