/* SPDX-License-Identifier: ISC */
/* table: rows of cells in aligned columns.  Cells have a tab between them, a row ends with a newline. */
#ifndef TOOL_TABLE_H
#define TOOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/outbuf.h"

enum {
	TABLE_COLUMNS = 32,
	TABLE_SPARE = 100,              /* a rank from which on a column goes before anything is moved closer together */
};

struct table {
	unsigned n;                     /* columns in a row */
	int gap;                        /* blanks between two */
	struct table_column {
		bool right;             /* aligned to the right */
		bool hidden;
		bool narrow;            /* what is too long loses its middle */
		unsigned char rank;     /* where the screen is too narrow the highest goes first; 0 stays */
		int width;              /* so far */
	} column[TABLE_COLUMNS];
};

/* table_measure -- widen the columns for these rows. */
void table_measure(struct table *t, const char *rows, size_t len);

/* table_fit -- leave out columns, and narrow those that may be, until a row has a place on so wide a screen. */
void table_fit(struct table *t, int screen);

/* table_put -- print the rows.  newline: ends each. */
void table_put(const struct table *t, struct outbuf *out, const char *rows, size_t len, const char *newline);

#endif
