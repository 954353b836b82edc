/* SPDX-License-Identifier: ISC */
/*
 * lineup: who has left what in drop/, and whose turn it is.
 *
 * The whole of drop/ is listed, and for each user the oldest few are kept in mind; they come one by one, a user after
 * the other, in an order that is another one for each listing.  So who leaves very many delays the others by the
 * listing, and by one message in each round.  One user's come in the order in which they were left.
 * What is no drop is removed on the way.  A crash leaves the rest of it for the next listing.
 */
#ifndef MAILBOX_DROP_QUEUE_H
#define MAILBOX_DROP_QUEUE_H

#include <sys/stat.h>

#include "mailbox/box/mbox.h"

enum {
	QUEUE_USERS = 64,              /* users that are kept in mind, */
	QUEUE_EACH = 256,              /* and drops of each */
};

/* A drop that was seen. */
struct left {
	unsigned char id[DROPDIR_ID];
	ino_t ino;
};

/* One user's, oldest first. */
struct user {
	uid_t uid;
	uint32_t n, at;                 /* list[at..n) have not come yet */
	struct left *list;              /* QUEUE_EACH of them */
};

struct queue {
	struct mbox *m;
	struct user users[QUEUE_USERS];
	uint32_t users_n, turn;
	uint32_t salt;                  /* random, for each listing: the order of the users */
	uint64_t seen;                  /* drops at the last listing */
	uint32_t refused;               /* what was no drop, not yet in ctl */
	int64_t unknown;                /* whose stays: users_unknown */
};

/* queue_list -- list drop/ anew.  Returns 0, or -1. */
int queue_list(struct queue *line);

/* queue_next -- whose turn it is, and with what.  Returns 1, or 0: nobody has any more. */
int queue_next(struct queue *line, uid_t *uid, struct left *l);

/* queue_skip -- this user has no more, this time: what he left first cannot be had now. */
void queue_skip(struct queue *line, uid_t uid);

/*
 * queue_may_be -- whether a file can be a drop: a plain one, with no other name, that others could not have filled in,
 * and that the owner may read.
 */
bool queue_may_be(const struct stat *st, uid_t owner);

/* queue_refuse -- remove what is no drop.  A directory that is not empty can be removed by nobody but its maker. */
void queue_refuse(struct queue *line, const char *name);

/* queue_count_refused -- add to ctl how many were no drops, where there were some. */
void queue_count_refused(struct queue *line, uint64_t deadline_ns);

/* queue_forget -- forget all that was listed. */
void queue_forget(struct queue *line);

#endif
