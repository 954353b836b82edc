/* SPDX-License-Identifier: ISC */
/*
 * linkfind: where the programs are that a link is made of: the tools beside our own, the adapters in the folders of
 * $MBOX_LINKS, else where they are installed or built.
 */
#ifndef TOOL_LINKFIND_H
#define TOOL_LINKFIND_H

#include <stdbool.h>

/* linkfind_tool -- the path of a tool of ours; its name alone where it is not beside us.  path: PATH_MAX bytes. */
void linkfind_tool(char *path, const char *name);

/* linkfind_adapter -- the path of the program of this name.  path: PATH_MAX bytes.  Returns 0, or -1: there is none. */
int linkfind_adapter(char *path, const char *name);

/*
 * linkfind_batches -- ask an adapter for its form.
 * Returns whether it takes batches, or -1 with errno: EPROTO it says neither that nor that it takes a stream.
 */
int linkfind_batches(const char *path);

#endif
