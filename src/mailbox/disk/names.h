/* SPDX-License-Identifier: ISC */
/*
 * names: a segment's table of names.  A slot has their numbers.
 *
 * It only grows: names that count (ctl.names, or the header's) do not change.  A crash leaves some behind those.
 */
#ifndef MAILBOX_DISK_NAMES_H
#define MAILBOX_DISK_NAMES_H

#include "mailbox/disk/seg.h"

enum {
	NAMES_FEW = 32,                         /* so many are searched one by one */
	NAMES_PLACES = 2 * SEG_NAMES,           /* of a hash table: a power of two */
};

/*
 * The table of names as read: for each entry a length byte and the name.  Zeros to begin with, or names_none.
 * What few names need comes first: each page is a fault in a one-shot.
 */
struct names {
	uint16_t at[SEG_NAMES];                 /* where each entry begins in text: from the last place on, beside it */
	uint32_t n, len;
	uint32_t hashed;                        /* so many entries are in place */
	char text[SEG_NAMES_BYTES];
	uint16_t place[NAMES_PLACES];           /* 1 + an entry's number, where its hash says, or behind; 0: free */
};

/* names_none -- make t an empty table.  names_cut -- forget what t has behind n entries of len bytes in all. */
void names_none(struct names *t);
void names_cut(struct names *t, uint32_t n, uint32_t len);

/* names_read -- read the table up to n entries of len bytes in all; entries that t has already are not read again. */
int names_read(struct names *t, const struct seg *s, uint32_t n, uint32_t len);

/* names_write -- write the entries of t from number `from` on. */
int names_write(const struct names *t, const struct seg *s, uint32_t from);

struct slice names_get(const struct names *t, uint32_t i);

/* names_add -- the number of name in t, appended if it is new.  Returns it, or -1: the table is full. */
long names_add(struct names *t, struct slice name);

#endif
