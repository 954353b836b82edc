/* SPDX-License-Identifier: ISC */
/*
 * receive: what mrecv does once its command line is read: open, receive and deliver until there is enough.
 *
 * It says on standard error what goes wrong, as the tool does.
 */
#ifndef TOOL_RECEIVE_H
#define TOOL_RECEIVE_H

#include <limits.h>

#include "deliver/jobs.h"

/*
 * Small things stand together, and large ones behind them: each page that a one-shot touches costs it as much as ten
 * system calls.
 */
struct receive {
	uint64_t count;                 /* messages to receive; UINT64_MAX no bound */
	bool counted, all, follow, now; /* -c, -a, -f, -n */
	char form;                      /* the option that chose the output; 0 none */
	const char *format;
	const char *dead_name;
	char **channels;                /* NULL-terminated, in place of the operands */
	char (*paths)[PATH_MAX];        /* where they lie */
	struct deliver deliver;
	struct jobs jobs;
	struct inlet source;           /* and the memory for it, where it is one; */
	char path[PATH_MAX];            /* and for where it lies */
	struct select sources;
	struct output output;
	struct sink dead;
};

/* receive_open -- open the output, the channels and the dead letters.  Returns -1 to go on, or the exit status. */
int receive_open(struct receive *r);

/* receive_all -- receive and deliver.  Returns the exit status; io_stop tells whether a signal ended it. */
int receive_all(struct receive *r);

/* receive_close -- put back what is in hand, and let go. */
void receive_close(struct receive *r);

#endif
