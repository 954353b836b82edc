/* SPDX-License-Identifier: ISC */
/*
 * reply: the answer to a request, sent to the mailbox that the request names.
 *
 * An answer bears the id of its request (re), the secret of the call (call), the status of the command (status), and
 * the request's tag.
 */
#ifndef DELIVER_REPLY_H
#define DELIVER_REPLY_H

#include "channel/select.h"
#include "channel/sink.h"

/* What an answer needs of its request, which itself has left the memory by then. */
struct reply {
	uint64_t id;
	int64_t uid;                    /* the requester, as the kernel told it; -1 unknown: a member of box ... */
	const struct receiver *box;     /* ... or, where box is NULL, our own user */
	const char *place;              /* the path of box, where that is ours to take for ./NAME; else NULL */
	size_t path_len, call_len, tag_len;
	char text[FRAME_HEADER_MAX + 1];        /* path and its NUL, call as it stands in the header, tag */
};

/*
 * reply_note -- take from a request what its answer needs.
 * box: the mailbox that it came from, which stays open; NULL where it came from a stream.
 * place: its path, which stays too.
 * Returns whether it asks for an answer.
 */
bool reply_note(struct reply *r, const struct message *request, const struct receiver *box, const char *place);

/*
 * reply_send -- send what stands in the file fd as the answer.
 * source: the answer's.  timeout_ns: how long it may wait for room.
 * Returns 1 sent, 0 the mailbox has been removed, by its caller, or -1: EPERM it is not the requester's mailbox, or one
 * that this process has open; ENOENT neither it nor the directory that it stood in is to be seen; EAGAIN and ETIMEDOUT
 * no room; or errno.
 */
int reply_send(const struct reply *r, int fd, int status, const char *source, uint64_t timeout_ns);

#endif
