/* SPDX-License-Identifier: ISC */
/* signals: see signals.h. */
#include "base/signals.h"

#include <stddef.h>

static sigset_t defaults;       /* what we catch; and what we ignore, and whoever started us does not */
static sigset_t blocked;        /* as we were started */
static bool caught;             /* blocked is known */

void
signals_ignore(int signal)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, old;

	if (sigaction(signal, &ignore, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaddset(&defaults, signal);
}

bool
signals_ignored(int signal)
{
	return sigismember(&defaults, signal) == 0;
}

int
signals_catch(int signal, void (*f)(int), int flags)
{
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, signal);
	if (sigaction(signal, &(struct sigaction){ .sa_handler = f, .sa_flags = flags }, NULL) == -1
	    || sigprocmask(SIG_UNBLOCK, &one, caught ? NULL : &blocked) == -1)
		return -1;
	caught = true;
	sigaddset(&defaults, signal);
	return 0;
}

void
signals_ask(int signal, void (*f)(int))
{
	struct sigaction old;

	if (sigaction(signal, &(struct sigaction){ .sa_handler = f }, &old) == 0 && old.sa_handler == SIG_IGN)
		sigaction(signal, &old, NULL);
	else
		sigaddset(&defaults, signal);
}

void
signals_hold(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, old);
	if (!caught)
		blocked = *old;
	caught = true;
}

void
signals_go_on(const sigset_t *old)
{
	sigprocmask(SIG_SETMASK, old, NULL);
}

void
signals_give_back(void)
{
	for (int signal = 1; signal <= SIGRTMAX; signal++)
		if (sigismember(&defaults, signal) == 1)
			sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
}
