/* SPDX-License-Identifier: ISC */
/* render: a message as text that tells of it: JSON, shell assignments, or a format of the user's. */
#ifndef DELIVER_RENDER_H
#define DELIVER_RENDER_H

#include "base/outbuf.h"
#include "frame/message.h"

enum render_form {
	RENDER_JSON,            /* a line */
	RENDER_ENV,             /* MBOX_TAG='...' and so on */
	RENDER_FORMAT,
	RENDER_SCREEN,          /* RENDER_FORMAT on a terminal: names, which come from other users, are escaped */
};

#define RENDER_HEADER "MBOX_H_"         /* what the variable of a header begins with */

/* A header as a variable.  The caller sets begun to false before the first. */
struct render_header {
	bool begun;
	struct slice rest;
	char name[sizeof RENDER_HEADER + FRAME_KEY_MAX];
	struct slice value;     /* in text; never with a NUL */
	char text[FRAME_HEADER_MAX];
};

/*
 * render_header_next -- go to the next header of m but id, time and try, which have variables of their own.
 * Its name is RENDER_HEADER and the key, in capitals, each hyphen an underscore: two keys never make one name, for a
 * key has neither.  A value with a NUL is left out.  Returns whether there is one.
 */
bool render_header_next(struct render_header *h, const struct message *m);

/* render_format_count -- how often a format has a directive ('p': the payload); -1 where it is malformed. */
int render_format_count(const char *format, char directive);

/*
 * render_message -- add a message; its payload is read to the end.
 * Of one whose payload is elsewhere (message_is_head) JSON has no payload and no length, and a format nothing in their
 * places.  format: for RENDER_FORMAT and RENDER_SCREEN, well formed.  channel: the name as the user typed it.
 * A failure is kept in b->error, with the errno of output_message.
 */
void render_message(struct outbuf *b, enum render_form form, const char *format, const char *channel,
    struct message *m);

#endif
