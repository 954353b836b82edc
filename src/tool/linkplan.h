/* SPDX-License-Identifier: ISC */
/* linkplan: from the two sides of a link to the words of the child that does its work. */
#ifndef TOOL_LINKPLAN_H
#define TOOL_LINKPLAN_H

#include <limits.h>
#include <stddef.h>

#include "tool/linkkeep.h"

enum {
	LINKPLAN_BASE = 32,                     /* bytes of a mailbox's name in a scope, at most */
	LINKPLAN_SCOPE = LINKPLAN_BASE + 18,    /* bytes of a scope, at most, with its NUL */
};

struct linkplan {
	/* set by the caller */
	char *from, *to;                /* mailboxes, or one of them a URL */
	const char *name;               /* of the link, which may be empty */
	char *dead, *tries, *batch, *window;    /* -d, -k, -b, -j, or NULL */
	const char **filters;           /* -s GLOB and -t GLOB, as words, NULL-terminated */
	size_t filters_n;

	/* set by linkplan_make */
	struct linkkeep keep;           /* ready to be kept */
	char path[PATH_MAX], other_path[PATH_MAX];      /* of the mailbox, and of that at the other side */
	char mrecv[PATH_MAX], msend[PATH_MAX], adapter[PATH_MAX], batches[PATH_MAX];    /* programs */
	char scope[LINKPLAN_SCOPE];     /* in which the other side remembers what it has got */
	char **words;                   /* of the child */
	size_t words_n;
};

/* linkplan_make -- a wrong command line, and what is missing, is reported, with an exit. */
void linkplan_make(struct linkplan *p);

#endif
