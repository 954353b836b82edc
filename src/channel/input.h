/* SPDX-License-Identifier: ISC */
/*
 * input: messages made of operands, of the whole of standard input, of its lines or records, or of its frames; into a
 * sink.
 *
 * What came before a failure is sent; the message that failed, and what would have come after it, is not.
 */
#ifndef CHANNEL_INPUT_H
#define CHANNEL_INPUT_H

#include "channel/sink.h"
#include "stream/reader.h"

enum { INPUT_BUF = 256 * 1024 };        /* bytes of standard input looked at together */

struct input {
	struct sink *sink;
	struct message head;            /* of the messages to send; frames have their own */
	uint64_t lifetime_us;           /* messages expire so long after they are sent; 0: never */
	int (*sent)(uint64_t first_id, uint64_t last_id);       /* told what went to a mailbox; 0, or -1 with errno; NULL */
	const char *failed_at;          /* after a failure: "read" or "send to" ... */
	const char *failed_on;          /* ... "standard input", or the channel */
	char buf[INPUT_BUF];
	char extra[FRAME_HEADER_MAX];   /* with the expiry, where there is one */
	struct reader reader;           /* of input_frames: where a bad frame stands, and what is wrong with it */
};

/*
 * input_words -- the words, joined by spaces and ended by a newline, as one message.
 * input_whole -- standard input, to its end, as one message.
 * input_records -- every record of standard input that ends in mark is a message, a last one without it too; what one
 *   read(2) gave goes at one stroke.
 * input_frames -- standard input is frames; their headers id, try and uid are dropped.
 * All flush the sink at the end.
 * Return 0, or -1 with errno, failed_at and failed_on: as of sink_put; EBADMSG (frames); or errno of read(2).
 */
int input_words(struct input *in, char *const *words);
int input_whole(struct input *in);
int input_records(struct input *in, char mark);
int input_frames(struct input *in);

#endif
