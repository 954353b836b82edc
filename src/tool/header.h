/* SPDX-License-Identifier: ISC */
/* header: the further headers that a sender's command line gives, -H KEY=VALUE. */
#ifndef TOOL_HEADER_H
#define TOOL_HEADER_H

#include "frame/frame.h"
#include "tool/args.h"

struct header {
	char text[FRAME_HEADER_MAX];    /* as they stand in a frame */
	size_t len;
};

/*
 * header_add -- add the value of the option just read, KEY=VALUE.
 * ours: further keys that are not his to set (NULL-terminated), besides those that no sender sets; or NULL.
 * Returns 0, or -1 where it is refused, with the reason printed.
 */
int header_add(struct header *h, const struct args *a, const char *const *ours);

/* header_put -- add a header of our own.  Returns 0, or -1 with EMSGSIZE. */
int header_put(struct header *h, const char *key, const char *value);

#endif
