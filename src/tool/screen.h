/* SPDX-License-Identifier: ISC */
/*
 * screen: the whole terminal for ourselves: its other screen, keys without Enter, its size.
 *
 * It is given back on every end: by screen_end, which cli_exit and cli_stopped call too, and while the process is
 * stopped (^Z).  io_catch_stop comes first: SIGQUIT is one more of the signals that ask to stop.
 */
#ifndef TOOL_SCREEN_H
#define TOOL_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

/* What screen_wait returns beside characters. */
enum screen_key {
	SCREEN_NONE = 0,                /* the deadline has passed, or a signal asked to stop */
	SCREEN_CHANGED = 256,           /* the size, or what is on it: draw it anew */
	SCREEN_UP, SCREEN_DOWN, SCREEN_PAGE_UP, SCREEN_PAGE_DOWN, SCREEN_HOME, SCREEN_END,
	SCREEN_OTHER,
};

/* screen_there -- whether standard output is a terminal that can be drawn on. */
bool screen_there(void);

/* screen_columns -- the columns of the terminal on standard output; 0 it is none, or does not say.  rows: may be NULL. */
int screen_columns(int *rows);

void screen_begin(void);
void screen_end(void);

/* screen_wait -- wait for a key, or until the deadline. */
int screen_wait(uint64_t deadline_ns);

#endif
