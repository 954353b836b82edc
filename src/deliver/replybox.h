/* SPDX-License-Identifier: ISC */
/*
 * replybox: the private mailbox that a caller gets its answer in.
 *
 * It has a random name, alone in a directory mcall.XXXXXX, which the caller keeps locked with flock(2).  A directory
 * that is not locked was left by a killed caller; the next caller of the same user removes it.
 */
#ifndef DELIVER_REPLYBOX_H
#define DELIVER_REPLYBOX_H

#include <limits.h>
#include <sys/stat.h>

#include "channel/select.h"

enum { REPLYBOX_SECRET = 32 };          /* hexadecimal digits: 128 random bits */

struct replybox {
	int dir_fd;                     /* the directory, locked; -1 */
	char dir[PATH_MAX];
	char path[PATH_MAX];            /* the mailbox, absolute */
	char secret[REPLYBOX_SECRET + 1];       /* what an answer must bear in its header call */
	int64_t server;                 /* the user whose answer counts, besides ourselves and root; -1 any user's */
	struct select sources;
	struct inlet source;
	char scratch[FRAME_HEADER_MAX];
};

/*
 * replybox_make -- make it, in $XDG_RUNTIME_DIR, $TMPDIR or /tmp, the first that will do; and remove what dead callers
 * left there.
 * called: the directory of the mailbox that is called.  Where its server may be another user, that user may send to the
 * reply box: by a path that only users who may look into the mailbox called can learn, through directories that all may
 * search.  The reply box is given to that mailbox's group, which shows the server that the caller is in it.
 * Returns 0, or -1 with errno; b->dir says where.  replybox_remove comes after it, whatever it returned.
 */
int replybox_make(struct replybox *b, const struct stat *called);

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
