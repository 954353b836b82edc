/* SPDX-License-Identifier: ISC */
/* near: see near.h. */
#include "base/near.h"

#include <string.h>

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned
near_edits(const char *typed, const char *to)
{
	const size_t n = strnlen(typed, NEAR_LEN + 1), m = strnlen(to, NEAR_LEN + 1);
	unsigned rows[3][NEAR_LEN + 1], *before = rows[0], *above = rows[1], *row = rows[2], *spare, edits;

	if (n > NEAR_LEN || m > NEAR_LEN)
		return NEAR_MOST + 1;
	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	for (unsigned i = 1; i <= n; i++) {
		spare = before;
		before = above;
		above = row;
		row = spare;
		row[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			edits = above[j - 1] + (typed[i - 1] != to[j - 1]);
			row[j] = least(edits, least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && typed[i - 1] == to[j - 2] && typed[i - 2] == to[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return row[m] <= NEAR_MOST && row[m] < n && row[m] < m ? row[m] : NEAR_MOST + 1;
}
