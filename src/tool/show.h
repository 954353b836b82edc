/* SPDX-License-Identifier: ISC */
/* show: print snapshots on standard output, as a table or as JSON, once or repeatedly. */
#ifndef TOOL_SHOW_H
#define TOOL_SHOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/outbuf.h"
#include "mailbox/mailbox.h"
#include "tool/rates.h"
#include "tool/table.h"

#define SHOW_JSON "{\"schema\":1,"     /* how each object begins: the number changes where a member changes its meaning, or goes */

struct show {
	bool json, tags;
	bool rates;                     /* show how fast things go */
	bool live;                      /* the columns of the live table, which live.h prints */
	bool utf8;                      /* whether the terminal shows UTF-8 */
	int screen;                     /* the terminal's columns: sizes have units, and a row fits; 0 no terminal */
	unsigned blocks;                /* shown so far */
	unsigned mailboxes;             /* in this block */
	uint64_t seen;                  /* bits of columns in which one of them has something */
	char *rows;                     /* of the table, with its headings; not open_memstream(3): in musl that hides ENOMEM */
	size_t rows_len;
	bool failed;                    /* there was no memory for a row */
	struct outbuf out;
};

/* show_begin -- begin a block of mailboxes. */
void show_begin(struct show *show);

/* show_mailbox -- add a mailbox to the block. */
void show_mailbox(struct show *show, const char *name, const struct snapshot *s, const struct rate *rates);

/* show_layout -- the columns of the block's table, as they fit. */
void show_layout(const struct show *show, struct table *t);

/*
 * show_end -- print the block; but not a live one.  headings: even without a mailbox.  Returns 0, or -1 with errno of write(2), or ENOMEM.
 */
int show_end(struct show *show, bool headings);

/*
 * What else prints a table uses too:
 * show_name -- a name from a user as one word: spaces, and bytes of no printable character, are \xHH.
 * show_age -- the time between two moments, in microseconds; in the table, in the largest unit of which it has two.
 * since_us: SNAPSHOT_EMPTY for none.
 * show_want -- what a process waits for, as an object of JSON.
 * show_size -- a number of bytes, with a unit.
 */
void show_name(struct outbuf *b, struct slice text);
void show_age(struct outbuf *b, uint64_t now_us, uint64_t since_us, bool json);
/* show_link_state -- what a link is doing, in a word. */
const char *show_link_state(enum link_state state);
void show_want(struct outbuf *b, const struct snapshot_waiter *w);
void show_size(struct outbuf *b, uint64_t n);

#endif
