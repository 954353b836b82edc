/* SPDX-License-Identifier: ISC */
/* rates: messages a second into and out of each mailbox, from the counts of one look and the next. */
#ifndef TOOL_RATES_H
#define TOOL_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a look at a mailbox found. */
struct rates_look {
	char *name;
	int error;                      /* errno of a failed look; 0 */
	uint64_t identity, sent, received, now_ns;
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
	double in, out;                 /* messages a second */
};

/* rates_last -- the last round's look at this name; NULL: none. */
const struct rates_look *rates_last(struct rates *p, const char *name);

/* rates_keep -- keep a look, its name copied, until the next round.  Returns 0, or -1. */
int rates_keep(struct rates *p, const struct rates_look *look);

/* rates_turn -- end the round. */
void rates_turn(struct rates *p);

/* rates_of -- the rates between two looks; last may be NULL, or of another mailbox with that name. */
struct rate rates_of(const struct rates_look *last, const struct rates_look *now);

#endif
