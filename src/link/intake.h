/* SPDX-License-Identifier: ISC */
/*
 * intake: frames from a descriptor, without waiting for it: each message whole in memory.
 *
 * For a loop around poll(2): once the descriptor is readable, call intake_next until it has none.
 */
#ifndef LINK_INTAKE_H
#define LINK_INTAKE_H

#include "stream/reader.h"

struct intake {
	struct reader reader;
	struct message message;         /* the one whose payload is being gathered */
	bool gathering, over;           /* over: it has more than limit bytes: the rest is read and dropped */
	bool ended;                     /* nothing comes any more */
	uint64_t limit;                 /* bytes of a payload that are taken at most */
	char *buf;                      /* its payload so far */
	size_t used, room;
};

/* intake_init -- read frames from fd.  limit: bytes of payload; of a larger one only the length is of interest. */
void intake_init(struct intake *in, int fd, uint64_t limit);

/*
 * intake_next -- the next message, if all of it is there by now.
 * Its payload is m->data, m->len bytes; m->data is NULL where it has more than the limit.  Both are valid until the
 * next call.
 * Returns 1; 0 not yet, or, with in->ended, never any more; or -1: EBADMSG for a frame that is malformed or cut short
 * (in->reader.reason), ENOMEM, or errno of read(2).
 */
int intake_next(struct intake *in, struct message *m);

#endif
