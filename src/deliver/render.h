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
	RENDER_SCREEN,          /* RENDER_FORMAT on a terminal: names are escaped, for somebody else has chosen them */
};

/* render_format_ok -- whether a format is well formed. */
bool render_format_ok(const char *format);

/* render_format_shows -- whether a format that is well formed shows the payload. */
bool render_format_shows(const char *format);

/*
 * render_message -- add a message; its payload is read to the end.  Of one that has none here (message_is_head) JSON leaves it out,
 * and its length; a format has nothing in their places.
 * format: for RENDER_FORMAT and RENDER_SCREEN, well formed.  channel: the name as the user typed it.
 * What fails is kept in b->error, as output_message has it.
 */
void render_message(struct outbuf *b, enum render_form form, const char *format, const char *channel,
    struct message *m);

#endif
