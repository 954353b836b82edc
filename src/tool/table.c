/* SPDX-License-Identifier: ISC */
/* table: see table.h. */
#include "tool/table.h"

#include <limits.h>

enum {
	NARROW = 14,                            /* characters that a column keeps while others can go, */
	NARROW_LEAST = 4,                       /* and always */
};

/* continues -- whether a byte is within a character of UTF-8. */
static bool
continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* width_of -- the characters in a cell of len bytes. */
static int
width_of(const char *cell, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++)
		n += !continues(cell[i]);
	return n;
}

/* cell_len -- the bytes of the cell at p. */
static size_t
cell_len(const char *p)
{
	size_t len = 0;

	while (p[len] != '\t' && p[len] != '\n')
		len++;
	return len;
}

void
table_measure(struct table *t, const char *rows, size_t len)
{
	unsigned c = 0;
	size_t n;
	int width;

	for (const char *p = rows; p < rows + len; p += n + 1) {
		n = cell_len(p);
		width = width_of(p, n);
		if (width > t->column[c].width)
			t->column[c].width = width;
		c = p[n] == '\n' ? 0 : c + 1;
	}
}

/* row_width -- the characters of a row.  narrowed: with columns as narrow as they may get. */
static int
row_width(const struct table *t, bool narrowed)
{
	const struct table_column *column;
	int width = -t->gap;

	for (column = t->column; column < t->column + t->n; column++)
		if (!column->hidden)
			width += t->gap + (narrowed && column->narrow && column->width > NARROW ? NARROW : column->width);
	return width;
}

/* widest -- the widest of the columns that may get narrower; NULL none. */
static struct table_column *
widest(struct table *t)
{
	struct table_column *found = NULL;

	for (struct table_column *c = t->column; c < t->column + t->n; c++)
		if (c->narrow && c->width > (found != NULL ? found->width : NARROW_LEAST))
			found = c;
	return found;
}

/* next_to_go -- the column of the highest rank; 0: none may go. */
static unsigned
next_to_go(const struct table *t)
{
	unsigned found = 0;

	for (unsigned c = 1; c < t->n; c++)
		if (!t->column[c].hidden && t->column[c].rank > (found > 0 ? t->column[found].rank : 0))
			found = c;
	return found;
}

void
table_fit(struct table *t, int screen)
{
	struct table_column *column;
	unsigned goes;

	while (row_width(t, true) > screen && (goes = next_to_go(t)) > 0) {
		if (t->gap > 1 && t->column[goes].rank < TABLE_SPARE)
			t->gap = 1;
		else
			t->column[goes].hidden = true;
	}
	while (row_width(t, false) > screen && (column = widest(t)) != NULL)
		column->width--;
}

/* skip -- the bytes of the first n characters at p. */
static size_t
skip(const char *p, size_t len, int n)
{
	size_t at = 0;

	while (at < len && (n > 0 || continues(p[at])))
		n -= !continues(p[at++]);
	return at;
}

/* put_cell -- print a cell; what does not fit loses its middle. */
static void
put_cell(struct outbuf *out, const char *cell, size_t len, int width)
{
	int has = width_of(cell, len), end = (width - 2) / 2;
	size_t head;

	if (has > width) {
		head = skip(cell, len, width - 2 - end);
		outbuf_bytes(out, cell, head);
		outbuf_text(out, "..");
		head = skip(cell, len, has - end);
		cell += head;
		len -= head;
	}
	outbuf_bytes(out, cell, len);
}

void
table_put(const struct table *t, struct outbuf *out, const char *rows, size_t len, const char *newline)
{
	const struct table_column *column;
	unsigned c = 0;
	int pad, gap = 0;
	size_t n;

	for (const char *p = rows; p < rows + len; p += n + 1) {
		n = cell_len(p);
		column = &t->column[c];
		if (!column->hidden) {
			pad = column->width - width_of(p, n);
			pad = pad > 0 ? pad : 0;
			outbuf_printf(out, "%*s", gap + (column->right ? pad : 0), "");
			put_cell(out, p, n, column->narrow ? column->width : INT_MAX);
			gap = t->gap + (column->right ? 0 : pad);
		}
		c++;
		if (p[n] == '\n') {
			outbuf_text(out, newline);
			c = 0;
			gap = 0;
		}
	}
}
