/* SPDX-License-Identifier: ISC */
/*
 * output: how a received message is written: as it is, as a line, a record, a frame, JSON, shell words, or by a format.
 *
 * What is written is gathered in memory and goes out with output_flush.  Nothing counts as delivered before that.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>

#include "message.h"

enum output_form {
	OUTPUT_RAW,             /* the payload, nothing added */
	OUTPUT_LINES,           /* ended by a newline, unless it ends in one */
	OUTPUT_NULS,            /* ended by a NUL */
	OUTPUT_FRAMES,
	OUTPUT_JSON,            /* a line each */
	OUTPUT_FORMAT,
	OUTPUT_ENV,             /* MBOX_TAG='...' and so on, safe for eval */
};

enum { OUTPUT_BUF = 128 * 1024 };

struct output {
	int fd;
	enum output_form form;
	const char *format;     /* for OUTPUT_FORMAT; checked by output_init */
	bool pipe;              /* fd is a pipe or FIFO, whose room can be told */
	int error;              /* errno of what failed in this message; then nothing is added to it any more */
	size_t used;
	char buf[OUTPUT_BUF];
};

/* output_init -- write to fd.  Returns 0, or -1 with EINVAL: the format is malformed. */
int output_init(struct output *o, int fd, enum output_form form, const char *format);

/*
 * output_room -- how many bytes can be written now without waiting long: a pipe's free space (at least PIPE_BUF), else
 * OUTPUT_BUF.
 */
size_t output_room(const struct output *o);

/*
 * output_message -- write a message; its payload is read to the end (one in a file that the form does not show: not at
 * all).  channel: the name as the user typed it.
 * Where a stream does not tell a payload's length before, JSON and OUTPUT_ENV tell it behind the payload.  A format
 * may have %l before %p, or %p twice, only if such a payload has at most OUTPUT_BUF / 2 bytes.
 * Returns 0, or -1: EBADMSG a payload that is cut short, EILSEQ one that the form can not hold (a NUL byte, for
 * OUTPUT_ENV), EOVERFLOW one too long for the format, EMSGSIZE a header line too long for a frame, or errno of
 * write(2).  Then part of the message may have been written.
 */
int output_message(struct output *o, const char *channel, struct message *m);

/* output_payload -- the fast way for OUTPUT_RAW, OUTPUT_LINES, OUTPUT_NULS: a payload in memory.  Returns 0, or -1. */
int output_payload(struct output *o, const char *data, size_t len);

/* output_flush -- write out what was gathered.  Returns 0, or -1 with errno of write(2). */
int output_flush(struct output *o);

/* output_clear -- forget what was gathered. */
void output_clear(struct output *o);

/* output_bytes -- add bytes as they are.  Returns 0, or -1. */
int output_bytes(struct output *o, const char *p, size_t n);

/*
 * output_json_string -- add a JSON string, quotes included: control characters escaped, a byte that is part of no UTF-8
 * character as the character of that number.
 * Returns 0, or -1.
 */
int output_json_string(struct output *o, struct slice s);

/* output_utf8 -- how many of the n bytes at text (at least 1) are its first UTF-8 character; 0: they are none. */
size_t output_utf8(const char *text, size_t n);

#endif
