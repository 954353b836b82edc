/* SPDX-License-Identifier: ISC */
/*
 * frame: the codec of a message.
 *
 *     M1 LENGTH TAG SOURCE [KEY=VALUE]...\n
 *     PAYLOAD\n
 *
 * It does no input or output and allocates nothing.  letterbox(5) describes the format.
 */
#ifndef FRAME_FRAME_H
#define FRAME_FRAME_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/num.h"

#define FRAME_CUT '\x18'        /* in place of a newline behind a payload, or in a header line: the message was cut short */

enum {
	FRAME_HEADER_MAX = 4096,        /* bytes of a header line, newline included */
	FRAME_NAME_MAX = 255,           /* bytes of a tag or a source */
	FRAME_KEY_MAX = 255,            /* bytes of a header's key */
};

/* A header line taken apart.  The slices point into the line that was parsed. */
struct frame {
	uint64_t len;           /* payload bytes of this chunk */
	bool more;              /* LENGTH+: a continuation follows this chunk */
	bool continuation;      /* "M1 LENGTH[+]" alone: no tag, no source, no headers */
	struct slice tag;
	struct slice source;
	struct slice extra;     /* "KEY=VALUE KEY=VALUE", single spaces, no space around; may be empty */
};

/*
 * frame_parse -- take a header line apart.
 * line, len: the line with its newline as its last byte.
 * bad: where not NULL, gets the offset of the first wrong byte: len where the line ends too early, the first byte of a
 * key that occurred before, FRAME_HEADER_MAX - 1 in a line that is well formed but too long.
 * Returns 0, or -1 with EBADMSG: not canonical in each byte (letterbox(5)).  Then f has what precedes the wrong byte:
 * f->tag.p is not NULL once the length is complete.
 */
int frame_parse(struct frame *f, const char *line, size_t len, size_t *bad);

/*
 * frame_next_header -- step through a frame's extra headers.
 * rest: the remaining part of frame.extra, which gets shorter.
 * Returns 1 with key and value (%XX undecoded), 0 at the end.
 */
int frame_next_header(struct slice *rest, struct slice *key, struct slice *value);

/*
 * frame_header -- find a header by its key.  Returns 1 with its value (undecoded), or 0 with an empty one: not there.
 */
int frame_header(struct slice extra, const char *key, struct slice *value);

/*
 * frame_head -- write "M1 LENGTH[+] TAG SOURCE[ EXTRA]\n" to out.
 * The parts must be well formed.  out: FRAME_HEADER_MAX bytes.
 * Returns the bytes written, or 0 with EMSGSIZE: more than FRAME_HEADER_MAX.
 */
size_t frame_head(char *out, uint64_t len, bool more, struct slice tag, struct slice source, struct slice extra);

/* frame_continuation -- write "M1 LENGTH[+]\n" to out (at least 32 bytes).  Returns the bytes written. */
size_t frame_continuation(char *out, uint64_t len, bool more);

/*
 * frame_parse_time -- read SECONDS, or SECONDS.MICROSECONDS with six digits after the point, as microseconds.
 * Returns 0 with *us, or -1 with EINVAL.
 */
int frame_parse_time(struct slice s, uint64_t *us);

/* frame_time -- write microseconds as SECONDS.MICROSECONDS to out (at least 27 bytes, no NUL).  Returns the bytes. */
size_t frame_time(char *out, uint64_t us);

/*
 * frame_set_header -- write the headers extra to out (FRAME_HEADER_MAX bytes), without those of this key; then, where
 * value.p is not NULL, the key with this value (%XX encoded).
 * Returns the bytes written, or -1 with EMSGSIZE.
 */
long frame_set_header(char *out, struct slice extra, const char *key, struct slice value);

/* frame_name_ok -- whether s may be a tag or a source: 1 to 255 bytes, no white space, no control bytes. */
bool frame_name_ok(struct slice s);

/* frame_key_ok -- whether s may be a header's key: [a-z][a-z0-9-]*, at most FRAME_KEY_MAX bytes. */
bool frame_key_ok(struct slice s);

/*
 * frame_encode -- write a header's value: bytes outside 0x21 to 0x7e, and %, become %XX (upper-case digits).
 * Returns the bytes written, or -1 with EMSGSIZE: more than cap.
 */
long frame_encode(char *out, size_t cap, struct slice value);

/*
 * frame_decode -- undo frame_encode.  out may be value.p itself.
 * Returns the bytes written (at most value.len), or -1 with EBADMSG and nothing written.
 */
long frame_decode(char *out, struct slice value);

#endif
