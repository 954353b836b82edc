/* SPDX-License-Identifier: ISC */
/*
 * reply: the answer to a request, sent to the mailbox that the request names.
 *
 * An answer bears the number of its request (re), the secret of the call (call), the status of the command (status),
 * and the request's tag.
 */
#ifndef DELIVER_REPLY_H
#define DELIVER_REPLY_H

#include "channel/select.h"
#include "channel/sink.h"

/* What of a request its answer needs, after the request itself has left the memory. */
struct reply {
	uint64_t id;
	int64_t uid;                    /* the requester, where the kernel told it; else -1 */
	const struct receiver *box;     /* else it is a member of this mailbox; NULL: all that is known is who we are */
	size_t path_len, call_len, tag_len;
	char text[FRAME_HEADER_MAX + 1];        /* path and its NUL, call as it stands in the header, tag */
};

/*
 * reply_note -- take from a request what its answer needs.
 * box: the mailbox that it came from, which stays open; NULL where it came otherwise.
 * Returns 1, or 0: it asks for no answer.
 */
int reply_note(struct reply *r, const struct message *request, const struct receiver *box);

/* reply_path -- where the answer goes. */
const char *reply_path(const struct reply *r);

/*
 * reply_send -- send what stands in the file fd as the answer.
 * source: whose it is.  timeout_ns: how long it may wait for room.
 * Returns 1 sent, 0 the mailbox is gone, and with it who asked, or -1: EPERM it is not the requester's mailbox, or one that this process has open, EAGAIN
 * and ETIMEDOUT no room, or errno.
 */
int reply_send(const struct reply *r, int fd, int status, const char *source, uint64_t timeout_ns);

#endif
