/* SPDX-License-Identifier: ISC */
/* process: see process.h.  Source: proc(5), /proc/PID/stat: "PID (NAME) STATE ...". */
#include "base/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/io.h"

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
