/* SPDX-License-Identifier: ISC */
/*
 * receive: the work of mrecv behind its command line: open the channels, receive, and deliver or run commands.
 *
 * Failures are reported on standard error.
 */
#ifndef TOOL_RECEIVE_H
#define TOOL_RECEIVE_H

#include <limits.h>

#include "deliver/ahead.h"
#include "deliver/jobs.h"

/*
 * Small members first, large ones behind them: each page that a one-shot touches costs it as much as ten system calls.
 */
struct receive {
	uint64_t count;                 /* messages to receive; UINT64_MAX: no bound */
	bool counted, all, follow, now, backoff, once;  /* -c, -a, -f, -n, -B, -u */
	bool verbose;                   /* -v */
	bool acks;                      /* -A */
	uint64_t ack_wait_ns;           /* --ack-wait; 0: for ever */
	bool cut_short;                 /* a frame was bad, or cut short, and more is received */
	char form;                      /* the option that chose the output form; 0: none */
	const char *format;
	const char *dead_name;
	char **channels;                /* NULL-terminated, in place of the operands */
	const char **paths;             /* their paths */
	bool has_room;                  /* the output is a pipe, which had room as we were started */
	struct jobs jobs;
	struct select sources;
	struct sink dead;
	struct inlet source;            /* memory for one channel */
	struct ahead ahead;             /* of a single mailbox to a pipe */
	struct deliver deliver;         /* small, as those before it */
	const char *path;               /* of source */
	struct output output;
	char place[FRAME_HEADER_MAX];   /* of sources */
};

/* receive_open -- open the output, the channels and the mailbox for dead letters; exits where one of them fails. */
void receive_open(struct receive *r);

/* receive_all -- receive and deliver.  Returns the exit status; io_stop is set where a signal ended it. */
int receive_all(struct receive *r);

/* receive_nothing_more -- the exit status once nothing more comes, and so many messages were received. */
int receive_nothing_more(const struct receive *r, uint64_t got);

/* receive_damage -- report damaged messages that were found. */
void receive_damage(struct receive *r);

/* receive_stray -- report a message that may go on no further (receiver_next).  Returns the exit status. */
int receive_stray(const struct receive *r, const struct inlet *from);

/* receive_close -- put back what is still claimed, and close all. */
void receive_close(struct receive *r);

#endif
