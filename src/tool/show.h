/* SPDX-License-Identifier: ISC */
/* show: what a snapshot found, printed on standard output as a table or as JSON; once, or again and again. */
#ifndef TOOL_SHOW_H
#define TOOL_SHOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/outbuf.h"
#include "mailbox/mailbox.h"
#include "tool/rates.h"

/* Rows of cells, a tab between them.  Not open_memstream(3): that of musl loses what it has no memory for, and is silent. */
struct rows {
	char *text;
	size_t len, room;               /* bytes in use, and in all */
	bool failed;
};

struct show {
	bool json, tags;
	bool rates;                     /* with IN/s and OUT/s */
	bool redraw;                    /* each block takes the place of the one before, on a terminal */
	unsigned blocks;                /* shown so far */
	unsigned mailboxes;             /* in this block */
	bool dropped;                   /* one of them has dropped messages, */
	bool damaged;                   /* has had damaged ones, */
	bool durable;                   /* is durable */
	bool outside;                   /* one of them has a drop/ that we may list */
	struct rows rows;
	struct outbuf out;
};

/* show_begin -- begin a block of mailboxes. */
void show_begin(struct show *show);

/* show_mailbox -- add a mailbox to the block. */
void show_mailbox(struct show *show, const char *name, const struct snapshot *s, const struct rate *rates);

/*
 * show_end -- print the block.  headings: with headings too where it has no mailbox.
 * Returns 0, or -1 with errno of write(2), or ENOMEM.
 */
int show_end(struct show *show, bool headings);

#endif
