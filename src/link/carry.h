/* SPDX-License-Identifier: ISC */
/*
 * carry: a message's header line on its way through an engine.
 *
 * The line travels beside the payload, in one field of the engine's, which all adapters call `mbox'.  A message without
 * it is of another program: its tag and source are made of what the engine tells.
 */
#ifndef LINK_CARRY_H
#define LINK_CARRY_H

#include "frame/message.h"

#define CARRY_FIELD "mbox"

enum { CARRY_INCARNATION = 32 };        /* hexadecimal digits */

/*
 * carry_line -- the header line of m, for the field: without a newline, and without id, try, uid and to, which are of
 * the mailbox that it comes from.  m->len must be known.
 * out: FRAME_HEADER_MAX bytes.  Returns the bytes, or 0 with EMSGSIZE.
 */
size_t carry_line(char *out, const struct message *m);

/* What an engine tells of a message that has come. */
struct carry {
	struct slice line;              /* the field `mbox'; len 0: it has none */
	uint64_t id;                    /* the number that it is to have on the way to the command: not 0 */
	uint64_t len;                   /* bytes of its payload */
	struct slice tag, source;       /* for one without the field, or with a wrong one: any bytes; empty ones become - */
	struct slice once;              /* INCARNATION/NUMBER for one that brings no `once' */
};

/*
 * carry_head -- the header line, with its newline, of the frame for the command.
 * Of a message whose headers leave no room for id and once, the headers are left out.
 * out: FRAME_HEADER_MAX bytes.  Returns the bytes.
 */
size_t carry_head(char *out, const struct carry *c);

/*
 * carry_incarnation -- random digits, for messages that nothing identifies: no two are taken for the same.
 * Returns 0, or -1 with errno of getrandom(2).
 */
int carry_incarnation(char out[CARRY_INCARNATION]);

#endif
