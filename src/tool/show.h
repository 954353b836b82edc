/* SPDX-License-Identifier: ISC */
/* show: print snapshots on standard output, as a table or as JSON, once or repeatedly. */
#ifndef TOOL_SHOW_H
#define TOOL_SHOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/outbuf.h"
#include "mailbox/mailbox.h"
#include "tool/rates.h"

struct show {
	bool json, tags;
	bool rates;                     /* show IN/s and OUT/s */
	bool redraw;                    /* on a terminal: each block overwrites the one before */
	unsigned blocks;                /* shown so far */
	unsigned mailboxes;             /* in this block */
	unsigned seen;                  /* bits of columns in which one of them has something */
	char *rows;                     /* of the table, a tab between cells; not open_memstream(3): in musl that hides ENOMEM */
	size_t rows_len;
	bool failed;                    /* there was no memory for a row */
	struct outbuf out;
};

/* show_begin -- begin a block of mailboxes. */
void show_begin(struct show *show);

/* show_mailbox -- add a mailbox to the block. */
void show_mailbox(struct show *show, const char *name, const struct snapshot *s, const struct rate *rates);

/*
 * show_end -- print the block.  headings: even without a mailbox.  Returns 0, or -1 with errno of write(2), or ENOMEM.
 */
int show_end(struct show *show, bool headings);

/*
 * What else prints a table uses too:
 * show_name -- a name from a user as one word: spaces, and bytes of no printable character, are \xHH.
 * show_age -- the time between two moments, in microseconds; in the table, in the largest unit of which it has two.
 * since_us: SNAPSHOT_EMPTY for none.
 * show_want -- what a process waits for, as an object of JSON.
 * show_width -- the characters in a cell of len bytes.
 */
void show_name(struct outbuf *b, struct slice text);
void show_age(struct outbuf *b, uint64_t now_us, uint64_t since_us, bool json);
void show_want(struct outbuf *b, const struct snapshot_waiter *w);
int show_width(const char *cell, size_t len);

#endif
