/* SPDX-License-Identifier: ISC */
/* queue: see queue.h. */
#include "mailbox/drop/queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/safefile.h"
#include "mailbox/box/txn.h"

enum {
	REFUSALS = 1024,                /* files that are no drops, removed at a time */
	OLD_S = 60,                     /* a drop begun so long ago that is not locked was given up */
	WRITABLE = 022,                 /* permission bits with which others than its owner could have filled it */
};

void
queue_forget(struct queue *q)
{
	while (q->users_n > 0)
		free(q->users[--q->users_n].list);
	q->turn = 0;
}

void
queue_refuse(struct queue *q, const char *name)
{
	if (q->refused < REFUSALS && (unlinkat(q->m->drop_fd, name, 0) == 0
	    || unlinkat(q->m->drop_fd, name, AT_REMOVEDIR) == 0))
		q->refused++;
}

/* remove_begun -- remove a drop that was begun, where its writer has died. */
static void
remove_begun(struct queue *q, const char *name)
{
	int drop_fd = q->m->drop_fd, fd;
	struct stat st;

	if (fstatat(drop_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1
	    || (uint64_t)st.st_ctime + OLD_S > clock_wall_us() / 1000000)
		return;
	fd = S_ISREG(st.st_mode) ? safefile_open_plain(drop_fd, name, O_RDONLY) : -1;
	if (fd == -1 || flock(fd, LOCK_SH | LOCK_NB) == 0)
		queue_refuse(q, name);
	io_close(fd);
}

/* order -- a user's place in the order of turns of this listing. */
static uint32_t
order(const struct queue *q, uid_t uid)
{
	return (uid ^ q->salt) * UINT32_C(0x9e3779b1);
}

/* user_of -- a user's entry; where none is free, that of one whose turn comes later.  NULL: not in this listing. */
static struct user *
user_of(struct queue *q, uid_t uid)
{
	struct user *u, *latest = NULL;

	for (u = q->users; u < q->users + q->users_n; u++) {
		if (u->uid == uid)
			return u;
		if (latest == NULL || order(q, u->uid) > order(q, latest->uid))
			latest = u;
	}
	if (q->users_n < QUEUE_USERS) {
		u->list = malloc(QUEUE_EACH * sizeof *u->list);
		if (u->list == NULL)
			return NULL;
		q->users_n++;
	} else if (order(q, uid) < order(q, latest->uid)) {
		u = latest;
	} else {
		return NULL;
	}
	u->uid = uid;
	u->n = u->at = 0;
	return u;
}

/* before -- by the times in the names: a sender that sets them wrong disorders its own messages. */
static bool
before(const struct drop *a, const struct drop *b)
{
	int times = memcmp(a->id + DROPDIR_RANDOM, b->id + DROPDIR_RANDOM, DROPDIR_ID - DROPDIR_RANDOM);

	return times != 0 ? times < 0 : memcmp(a->id, b->id, DROPDIR_RANDOM) < 0;
}

/* to_come -- whether a drop is dated in the future: its name is wrong. */
static bool
to_come(const struct drop *d)
{
	uint64_t us = 0;

	for (int i = DROPDIR_RANDOM; i < DROPDIR_ID; i++)
		us = us << 8 | d->id[i];
	return us > clock_wall_us();
}

/* keep -- remember a drop, unless there are enough older ones. */
static void
keep(struct user *u, const struct drop *d)
{
	uint32_t i;

	if (u->n == QUEUE_EACH && !before(d, &u->list[QUEUE_EACH - 1]))
		return;
	if (u->n < QUEUE_EACH)
		u->n++;
	for (i = u->n - 1; i > 0 && before(d, &u->list[i - 1]); i--)
		u->list[i] = u->list[i - 1];
	u->list[i] = *d;
}

bool
queue_may_be(const struct stat *st, uid_t owner)
{
	/* in a copy of a mailbox all may be the owner's, and private */
	return S_ISREG(st->st_mode) && st->st_nlink == 1 && !(st->st_mode & WRITABLE)
	    && ((st->st_mode & 0004) || st->st_uid == owner);
}

/* unjudged -- a drop's sender has no number here: it stays, for a receiver that can tell whose it is. */
static void
unjudged(struct mbox *m)
{
	if (!m->unjudged && m->tell_unjudged != NULL)
		m->tell_unjudged(m->name);
	m->unjudged = true;
}

/* see -- one entry of drop/: the first pass raises newest, the second goes up to that.  Returns 0, or -1. */
static int
see(struct queue *q, const char *name, struct drop *newest, bool first)
{
	struct drop d;
	struct stat st;
	struct user *u;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "bell") == 0)
		return 0;
	if (dropdir_begun(name)) {
		remove_begun(q, name);
		return 0;
	}
	if (!dropdir_parse(name, d.id)) {
		queue_refuse(q, name);
		return 0;
	}
	if (first) {
		q->seen++;
		/* dated in the future, it would have the second pass take all, and others' in disorder */
		if (!to_come(&d) && before(newest, &d))
			*newest = d;
		return 0;
	}
	if (before(newest, &d) && !to_come(&d))
		return 0;
	if (fstatat(q->m->drop_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	d.uid = st.st_uid;
	d.ino = st.st_ino;
	if (!queue_may_be(&st, q->m->uid))
		queue_refuse(q, name);
	else if (d.uid == q->unknown)
		unjudged(q->m);
	else if ((u = user_of(q, d.uid)) != NULL)
		keep(u, &d);
	return 0;
}

void
queue_count_refused(struct queue *q, uint64_t deadline_ns)
{
	struct mbox *m = q->m;

	if (q->refused == 0 || txn_lock(m, deadline_ns) == -1)
		return;
	m->ctl.refused += q->refused;
	if (txn_commit(m) == 0)
		q->refused = 0;
	txn_unlock(m);
}

/* list -- one pass through drop/. */
static int
list(struct queue *q, struct drop *newest, bool first)
{
	DIR *d = safefile_list_open(q->m->drop_fd);
	const struct dirent *e;
	int r = 0;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL)
		r = see(q, e->d_name, newest, first);
	safefile_list_close(d);
	return r == 0 ? 0 : -1;
}

/*
 * queue_list makes two passes: a file that appears during one may be seen, and an older one not.  What the first has
 * seen was there before the second began, and so was all that is older.
 */
int
queue_list(struct queue *q)
{
	struct drop newest = { 0 };

	queue_forget(q);
	q->seen = 0;
	if (getrandom(&q->salt, sizeof q->salt, 0) == -1 || list(q, &newest, true) == -1)
		return -1;
	if (q->seen > 0 && list(q, &newest, false) == -1) {
		queue_forget(q);
		return -1;
	}
	for (uint32_t i = 1; i < q->users_n; i++)
		if (order(q, q->users[i].uid) < order(q, q->users[q->turn].uid))
			q->turn = i;
	return 0;
}

int
queue_next(struct queue *q, struct drop *d)
{
	struct user *u;

	for (uint32_t i = 0; i < q->users_n; i++) {
		u = &q->users[(q->turn + i) % q->users_n];
		if (u->at < u->n) {
			q->turn = (uint32_t)(u - q->users) + 1;
			*d = u->list[u->at++];
			return 1;
		}
	}
	return 0;
}

void
queue_skip(struct queue *q, uid_t uid)
{
	for (struct user *u = q->users; u < q->users + q->users_n; u++)
		if (u->uid == uid)
			u->at = u->n;
}
