/* SPDX-License-Identifier: ISC */
/* nearby: what the user may have meant, in words to be pasted into a shell. */
#ifndef TOOL_NEARBY_H
#define TOOL_NEARBY_H

#include <limits.h>
#include <stdbool.h>

#include "base/memory.h"

enum { NEARBY_QUOTED = 4 * PATH_MAX };  /* bytes of a quoted word, its NUL included */

/* nearby_quote -- a word as a shell reads it, in quotes only where it needs them.  Returns quoted. */
COLD const char *nearby_quote(char quoted[NEARBY_QUOTED], const char *word);

/*
 * nearby_line -- a command line, its tool's name first, as a shell reads it, with "--" before the word number `at`.
 * Returns line, or NULL where it does not fit.
 */
COLD const char *nearby_line(char line[NEARBY_QUOTED], const char *tool, char *const *words, int at);

/*
 * nearby_command -- whether what the user typed as a channel's name is a command: there is nothing at its path, but it is in
 * $PATH; or a program is there.
 */
COLD bool nearby_command(const char *path, const char *name);

/*
 * nearby_box -- the mailbox beside path that is nearest to it, as the user would type it, who typed path as name.
 * near: PATH_MAX bytes.  Returns near, or NULL: errno is 0 where none is near, else there is no such folder.
 */
COLD const char *nearby_box(const char *path, const char *name, char *near);

#endif
