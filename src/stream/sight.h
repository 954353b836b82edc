/* SPDX-License-Identifier: ISC */
/* sight: what stands in a stream where a header line must stand, and how much may be read there at one stroke. */
#ifndef STREAM_SIGHT_H
#define STREAM_SIGHT_H

#include "frame/frame.h"

enum {
	SIGHT_FRAME_MIN = 10,           /* bytes of the smallest frame, "M1 0 t s\n\n" */
	SIGHT_CONTINUATION_MIN = 6,     /* of the smallest continuation, "M1 0\n\n" */
};

enum look {
	LOOK_HEAD,
	LOOK_PART,              /* more must be read first */
	LOOK_BAD,
	LOOK_CUT,               /* the message is cut short here: FRAME_CUT, where the header line would be bad */
};

struct sight {
	struct frame frame;
	size_t head_len;        /* LOOK_HEAD: bytes of the header line */
	size_t bad;             /* LOOK_BAD, LOOK_CUT: offset of the bad byte in the line */
	bool rest;              /* LOOK_BAD: a continuation stands where a message must begin */
	uint64_t total;         /* LOOK_HEAD, and with rest: bytes of the frame */
	uint64_t need;          /* LOOK_PART: bytes that certainly still come */
};

/* sight_look -- look at the `have' bytes at line.  cont: a continuation, or the header of the next message. */
enum look sight_look(struct sight *s, const char *line, size_t have, bool cont);

/*
 * sight_whole -- whether n bytes at p have the whole of a message of one chunk, if its header is well formed: quicker than
 * sight_scan.
 */
bool sight_whole(const char *p, size_t n);

/* sight_rest -- whether the n bytes at p begin with a continuation, in place of a message. */
bool sight_rest(const char *p, size_t n);

/* sight_cuts -- how many of the n bytes at p are FRAME_CUT, up to the first that is not. */
size_t sight_cuts(const char *p, size_t n);

/*
 * sight_stroke -- how many bytes to read from a pipe whose next byte begins a header, so that a reader that dies leaves
 * it at a header: all of a frame of at most PIPE_BUF bytes.
 * ends: a pipe of the caller's for this, both ends -1 until the first call.
 * Returns 1 with *n; where the frame is longer, or this cannot be told, with *n as it was; 0: it is not all there yet.
 */
int sight_stroke(int fd, int ends[2], bool cont, uint64_t *n);

enum scan { SCAN_WHOLE, SCAN_PART, SCAN_PART_CHUNKED, SCAN_BAD };

/*
 * sight_scan -- step over whole frames in buf from *at, up to the end of a message.
 * cont: whether a continuation must stand at *at.
 * SCAN_WHOLE: *at has come to the end of a message; SCAN_PART...: *need more bytes must be read first.
 */
enum scan sight_scan(const char *buf, size_t end, size_t *at, bool *cont, uint64_t *need);

#endif
