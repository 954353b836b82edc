/* SPDX-License-Identifier: ISC */
/* signals: see signals.h. */
#include "base/signals.h"

#include <stddef.h>

static sigset_t defaults;       /* what we catch; and what we ignore, and whoever started us does not */
static sigset_t blocked;        /* as we were started */
static bool caught;             /* blocked is known */
static struct {
	int signal;             /* 0: none is asked for later */
	int flags;
	void (*f)(int);
} later;

void
signals_ignore(int signal)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, old;

	if (sigaction(signal, &ignore, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaddset(&defaults, signal);
}

void
signals_block(const sigset_t *set)
{
	if (sigprocmask(SIG_BLOCK, set, caught ? NULL : &blocked) == 0)
		caught = true;
}

bool
signals_blocked(int signal)
{
	return caught && sigismember(&blocked, signal) == 1;
}

bool
signals_ignored(int signal)
{
	struct sigaction now;

	return sigaction(signal, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

/* action -- that calls f, with all other signals held meanwhile: handlers do not interrupt each other. */
static struct sigaction
action(void (*f)(int), int flags)
{
	struct sigaction a = { .sa_handler = f, .sa_flags = flags };

	sigfillset(&a.sa_mask);
	return a;
}

int
signals_catch(int signal, void (*f)(int), int flags)
{
	const struct sigaction a = action(f, flags);
	sigset_t one;

	sigemptyset(&one);
	sigaddset(&one, signal);
	if (sigaction(signal, &a, NULL) == -1
	    || sigprocmask(SIG_UNBLOCK, &one, caught ? NULL : &blocked) == -1)
		return -1;
	caught = true;
	sigaddset(&defaults, signal);
	return 0;
}

void
signals_ask(int signal, void (*f)(int), int flags)
{
	const struct sigaction a = action(f, flags);
	struct sigaction old;

	if (sigaction(signal, &a, &old) == 0 && old.sa_handler == SIG_IGN)
		sigaction(signal, &old, NULL);
	else
		sigaddset(&defaults, signal);
}

void
signals_ask_later(int signal, void (*f)(int), int flags)
{
	later.signal = signal;
	later.f = f;
	later.flags = flags;
}

void
signals_hear(void)
{
	sigset_t one;
	int signal = later.signal;

	if (signal == 0)
		return;
	later.signal = 0;
	signals_ask(signal, later.f, later.flags);
	sigemptyset(&one);
	sigaddset(&one, signal);
	if (!signals_blocked(signal))
		sigprocmask(SIG_UNBLOCK, &one, NULL);
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
