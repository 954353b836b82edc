/* SPDX-License-Identifier: ISC */
/* process: see process.h.  Source: proc(5), /proc/PID/stat: "PID (NAME) STATE ...". */
#include "base/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"

enum { STARTED = 20 };                  /* fields from STATE to the one that says when it was started */

int
process_look(pid_t pid, char *name, bool *stopped)
{
	char path[64], text[512], *comm, *state = NULL;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1)
		n = io_read(fd, text, sizeof text - 1);
	io_close(fd);
	text[n > 0 ? n : 0] = '\0';
	comm = strchr(text, '(');
	if (comm != NULL)
		state = strrchr(comm, ')');     /* NAME may have parentheses in it */
	if (state != NULL)
		*state++ = '\0';
	snprintf(name, PROCESS_NAME_MAX, "%s", state != NULL ? comm + 1 : "?");
	*stopped = state != NULL && (state[1] == 'T' || state[1] == 't');
	return state != NULL ? 0 : -1;
}

uint64_t
process_age_ms(void)
{
	char text[512];
	const char *p;
	struct timespec now;
	uint64_t ticks = 0, ms;
	long second = sysconf(_SC_CLK_TCK);

	(void)io_read_proc("/proc/self/stat", text, sizeof text);
	p = strrchr(text, ')');
	for (int i = 0; p != NULL && i < STARTED; i++)
		p = strchr(p + 1, ' ');
	if (p == NULL || second <= 0 || clock_gettime(CLOCK_BOOTTIME, &now) == -1)
		return 0;
	for (p++; *p >= '0' && *p <= '9'; p++)
		ticks = 10 * ticks + (uint64_t)(*p - '0');
	ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	ticks = ticks * 1000 / (uint64_t)second;
	return ms > ticks ? ms - ticks : 0;
}
