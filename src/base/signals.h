/* SPDX-License-Identifier: ISC */
/*
 * signals: what we change of the signals that we were started with, so that commands get them back.
 *
 * A signal that is blocked or ignored by whoever started us stays so, but for those of our own: SIGCHLD, and
 * SIGRTMIN and the next one, of the timers.
 */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/* signals_ignore -- ignore a signal: a failed call tells more. */
void signals_ignore(int signal);

/* signals_block -- block these, too.  signals_blocked -- whether whoever started us has blocked a signal. */
void signals_block(const sigset_t *set);
bool signals_blocked(int signal);

/* signals_ignored -- whether whoever started us ignores a signal, of those that we block. */
bool signals_ignored(int signal);

/* signals_catch -- have a signal of our own call f, blocked or not.  flags: of sigaction(2).  Returns 0, or -1. */
int signals_catch(int signal, void (*f)(int), int flags);

/* signals_ask -- have a signal that asks us for something call f, unless it is ignored.  flags: of sigaction(2). */
void signals_ask(int signal, void (*f)(int), int flags);

/*
 * signals_ask_later -- signals_ask of a signal that we have blocked, once signals_hear is called: before anything is
 * waited for.  What is done at once needs neither.
 */
void signals_ask_later(int signal, void (*f)(int), int flags);
void signals_hear(void);

/* signals_hold, signals_go_on -- block all signals while a command is started, and go on.  old: what was blocked. */
void signals_hold(sigset_t *old);
void signals_go_on(const sigset_t *old);

/* signals_give_back -- in a process that is to become a command, all signals held: have them as we were started. */
void signals_give_back(void);

#endif
