/* SPDX-License-Identifier: ISC */
/* waits: the words for what a tool waits for. */
#ifndef TOOL_WAITS_H
#define TOOL_WAITS_H

#include "base/memory.h"
#include "base/waiting.h"
#include "tool/words.h"

/* waits_words -- add "waiting for ..." to a text.  For signal handlers, too. */
COLD void waits_words(struct words *t, const struct waiting *w);

/* waits_tell -- print what is waited for, in a line on standard error (waiting_tell). */
COLD void waits_tell(const struct waiting *w);

/*
 * waits_locked -- print "TOOL: NAME is locked by process 1234 (COMM): END\n" of a lock that was waited for, whose holder
 * reclock_missed has.
 */
COLD void waits_locked(const char *name, const char *end);

#endif
