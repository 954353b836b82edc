/* SPDX-License-Identifier: ISC */
/* nofile: see nofile.h.  A crash leaves nothing. */
#include "base/nofile.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/io.h"

/* Open files of a channel, or of a command at work, and all others, at most. */
enum { EACH = 12, MORE = 32 };

static struct rlimit given;
static bool raised;

/* Two descriptors below the limit that was given.  Source: musl's posix_spawn(3) opens a pipe before it forks. */
static int spare[2] = { -1, -1 };

void
nofile_raise(void)
{
	struct rlimit all = { given.rlim_max, given.rlim_max };

	if (raised && setrlimit(RLIMIT_NOFILE, &all) == 0 && pipe2(spare, O_CLOEXEC) == -1)
		spare[0] = spare[1] = -1;
}

void
nofile_need(uint64_t n)
{
	if (raised || getrlimit(RLIMIT_NOFILE, &given) == -1 || given.rlim_cur >= n * EACH + MORE
	    || given.rlim_cur >= given.rlim_max)
		return;
	raised = true;
	nofile_raise();
}

void
nofile_lower(void)
{
	if (!raised)
		return;
	io_close(spare[0]);
	io_close(spare[1]);
	spare[0] = spare[1] = -1;
	(void)setrlimit(RLIMIT_NOFILE, &given);
}
