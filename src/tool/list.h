/* SPDX-License-Identifier: ISC */
/*
 * list: print the messages of mailboxes, the processes that wait there or the links kept there, a line each, as a table or as JSON.
 *
 * Rows go out some hundreds at a time, aligned with all rows before them: memory is constant however many there are.
 */
#ifndef TOOL_LIST_H
#define TOOL_LIST_H

#include <stdbool.h>

#include "base/process.h"
#include "mailbox/mailbox.h"
#include "tool/show.h"
#include "tool/table.h"

enum list_kind { LIST_MESSAGES, LIST_WAITERS, LIST_LINKS };

struct list {
	bool json;
	enum list_kind kind;            /* of what there is a line each */
	bool named;                     /* a column for the mailbox's name */
	const char *name;               /* the mailbox that is shown */
	struct filter filter;
	struct snapshot_list to;        /* for snapshot_look: gives the messages to us */
	pid_t pid;                      /* of which process the name is; 0 none yet */
	char command[PROCESS_NAME_MAX];
	bool stopped;
	struct table table;
	struct outbuf rows, out;        /* rows that are not aligned yet: a tab between cells */
};

/* list_begin -- begin: the table has its headings even without a message. */
void list_begin(struct list *l);

/* list_waiters -- add the processes that wait at the mailbox, as s has them. */
void list_waiters(struct list *l, const struct snapshot *s);

/* list_links -- add the links that are kept at the mailbox, as s has them. */
void list_links(struct list *l, const struct snapshot *s);

/* list_end -- print what is left.  Returns 0, or -1 with errno of write(2). */
int list_end(struct list *l);

#endif
