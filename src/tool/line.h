/* SPDX-License-Identifier: ISC */
/* line: a line of a tool on standard error. */
#ifndef TOOL_LINE_H
#define TOOL_LINE_H

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>

#include "base/memory.h"

enum { LINE_TEXT = PATH_MAX + 1024 };   /* bytes of a line, at most, before they are escaped */

/* line_utf8 -- whether the locale, by the names in the environment, is one of UTF-8. */
bool line_utf8(void);

/* line_shows -- whether a line shows all of s as it is, so that it can be pasted. */
bool line_shows(const char *s);

/* line_begin -- the lines are this tool's. */
void line_begin(const char *name);

/*
 * line_print -- write "TOOL: MESSAGE\n", bytes that are no text as \xHH, then tail as it is; format NULL: the
 * tail alone.  A failure has nowhere to be reported.
 */
COLD void line_print(const char *tail, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/*
 * line_draw -- from a signal handler: have text, behind the tool's name, in the last line of the terminal that standard
 * error is, cut to its width, in the place of what was drawn there before; or, stays: as a line that is not redrawn,
 * wherever standard error leads.  Nothing is waited for: what takes no line at this moment gets none.
 * Returns whether it was written.
 */
COLD bool line_draw(const char *text, bool stays);

/*
 * line_hold, line_go_on -- what is drawn is taken away, and nothing is drawn in between: something else is written to
 * the terminal.
 * line_is_held -- from a signal handler, before line_draw: whether we are in between.  Then signal, 0 none, is raised
 * after it.
 */
void line_hold(void);
void line_go_on(void);
COLD bool line_is_held(int signal);

/* line_warn -- print "TOOL: MESSAGE\n": line_print of a message alone. */
COLD void line_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
