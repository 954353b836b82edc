/* SPDX-License-Identifier: ISC */
/* words: see words.h. */
#include "tool/words.h"

#include <string.h>

#include "base/num.h"

void
words_begin(struct words *w)
{
	w->used = 0;
	w->of[0] = '\0';
}

/* add -- add the n bytes at s, as far as there is room. */
static void
add(struct words *w, const char *s, size_t n)
{
	const size_t room = sizeof w->of - 1 - w->used;

	n = n < room ? n : room;
	memcpy(w->of + w->used, s, n);
	w->used += n;
	w->of[w->used] = '\0';
}

void
words_add(struct words *w, const char *s)
{
	add(w, s, strlen(s));
}

void
words_number(struct words *w, uint64_t n)
{
	char digits[NUM_DECIMAL_MAX] = "";

	add(w, digits, num_decimal(digits, n));
}
