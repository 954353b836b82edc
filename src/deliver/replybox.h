/* SPDX-License-Identifier: ISC */
/*
 * callbox: the private mailbox that a caller gets its answer in.
 *
 * It stands alone, by a random name, in a directory of its own, mcall.XXXXXX, which its owner keeps locked with
 * flock(2); one that nobody has locked was left by a caller that was killed, and is removed by the next caller of the
 * same user.
 */
#ifndef DELIVER_REPLYBOX_H
#define DELIVER_REPLYBOX_H

#include <limits.h>
#include <sys/stat.h>

#include "channel/select.h"

enum { REPLYBOX_SECRET = 32 };           /* hexadecimal digits: 128 random bits */

struct replybox {
	int dir_fd;                     /* the directory, locked; -1 */
	char dir[PATH_MAX];
	char path[PATH_MAX];            /* the mailbox, absolute */
	char secret[REPLYBOX_SECRET + 1];        /* what an answer must bear in its header call */
	int64_t server;                 /* the only user whose answer counts, besides ourselves and root; -1 anybody's */
	struct select sources;
	struct inlet source;
	char scratch[FRAME_HEADER_MAX];
};

/*
 * replybox_make -- make it, in $XDG_RUNTIME_DIR, $TMPDIR or /tmp, the first that will do; and remove what dead callers
 * left there.
 * called: the directory of the mailbox that is called.  Where its server may be another user, he may leave the answer
 * there, by a path that nobody else can find out but who may look into that mailbox, and that leads through directories
 * which all may search.  It is given to that mailbox's group, by which the server sees that the caller is in it.
 * Returns 0, or -1 with errno; b->dir says where.  replybox_remove comes after it, whatever it returned.
 */
int replybox_make(struct replybox *b, const struct stat *called);

/*
 * replybox_next -- wait for the answer as long as that; 0: not at all.
 * What does not bear the secret, or comes from who is no server of that mailbox, is dropped.
 * Returns 1 with the answer in m, which points into b (m->fd is the caller's to close); 0 it has not come, or somebody
 * holds the lock; or -1: EINTR, EIDRM, or errno.
 */
int replybox_next(struct replybox *b, uint64_t timeout_ns, struct message *m);

/* replybox_remove -- remove it with all that is in it. */
void replybox_remove(struct replybox *b);

#endif
