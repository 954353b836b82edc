/* SPDX-License-Identifier: ISC */
/*
 * child: the command that stores what has come: frames on its standard input, acknowledgements on its standard output.
 *
 * Nobody waits for it: what it does not take yet stays in a backlog.  It gets SIGTERM when we die before it, and the
 * end of its input.
 */
#ifndef LINK_CHILD_H
#define LINK_CHILD_H

#include "link/backlog.h"
#include "link/settled.h"

struct child {
	pid_t pid;
	int from;                       /* its standard output; -1 closed */
	struct settled_lines lines;
	struct backlog backlog;         /* to its standard input: backlog_put */
};

/* child_start -- start a command.  Returns 0, or -1 with errno of pipe(2), vfork(2) or execvp(3). */
int child_start(struct child *c, char *const *argv);

/*
 * child_turn -- after poll(2): write what it takes, and read, if it is readable, what it has printed.
 * Then the caller takes all lines: settled_next(&c->lines, ...).  c->lines.ended: it prints no more.
 * Returns 0, or -1 with errno: EPIPE where it reads no more.
 */
int child_turn(struct child *c, bool readable);

/*
 * child_wait -- wait for the end of a process, ms milliseconds at most, then as long after SIGTERM, and SIGKILL.
 * child_end -- close the pipes and wait for it so.  now: send it SIGTERM first, where it has been given part of a message
 * only.
 * Return its exit status, as a shell has it (128+N for signal N).
 */
int child_wait(pid_t pid, int ms);
int child_end(struct child *c, bool now, int ms);

#endif
