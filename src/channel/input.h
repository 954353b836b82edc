/* SPDX-License-Identifier: ISC */
/*
 * input: messages from operands or standard input (the whole of it, its lines or records, its frames) to a sink.
 *
 * What came before a failure is sent; the message that failed, and all after it, are not.
 */
#ifndef CHANNEL_INPUT_H
#define CHANNEL_INPUT_H

#include "channel/sink.h"
#include "stream/reader.h"

enum { INPUT_BUF = 256 * 1024 };        /* bytes of standard input read at a time */

struct input {
	struct sink *sink;
	struct message head;            /* of the messages to send; frames have their own */
	uint64_t lifetime_us;           /* messages expire so long after they are sent; 0: never */
	enum input_due {
		INPUT_DUE_ASIS,         /* they are due at once; frames as their headers say */
		INPUT_DUE_AFTER,        /* so long (due_us) after they are sent; 0: at once */
		INPUT_DUE_AT,           /* at that time (due_us, clock_wall_us) */
	} due;
	uint64_t due_us;
	int (*sent)(uint64_t first_id, uint64_t last_id);       /* called with what a mailbox got; 0, -1; or NULL */
	const char *failed_at;          /* after a failure: "read" or "send to" ... */
	const char *failed_on;          /* ... "standard input", or the channel */
	char buf[INPUT_BUF];
	char extra[FRAME_HEADER_MAX];   /* the headers with the times, where there are any */
	struct reader reader;           /* of input_frames: where a bad frame stands, and what is wrong with it */
};

/*
 * input_words -- send the words, joined by spaces and ended by a newline, as one message.
 * input_whole -- send standard input, to its end, as one message.
 * input_records -- send each record of standard input that ends in mark, and a last one without it; the records of one
 *   read(2) go together.
 * input_frames -- send the frames of standard input on, without their headers id, try and uid.
 * All flush the sink at the end.
 * Return 0, or -1 with failed_at and failed_on: as sink_put, EBADMSG for a malformed frame, or errno of read(2).
 */
int input_words(struct input *in, char *const *words);
int input_whole(struct input *in);
int input_records(struct input *in, char mark);
int input_frames(struct input *in);

#endif
