/* SPDX-License-Identifier: ISC */
/* live: the live table of mstat -f: a head with totals, rows in an order that keys choose, as many as the screen has. */
#ifndef TOOL_LIVE_H
#define TOOL_LIVE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tool/rates.h"
#include "tool/show.h"

enum { LIVE_ORDERS = 8 };

struct live {
	unsigned order;                 /* of the orders, */
	bool turned;                    /* the other way round */
	size_t top;                     /* the first row shown */
	unsigned unread;                /* mailboxes of the block that cannot be read, */
	int error;                      /* why the last of them cannot (errno), */
	char name[PATH_MAX];            /* and which that is: told at the end */
	bool plain;                     /* without colours (NO_COLOR) */
	size_t page, rows_n, rows_room; /* rows on the screen, and in the block, */
	struct live_row {
		const char *text;       /* in show->rows */
		size_t len, at;
		double by[LIVE_ORDERS];
		bool letters;           /* dead letters wait there */
	} *rows;                        /* in order once drawn */
	size_t end;                     /* of what has been added, in show->rows */
	struct snapshot sum;            /* of the block: its counts, and the message that is held longest */
	char holder[64];                /* in which mailbox that is */
	struct rate rate;
	struct rates_look looks;        /* at all of it */
};

/* live_begin -- begin a block, after show_begin. */
void live_begin(struct live *l, const struct show *show);

/* live_add -- add the mailbox that show_mailbox has just added.  Returns 0, or -1 with ENOMEM. */
int live_add(struct live *l, const struct show *show, const char *name, const struct snapshot *s, const struct rate *rates);

/* live_unread -- add a mailbox that cannot be read (errno). */
void live_unread(struct live *l, const char *name);

/* live_end -- end the block, after show_end.  now_ns: CLOCK_MONOTONIC. */
void live_end(struct live *l, uint64_t now_ns);

/* live_draw -- draw the block.  Returns 0, or -1 with errno of write(2). */
int live_draw(struct live *l, struct show *show);

/* live_key -- do what a key asks for (screen.h).  Returns whether to go on. */
bool live_key(struct live *l, int key);

#endif
