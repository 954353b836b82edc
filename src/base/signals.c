/* SPDX-License-Identifier: ISC */
/* signals: see signals.h. */
#include "base/signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

static sigset_t defaults;       /* what we ignore, and whoever started us does not */
static sigset_t blocked;        /* as we were started */
static bool caught;             /* blocked is known */

void
signals_ignore(int signal)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, old;

	if (sigaction(signal, &ignore, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaddset(&defaults, signal);
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
	return 0;
}

int
signals_give_back(posix_spawnattr_t *attr)
{
	int err = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);

	if (err == 0)
		err = posix_spawnattr_setsigdefault(attr, &defaults);
	return err == 0 ? posix_spawnattr_setsigmask(attr, &blocked) : err;
}
