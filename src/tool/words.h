/* SPDX-License-Identifier: ISC */
/* words: a text put together piece by piece, where a signal handler may need it: without stdio. */
#ifndef TOOL_WORDS_H
#define TOOL_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "tool/line.h"

/* What has no room at its end is left out. */
struct words {
	size_t used;
	char of[LINE_TEXT];             /* ended by a NUL */
};

/* words_begin -- begin anew. */
COLD void words_begin(struct words *w);

/* words_add -- add the text s.  words_number -- add n, in decimal. */
COLD void words_add(struct words *w, const char *s);
COLD void words_number(struct words *w, uint64_t n);

#endif
