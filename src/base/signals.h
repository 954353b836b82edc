/* SPDX-License-Identifier: ISC */
/*
 * signals: what we change of the signals that we were started with, so that commands get them back.
 *
 * A signal that is blocked or ignored by whoever started us stays so, but for those of our own: SIGCHLD, and SIGRTMIN,
 * of the timers.
 */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

#include <spawn.h>

/* signals_ignore -- ignore a signal: a failed call tells more. */
void signals_ignore(int signal);

/* signals_catch -- have a signal of our own call f, blocked or not.  flags: of sigaction(2).  Returns 0, or -1. */
int signals_catch(int signal, void (*f)(int), int flags);

/* signals_give_back -- start a command with the signals as they were.  Once one was caught.  Returns 0, or an errno. */
int signals_give_back(posix_spawnattr_t *attr);

#endif
