/* SPDX-License-Identifier: ISC */
/* pace: how fast messages come and go, from what one look and the next counted in each mailbox. */
#ifndef TOOL_RATES_H
#define TOOL_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a look at a mailbox found. */
struct rates_look {
	char *name;
	int error;                      /* errno of why it could not be looked into; 0 */
	uint64_t identity, sent, received, now_ns;
};

/* One look at all mailboxes. */
struct rates_round {
	struct rates_look *look;
	size_t n, room;
};

struct rates {
	struct rates_round last, now;
	size_t next;                    /* of the last round: whose turn it is if nothing has changed */
};

struct rate {
	bool known;
	double in, out;                 /* messages a second */
};

/* pace_last -- what the last round found at this name; NULL: nothing. */
const struct rates_look *rates_last(struct rates *p, const char *name);

/* pace_keep -- keep a look, its name copied, until the next round.  Returns 0, or -1. */
int rates_keep(struct rates *p, const struct rates_look *look);

/* pace_turn -- the round is over. */
void rates_turn(struct rates *p);

/* pace_rates -- from one look to the next; last may be NULL, or of another mailbox of that name. */
struct rate rates_of(const struct rates_look *last, const struct rates_look *now);

#endif
