/* SPDX-License-Identifier: ISC */
/* pace: how fast messages come and go, from what one look and the next counted in each mailbox. */
#ifndef TOOL_RATES_H
#define TOOL_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a look at a mailbox found. */
struct pace_look {
	char *name;
	int error;                      /* errno of why it could not be looked into; 0 */
	uint64_t identity, sent, received, now_ns;
};

/* One look at all mailboxes. */
struct pace_round {
	struct pace_look *look;
	size_t n, room;
};

struct pace {
	struct pace_round last, now;
	size_t next;                    /* of the last round: whose turn it is if nothing has changed */
};

struct pace_rates {
	bool known;
	double in, out;                 /* messages a second */
};

/* pace_last -- what the last round found at this name; NULL: nothing. */
const struct pace_look *pace_last(struct pace *p, const char *name);

/* pace_keep -- keep a look, its name copied, until the next round.  Returns 0, or -1. */
int pace_keep(struct pace *p, const struct pace_look *look);

/* pace_turn -- the round is over. */
void pace_turn(struct pace *p);

/* pace_rates -- from one look to the next; last may be NULL, or of another mailbox of that name. */
struct pace_rates pace_rates(const struct pace_look *last, const struct pace_look *now);

#endif
