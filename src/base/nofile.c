/* SPDX-License-Identifier: ISC */
/* nofile: see nofile.h.  A crash leaves nothing. */
#include "base/nofile.h"

#include <stdbool.h>
#include <sys/resource.h>

/* Open files of a channel, or of a command at work, and all others, at most. */
enum { EACH = 12, MORE = 32 };

static struct rlimit given;
static bool raised;

void
nofile_need(uint64_t n)
{
	struct rlimit all;

	if (raised || getrlimit(RLIMIT_NOFILE, &given) == -1 || given.rlim_cur >= n * EACH + MORE
	    || given.rlim_cur >= given.rlim_max)
		return;
	all = (struct rlimit){ given.rlim_max, given.rlim_max };
	raised = setrlimit(RLIMIT_NOFILE, &all) == 0;
}

void
nofile_give_back(void)
{
	if (raised)
		(void)setrlimit(RLIMIT_NOFILE, &given);
}
