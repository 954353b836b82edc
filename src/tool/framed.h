/* SPDX-License-Identifier: ISC */
/* framed: a request that is one frame of standard input. */
#ifndef TOOL_FRAMED_H
#define TOOL_FRAMED_H

#include "channel/input.h"

/*
 * framed_send -- send one frame of standard input, and read no byte behind it.  Its headers of the names in `ours`
 * (NULL-terminated) go, and those of in->head come in.  in->head gets its tag and source.
 * Returns as input_whole; in->reader.reason says what is wrong with the frame.
 */
int framed_send(struct input *in, const char *const *ours);

#endif
