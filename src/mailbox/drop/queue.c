/* SPDX-License-Identifier: ISC */
/* lineup: see queue.h. */
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
#include "mailbox/disk/dropdir.h"

enum {
	REFUSALS = 1024,                /* what is no drop is removed, so many at a time */
	OLD_S = 60,                     /* a drop that was begun, and is not locked so long after, was given up */
	WRITABLE = 022,                 /* permission bits with which others than its owner could have filled it in */
};

void
queue_forget(struct queue *line)
{
	while (line->users_n > 0)
		free(line->users[--line->users_n].list);
	line->turn = 0;
}

void
queue_refuse(struct queue *line, const char *name)
{
	if (line->refused < REFUSALS && (unlinkat(line->m->drop_fd, name, 0) == 0
	    || unlinkat(line->m->drop_fd, name, AT_REMOVEDIR) == 0))
		line->refused++;
}

/* remove_begun -- remove a drop that was begun, where its writer has died. */
static void
remove_begun(struct queue *line, const char *name)
{
	int drop_fd = line->m->drop_fd, fd;
	struct stat st;

	if (fstatat(drop_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1
	    || (uint64_t)st.st_ctime + OLD_S > clock_wall_us() / 1000000)
		return;
	fd = S_ISREG(st.st_mode) ? safefile_open_plain(drop_fd, name, O_RDONLY) : -1;
	if (fd == -1 || flock(fd, LOCK_SH | LOCK_NB) == 0)
		queue_refuse(line, name);
	io_close(fd);
}

/* order -- a user's place in the order of turns, another one for each listing. */
static uint32_t
order(const struct queue *line, uid_t uid)
{
	return (uid ^ line->salt) * UINT32_C(0x9e3779b1);
}

/* user_of -- the place of a user; where there is none left, that of one whose turn comes later.  NULL: not this time. */
static struct user *
user_of(struct queue *line, uid_t uid)
{
	struct user *u, *latest = NULL;

	for (u = line->users; u < line->users + line->users_n; u++) {
		if (u->uid == uid)
			return u;
		if (latest == NULL || order(line, u->uid) > order(line, latest->uid))
			latest = u;
	}
	if (line->users_n < QUEUE_USERS) {
		u->list = malloc(QUEUE_EACH * sizeof *u->list);
		if (u->list == NULL)
			return NULL;
		line->users_n++;
	} else if (order(line, uid) < order(line, latest->uid)) {
		u = latest;
	} else {
		return NULL;
	}
	u->uid = uid;
	u->n = u->at = 0;
	return u;
}

/* before -- by the times in the names: who lies about his puts his own messages in disorder. */
static bool
before(const struct left *a, const struct left *b)
{
	int times = memcmp(a->id + DROPDIR_RANDOM, b->id + DROPDIR_RANDOM, DROPDIR_ID - DROPDIR_RANDOM);

	return times != 0 ? times < 0 : memcmp(a->id, b->id, DROPDIR_RANDOM) < 0;
}

/* to_come -- whether a drop is dated later than now: nobody can have left it so who does not lie. */
static bool
to_come(const struct left *l)
{
	uint64_t us = 0;

	for (int i = DROPDIR_RANDOM; i < DROPDIR_ID; i++)
		us = us << 8 | l->id[i];
	return us > clock_wall_us();
}

/* keep -- keep a drop in mind, unless there are enough older ones. */
static void
keep(struct user *u, const struct left *l)
{
	uint32_t i;

	if (u->n == QUEUE_EACH && !before(l, &u->list[QUEUE_EACH - 1]))
		return;
	if (u->n < QUEUE_EACH)
		u->n++;
	for (i = u->n - 1; i > 0 && before(l, &u->list[i - 1]); i--)
		u->list[i] = u->list[i - 1];
	u->list[i] = *l;
}

bool
queue_may_be(const struct stat *st, uid_t owner)
{
	/* of a copy all may be the owner's, and for nobody else */
	return S_ISREG(st->st_mode) && st->st_nlink == 1 && !(st->st_mode & WRITABLE)
	    && ((st->st_mode & 0004) || st->st_uid == owner);
}

/* unjudged -- whose a drop is cannot be told here: it stays, for who can tell. */
static void
unjudged(struct mbox *m)
{
	if (!m->unjudged && m->tell_unjudged != NULL)
		m->tell_unjudged(m->name);
	m->unjudged = true;
}

/* see -- one entry of drop/: at the first listing, for newest; at the second, up to that.  Returns 0, or -1. */
static int
see(struct queue *line, const char *name, struct left *newest, bool first)
{
	struct left l;
	struct stat st;
	struct user *u;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "bell") == 0)
		return 0;
	if (dropdir_begun(name)) {
		remove_begun(line, name);
		return 0;
	}
	if (!dropdir_parse(name, l.id)) {
		queue_refuse(line, name);
		return 0;
	}
	if (first) {
		line->seen++;
		/* else who dates his late would have the second listing take all, and others' in disorder */
		if (!to_come(&l) && before(newest, &l))
			*newest = l;
		return 0;
	}
	if (before(newest, &l) && !to_come(&l))
		return 0;
	if (fstatat(line->m->drop_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!queue_may_be(&st, line->m->uid)) {
		queue_refuse(line, name);
		return 0;
	}
	if (st.st_uid == line->unknown) {
		unjudged(line->m);
		return 0;
	}
	l.ino = st.st_ino;
	u = user_of(line, st.st_uid);
	if (u != NULL)
		keep(u, &l);
	return 0;
}

void
queue_count_refused(struct queue *line, uint64_t deadline_ns)
{
	struct mbox *m = line->m;

	if (line->refused == 0 || txn_lock(m, deadline_ns) == -1)
		return;
	m->ctl.refused += line->refused;
	if (txn_commit(m) == 0)
		line->refused = 0;
	txn_unlock(m);
}

/* list -- go through drop/ once. */
static int
list(struct queue *line, struct left *newest, bool first)
{
	DIR *d = safefile_list_open(line->m->drop_fd);
	const struct dirent *e;
	int r = 0;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL)
		r = see(line, e->d_name, newest, first);
	safefile_list_close(d);
	return r == 0 ? 0 : -1;
}

/*
 * queue_list lists twice: a file that appears while it is listed may be seen, and one that stood before it not.  What
 * the first listing has seen stood before the second began, and so did whatever came before that.
 */
int
queue_list(struct queue *line)
{
	struct left newest = { 0 };

	queue_forget(line);
	line->seen = 0;
	if (getrandom(&line->salt, sizeof line->salt, 0) == -1 || list(line, &newest, true) == -1)
		return -1;
	if (line->seen > 0 && list(line, &newest, false) == -1) {
		queue_forget(line);
		return -1;
	}
	for (uint32_t i = 1; i < line->users_n; i++)
		if (order(line, line->users[i].uid) < order(line, line->users[line->turn].uid))
			line->turn = i;
	return 0;
}

int
queue_next(struct queue *line, uid_t *uid, struct left *l)
{
	struct user *u;

	for (uint32_t i = 0; i < line->users_n; i++) {
		u = &line->users[(line->turn + i) % line->users_n];
		if (u->at < u->n) {
			line->turn = (uint32_t)(u - line->users) + 1;
			*uid = u->uid;
			*l = u->list[u->at++];
			return 1;
		}
	}
	return 0;
}

void
queue_skip(struct queue *line, uid_t uid)
{
	for (struct user *u = line->users; u < line->users + line->users_n; u++)
		if (u->uid == uid)
			u->at = u->n;
}
