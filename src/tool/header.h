/* SPDX-License-Identifier: ISC */
/* header: further headers given on a sender's command line, -H KEY=VALUE. */
#ifndef TOOL_HEADER_H
#define TOOL_HEADER_H

#include "frame/frame.h"
#include "tool/args.h"

struct header {
	char text[FRAME_HEADER_MAX];    /* encoded, as in a frame */
	size_t len;
};

/*
 * header_add -- add the value of the option just read, KEY=VALUE; a wrong one is reported, with exit status 64.
 * ours: keys reserved for the tool (NULL-terminated), besides those that no sender sets; or NULL.
 */
void header_add(struct header *h, const struct args *a, const char *const *ours);

/* header_put -- add a header.  Returns 0, or -1 with EMSGSIZE. */
int header_put(struct header *h, const char *key, const char *value);

#endif
