/* SPDX-License-Identifier: ISC */
/*
 * progress: how far a tool is: a line on standard error when a signal asks for it (SIGUSR1, and SIGINFO where there is
 * one), and with -v a line of the terminal that is redrawn.
 *
 * It is written by the signal's handler, wherever the tool is at that moment: nothing that it does is ended by it, and
 * nothing is asked of the kernel before a signal comes.
 */
#ifndef TOOL_PROGRESS_H
#define TOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "base/tally.h"

/*
 * progress_begin -- a signal that asks is answered, where it is not ignored, from signals_hear on, or the first wait.
 * bytes, messages: what is counted.  fd: where it is a plain file that is read, its end is the end; -1 none.
 */
void progress_begin(enum tally bytes, enum tally messages, int fd);

/* progress_ends -- where it ends: as fd above, or after so many messages; 1, UINT64_MAX: that tells nothing. */
void progress_ends(int fd, uint64_t count);

/*
 * progress_show -- with -v.  draw: have a line at the terminal that standard error is, from the first second on, and
 * have signals to stop caught; total: tell the total at the end in any case.
 */
COLD void progress_show(bool draw, bool total);

/*
 * progress_next -- another part of the work begins, which is told in the place of the first: bytes of `what'.
 * draw: goes on.
 */
void progress_next(enum tally bytes, const char *what, bool draw);

/* progress_end -- nothing is drawn any more; where something was, or the total is to be told, tell it. */
void progress_end(void);

#endif
