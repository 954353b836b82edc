/* SPDX-License-Identifier: ISC */
/*
 * output: how a received message is written: as it is, as a line, a record, a frame, JSON, shell words, or by a format.
 *
 * What is written is gathered in memory and goes out with output_flush: nothing counts as delivered before.
 */
#ifndef DELIVER_OUTPUT_H
#define DELIVER_OUTPUT_H

#include "base/outbuf.h"
#include "frame/message.h"

enum output_form {
	OUTPUT_RAW,             /* the payload, nothing added */
	OUTPUT_LINES,           /* ended by a newline, unless it ends in one */
	OUTPUT_NULS,            /* ended by a NUL */
	OUTPUT_FRAMES,
	OUTPUT_JSON,            /* a line each */
	OUTPUT_FORMAT,
	OUTPUT_ENV,             /* MBOX_TAG='...' and so on, safe for eval */
};

struct output {
	int fd;
	enum output_form form;
	const char *format;     /* for OUTPUT_FORMAT; checked by output_init */
	bool screen;            /* fd is a terminal, and the form is a format */
	bool file;              /* fd is a file or a disk, which keeps what was written */
	bool prompt;            /* fd is one of those, or /dev/null: what is written is taken at once */
	bool pipe;              /* fd is a pipe or FIFO, whose room can be known */
	bool socket;            /* fd is a socket, whose peer may leave without a word */
	struct outbuf to;
};

/* output_init -- write to fd.  Returns 0, or -1 with EINVAL: the format is malformed. */
int output_init(struct output *o, int fd, enum output_form form, const char *format);

/* output_needs_payload -- whether the form is useless without the payload. */
bool output_needs_payload(const struct output *o);

/* output_room -- how many bytes to gather: a pipe's free space, at least PIPE_BUF; else OUTBUF_SIZE. */
size_t output_room(const struct output *o);

/*
 * output_message -- write a message, reading its payload to the end; a file that the form does not show is not read.
 * channel: the name as the user typed it.
 * Where a stream's payload has a length not known before, JSON and OUTPUT_ENV tell it behind the payload, and a format
 * may have %l before %p, or %p twice, only for a payload of at most OUTBUF_SIZE / 2 bytes.
 * Returns 0, or -1: EBADMSG a payload that is cut short, EILSEQ one that the form cannot hold (a NUL byte, for
 * OUTPUT_ENV), EOVERFLOW one too long for the format, EMSGSIZE a header line too long for a frame, or errno of
 * write(2).  Then part of the message may have been written.
 */
int output_message(struct output *o, const char *channel, struct message *m);

/* output_bytes -- for OUTPUT_RAW, OUTPUT_LINES and OUTPUT_NULS: a payload in memory.  Returns 0, or -1. */
int output_bytes(struct output *o, const char *data, size_t len);

/* output_payload -- output_bytes, inline for a payload that there is room for. */
static inline int
output_payload(struct output *o, const char *data, size_t len)
{
	struct outbuf *b = &o->to;

	if (len == 0 || len >= OUTBUF_SIZE - b->used)
		return output_bytes(o, data, len);
	b->error = 0;
	copy_short(b->buf + b->used, data, len);
	b->used += len;
	if (o->form == OUTPUT_NULS)
		b->buf[b->used++] = '\0';
	else if (o->form == OUTPUT_LINES && data[len - 1] != '\n')
		b->buf[b->used++] = '\n';
	return 0;
}

/* output_flush -- write out what was gathered.  Returns as outbuf_flush, or for a socket as io_taken. */
int output_flush(struct output *o);

/* output_read -- how much of the output has been read for certain: of a pipe what is not in it any more; else all. */
uint64_t output_read(const struct output *o);

/* output_cut -- in a file: take back what was added behind the place `end` (outbuf_end).  Returns 0, or -1. */
int output_cut(struct output *o, uint64_t end);

#endif
