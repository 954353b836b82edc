/* SPDX-License-Identifier: ISC */
/*
 * linkchild: the child that does a link's work, with what that starts: a process group of its own, of which nothing is
 * left when it has ended.  Where we die the kernel sends it a signal, and it ends what it has started.
 */
#ifndef TOOL_LINKCHILD_H
#define TOOL_LINKCHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct linkchild {
	char *const *argv;
	int death;                      /* the signal that it gets where we die */
	void (*line)(void *arg, const char *line, size_t len);  /* given each line that it writes on standard error */
	void (*quiet)(void *arg);       /* called when none has come for a second after one, or after the start */
	bool (*over)(void *arg);        /* asked every five seconds: whether it is to end; may be NULL */
	void *arg;
};

/* linkchild_init -- once in a process, after io_catch_stop.  Returns 0, or -1. */
int linkchild_init(void);

/*
 * linkchild_run -- run it until it ends; each signal that asks us to stop (io_stops) goes on to it, as SIGTERM.
 * status: gets what waitpid(2) says.  Returns 0, or -1 with errno: it could not be started.
 */
int linkchild_run(const struct linkchild *c, int *status);

/* linkchild_pause -- sleep without a child; a signal that asks us to stop ends it, and the terminal may stop it. */
void linkchild_pause(uint64_t ns);

#endif
