/* SPDX-License-Identifier: ISC */
/*
 * queue: which drops are in drop/, and which is taken in next.
 *
 * The whole of drop/ is listed, and of each user the oldest few are remembered; they come one by one, a user after the
 * other, in an order that differs from listing to listing.  So a user with very many drops delays the others by the
 * listing, and by one message in each round.  One user's come in the order in which they were put there.
 * What is no drop is removed on the way.  A crash leaves the rest of it for the next listing.
 */
#ifndef MAILBOX_DROP_QUEUE_H
#define MAILBOX_DROP_QUEUE_H

#include <sys/stat.h>

#include "mailbox/box/mbox.h"
#include "mailbox/disk/dropdir.h"

enum {
	QUEUE_USERS = 64,               /* users that are remembered, */
	QUEUE_EACH = 256,               /* and drops of each */
};

/* A drop that was seen. */
struct drop {
	unsigned char id[DROPDIR_ID];
	uid_t uid;                      /* whose it is */
	ino_t ino;
};

/* One user's, oldest first. */
struct user {
	uid_t uid;
	uint32_t n, at;                 /* list[at..n) have not come yet */
	struct drop *list;              /* QUEUE_EACH of them */
};

struct queue {
	struct mbox *m;
	struct user users[QUEUE_USERS];
	uint32_t users_n, turn;
	uint32_t salt;                  /* random, for each listing: the order of the users */
	uint64_t seen;                  /* drops at the last listing */
	uint32_t refused;               /* what was no drop, not yet in ctl */
	int64_t unknown;                /* users_unknown: such a user's drops stay */
};

/* queue_list -- list drop/ anew.  Returns 0, or -1. */
int queue_list(struct queue *q);

/* queue_next -- the next drop.  Returns 1, or 0: there is none any more. */
int queue_next(struct queue *q, struct drop *d);

/* queue_skip -- pass over the user's other drops, until the next listing: the first can not be had now. */
void queue_skip(struct queue *q, uid_t uid);

/*
 * queue_may_be -- whether a file can be a drop: a plain one, with no other name, that only its owner could have filled,
 * and that the mailbox's owner may read.
 */
bool queue_may_be(const struct stat *st, uid_t owner);

/* queue_refuse -- remove what is no drop.  A directory that is not empty only its maker can remove: it stays. */
void queue_refuse(struct queue *q, const char *name);

/* queue_count_refused -- add to ctl how many were no drops, where there were some. */
void queue_count_refused(struct queue *q, uint64_t deadline_ns);

/* queue_forget -- forget all that was listed. */
void queue_forget(struct queue *q);

#endif
