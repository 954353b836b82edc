/* SPDX-License-Identifier: ISC */
/*
 * replybox: the private mailbox that a caller gets its answer in.
 *
 * It stands in the mailbox that is called, so that a server sees it wherever it sees that, and is for the members of
 * that mailbox.  A caller who may only send there makes it elsewhere: with a random name, alone in a directory
 * mcall.XXXXXX, which the caller keeps locked with flock(2).  A directory that is not locked was left by a killed
 * caller; the next caller of the same user removes it.
 */
#ifndef DELIVER_REPLYBOX_H
#define DELIVER_REPLYBOX_H

#include <limits.h>
#include <sys/stat.h>

#include "channel/select.h"

enum { REPLYBOX_SECRET = 32 };          /* hexadecimal digits: 128 random bits */

struct replybox {
	struct sender *called;          /* the mailbox that it stands in; NULL elsewhere, */
	int dir_fd;                     /* in this directory, locked; -1 */
	char dir[PATH_MAX];
	char path[PATH_MAX];            /* the mailbox */
	char reply[PATH_MAX];           /* what a request says of it in its header reply (letterbox(5)) */
	char secret[REPLYBOX_SECRET + 1];       /* what an answer must bear in its header call */
	int64_t server;                 /* the user whose answer counts, besides ourselves and root; -1 any user's */
	struct select sources;
	struct inlet source;
	char scratch[FRAME_HEADER_MAX], place[FRAME_HEADER_MAX];
};

/*
 * replybox_make -- make it, for calls to the mailbox at path, which called has open; and remove what dead callers left.
 * Elsewhere is $TMPDIR or /tmp, the first that will do: the server may send to the reply box by a path that no other
 * user can learn, through directories that all may search.
 * b: zeros, dir_fd -1.  Returns 0, or -1 with errno.  replybox_remove comes after it, whatever it returned.
 */
int replybox_make(struct replybox *b, struct sender *called, const char *path);

/*
 * replybox_next -- wait for the answer for timeout_ns; 0: not at all.
 * What does not bear the secret, or comes from a user who is no server of that mailbox, is dropped.
 * Returns 1 with the answer in m, which points into b (m->fd is the caller's to close); 0 it has not come, or the lock
 * is held by another process; or -1: EINTR, EIDRM, or errno.
 */
int replybox_next(struct replybox *b, uint64_t timeout_ns, struct message *m);

/* replybox_remove -- remove it with all that is in it. */
void replybox_remove(struct replybox *b);

#endif
