/* SPDX-License-Identifier: ISC */
/* intake: see take.h. */
#include "mailbox/drop/take.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/safefile.h"
#include "base/users.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/disk/dropdir.h"
#include "mailbox/drop/address.h"
#include "mailbox/drop/queue.h"
#include "mailbox/send/spool.h"
#include "mailbox/wait/listen.h"
#include "mailbox/wait/wait.h"
#include "stream/reader.h"

enum {
	FEW = 64,                       /* so many messages may wait before drops come in one from each user a turn, */
	ROUND = 8,                      /* from so many users */
	PIECE = 64 * 1024,
};

struct take {
	struct mbox *m;
	struct queue line;
	unsigned char gone[DROPDIR_ID];    /* a drop that was taken in, and whose file is gone */
	struct address address;
	char extra[FRAME_HEADER_MAX], piece[PIECE];
	struct reader reader;
	struct batch batch;
	struct append post;
};

/* What becomes of one drop. */
enum outcome { TAKEN, PASSED, WAITS, NO_ROOM, FAILED };

struct take *
take_new(struct mbox *m)
{
	struct take *in = malloc(sizeof *in);

	if (in == NULL)
		return NULL;
	in->m = m;
	in->line.m = m;
	in->line.users_n = in->line.turn = in->line.salt = 0;
	in->line.seen = in->line.refused = 0;
	in->address.len = 0;
	memset(in->gone, 0, sizeof in->gone);
	batch_clear(&in->batch);
	append_init(&in->post, m);
	return in;
}

void
take_free(struct take *in)
{
	if (in != NULL)
		queue_forget(&in->line);
	free(in);
}

/* ---- one drop ---- */

/* not_now -- whether an error is of the kind that stops senders and never receivers. */
static bool
not_now(void)
{
	return errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
}

static enum outcome
failed(void)
{
	return not_now() ? NO_ROOM : FAILED;
}

/* no_drop -- what was read is none: EBADMSG and the like; or it could not be read. */
static enum outcome
no_drop(struct take *in, const char *name)
{
	if (errno != EBADMSG && errno != EMSGSIZE)
		return errno == ENOENT ? PASSED : failed();
	queue_refuse(&in->line, name);
	return PASSED;
}

/* read_head -- read the frame's header, which must be meant for us.  The batch gets its head.  Returns 0, or -1. */
static int
read_head(struct take *in, int fd, uid_t uid, struct message *m)
{
	struct message head;
	int r;

	reader_init(&in->reader, fd, READER_ALL);
	r = reader_next(&in->reader, m);
	if (r == -1)
		return -1;
	if (r == 1 && (r = address_is(&in->address, in->m, m->to)) == -1) {
		errno = ENOENT;         /* what cannot be judged stays */
		return -1;
	}
	if (r == 0) {
		errno = EBADMSG;
		return -1;
	}
	head = *m;
	r = snprintf(in->extra, sizeof in->extra, "uid=%lu%s%.*s", (unsigned long)uid, m->extra.len > 0 ? " " : "",
	    (int)m->extra.len, m->extra.len > 0 ? m->extra.p : "");
	if (r >= (int)sizeof in->extra) {
		errno = EMSGSIZE;
		return -1;
	}
	head.extra = (struct slice){ in->extra, (size_t)r };
	batch_clear(&in->batch);
	return batch_head(&in->batch, &head) == 1 ? 0 : -1;
}

/* at_end -- the drop must have nothing behind its frame. */
static int
at_end(struct take *in)
{
	struct message more;
	int r = reader_next(&in->reader, &more);

	if (r == 1)
		errno = EBADMSG;
	return r == 0 ? 0 : -1;
}

/* gone_before -- with the lock held: the file of the drop that was taken in before is gone.  Returns 0, or -1. */
static int
gone_before(struct take *in)
{
	static const unsigned char none[DROPDIR_ID];
	const unsigned char *taken = in->m->ctl.taken;
	char name[DROPDIR_NAME_BYTES];

	if (memcmp(in->gone, taken, DROPDIR_ID) == 0 || memcmp(taken, none, DROPDIR_ID) == 0)
		return 0;
	dropdir_name(name, taken, false);
	if (unlinkat(in->m->drop_fd, name, 0) == -1 && errno != ENOENT)
		return -1;
	memcpy(in->gone, taken, DROPDIR_ID);
	return 0;
}

/* append -- with the lock held, but between pieces: what is in the batch becomes a message, and the file goes. */
static enum outcome
append(struct take *in, const struct left *l, const char *name, bool big, uint64_t deadline_ns)
{
	struct mbox *m = in->m;
	struct expiring e = { .from = 0 };
	struct stat st;
	int r;

	do {
		if (gone_before(in) == -1)
			return FAILED;
		if (fstatat(m->drop_fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			return errno == ENOENT ? PASSED : FAILED;
		if (st.st_ino != l->ino)
			return PASSED;  /* another receiver has taken it in, or its sender has taken it back */
		r = append_drop(&in->post, &in->batch, l->id, big, &e);
	} while (r == POST_PIECE && (r = piece_end(m, deadline_ns)) == 0);
	if (r == -1)
		return failed();
	if (r == 0)
		return m->txn.changing && txn_commit(m) == -1 ? failed() : NO_ROOM;
	/* should this fail, ctl says that it is taken */
	if (unlinkat(m->drop_fd, name, 0) == 0)
		memcpy(in->gone, l->id, DROPDIR_ID);
	return TAKEN;
}

/* take_small -- take in a drop that the reader has in memory. */
static enum outcome
take_small(struct take *in, const struct left *l, const char *name, const struct message *msg, uint64_t deadline_ns)
{
	enum outcome out;

	batch_put(&in->batch, msg->data, msg->len);
	if (at_end(in) == -1)
		return no_drop(in, name);
	if (txn_lock(in->m, deadline_ns) == -1)
		return FAILED;
	out = append(in, l, name, false, deadline_ns);
	txn_unlock(in->m);
	return out;
}

/* begin_spool -- open a spool, which our want will stand for.  What we have been woken for is handed on. */
static int
begin_spool(struct mbox *m, uint64_t deadline_ns)
{
	int r;

	if (m->waiter.posted) {
		if (txn_lock(m, deadline_ns) == -1)
			return -1;
		r = wait_awake(m);
		if (r == 0 && m->txn.changing)
			r = txn_commit(m);
		txn_unlock(m);
		if (r == -1)
			return -1;
	}
	return spool_open(m, deadline_ns);
}

/* fill -- copy the payload to the spool.  Returns 0, or -1; len, sum: get its length and its checksum. */
static int
fill(struct take *in, int spool, struct message *msg, uint64_t *len, struct hash *sum)
{
	ssize_t n;

	*len = 0;
	hash_begin(sum);
	while ((n = message_read(msg, in->piece, sizeof in->piece)) > 0) {
		if (io_pwrite(spool, in->piece, (size_t)n, *len) == -1)
			return -1;
		hash_add(sum, in->piece, (size_t)n);
		*len += (uint64_t)n;
	}
	return n == -1 ? -1 : at_end(in);
}

/* take_big -- take in a drop of which the reader has the header, and fd the rest. */
static enum outcome
take_big(struct take *in, const struct left *l, const char *name, int fd, struct message *msg, uint64_t deadline_ns)
{
	struct mbox *m = in->m;
	enum outcome out = FAILED;
	struct hash sum;
	uint64_t len;
	int spool, err;

	/* another receiver copies it, or its sender has locked it */
	if (flock(fd, LOCK_EX | LOCK_NB) == -1)
		return errno == EWOULDBLOCK ? WAITS : failed();
	spool = begin_spool(m, deadline_ns);
	if (spool == -1)
		return failed();
	if (fill(in, spool, msg, &len, &sum) == -1) {
		spool_drop(m, spool);
		return no_drop(in, name);
	}
	batch_put_big(&in->batch, len, hash_end(&sum));
	if (txn_lock(m, deadline_ns) == 0) {
		out = append(in, l, name, true, deadline_ns);
		/* the message is in: should this fail, what is left of the want goes with its owner */
		if (out == TAKEN && wait_down(m) == 0 && m->txn.changing)
			txn_commit(m);
	}
	err = errno;
	txn_unlock(m);
	if (out == TAKEN)
		close(spool);
	else
		spool_drop(m, spool);
	errno = err;
	return out;
}

/* is_sparse -- whether a file has holes: its sender would have us write what he did not.  1, 0, or -1. */
static int
is_sparse(int fd, const struct stat *st)
{
	off_t hole = lseek(fd, 0, SEEK_HOLE);

	/* where holes are not known there are none */
	if (hole == -1 && errno != EINVAL)
		return -1;
	return lseek(fd, 0, SEEK_SET) == -1 ? -1 : hole != -1 && hole < st->st_size;
}

/* take_open -- take in the drop that fd is. */
static enum outcome
take_open(struct take *in, const struct left *l, const char *name, uid_t uid, int fd, uint64_t deadline_ns)
{
	struct message msg;
	struct stat st;
	bool big;
	int sparse;

	if (fstat(fd, &st) == -1)
		return failed();
	if (st.st_ino != l->ino || st.st_uid != uid)
		return PASSED;
	big = st.st_size > MAILBOX_INLINE;
	/* what has no room now is not copied for nothing */
	if (big && !mbox_fits(&in->m->ctl, (uint64_t)st.st_size) && in->m->ctl.policy == MAILBOX_BLOCK)
		return NO_ROOM;
	sparse = big ? is_sparse(fd, &st) : 0;
	if (sparse == -1)
		return failed();
	if (!queue_may_be(&st, in->m->uid) || sparse)
		errno = EBADMSG;
	else if (read_head(in, fd, uid, &msg) == 0)
		return msg.data != NULL && msg.len <= MAILBOX_INLINE ? take_small(in, l, name, &msg, deadline_ns)
		    : take_big(in, l, name, fd, &msg, deadline_ns);
	return no_drop(in, name);
}

/*
 * is_taken -- whether a drop is a message already, for who took it in was killed before he could remove its file; then
 * its file goes.  Returns 1, 0, or -1.
 */
static int
is_taken(struct take *in, const struct left *l, uint64_t deadline_ns)
{
	const unsigned char *taken = in->m->ctl.taken;
	int r;

	if (memcmp(l->id, taken, sizeof l->id) != 0)
		return 0;
	/* what we remember may be a change of our own that has failed */
	if (txn_lock(in->m, deadline_ns) == -1)
		return -1;
	r = memcmp(l->id, taken, sizeof l->id) != 0 ? 0 : gone_before(in) == -1 ? -1 : 1;
	txn_unlock(in->m);
	return r;
}

static enum outcome
take(struct take *in, const struct left *l, uid_t uid, uint64_t deadline_ns)
{
	char name[DROPDIR_NAME_BYTES];
	enum outcome out;
	int fd;

	switch (is_taken(in, l, deadline_ns)) {
	case 1:
		return PASSED;
	case -1:
		return failed();
	}
	dropdir_name(name, l->id, false);
	fd = safefile_open_own(in->m->drop_fd, name, O_RDONLY);
	if (fd == -1)
		return no_drop(in, name);
	out = take_open(in, l, name, uid, fd, deadline_ns);
	io_close(fd);
	return out;
}

/* ---- turns ---- */

/*
 * take_some -- let drops come in: few where many messages wait.
 * Returns how many, 0 where there is none or no room for it, or -1.
 */
static int
take_some(struct take *in, uint64_t deadline_ns)
{
	struct queue *line = &in->line;
	struct left l;
	uid_t uid;
	int taken = 0, most, more = queue_next(line, &uid, &l);

	if (!more) {
		if (queue_list(line) == -1)
			return not_now() ? 0 : -1;
		if (line->seen == 0 && address_renew(&in->address, in->m, deadline_ns) == -1)
			return not_now() ? 0 : -1;
		more = queue_next(line, &uid, &l);
	}
	most = line->users_n < ROUND ? (int)line->users_n : ROUND;
	for (; more; more = queue_next(line, &uid, &l)) {
		switch (take(in, &l, uid, deadline_ns)) {
		case TAKEN:
			taken++;
			break;
		case PASSED:
			break;
		case WAITS:
			queue_skip(line, uid);
			break;
		case NO_ROOM:
			queue_forget(line);
			return taken;
		case FAILED:
			queue_forget(line);
			return taken > 0 ? taken : -1;
		}
		if (taken >= FEW || (taken >= most && in->m->ctl.live >= FEW))
			break;
	}
	queue_count_refused(line, deadline_ns);
	return taken;
}

/* take_all -- let all come in that are there now, as far as there is room.  Returns 0, or -1. */
static int
take_all(struct take *in, uint64_t deadline_ns)
{
	uint64_t there, taken;
	int n = take_some(in, deadline_ns);

	there = in->line.seen;
	for (taken = n > 0 ? (uint64_t)n : 0; n > 0 && taken < there; taken += n > 0 ? (uint64_t)n : 0)
		n = take_some(in, deadline_ns);
	return n == -1 ? -1 : 0;
}

/* open_box -- know the mailbox whose drops these are.  Returns 0, or -1. */
static int
open_box(struct take *in, uint64_t deadline_ns)
{
	struct mbox *m = in->m;

	int r;

	if (in->address.len > 0)
		return 0;
	in->line.unknown = users_unknown();
	if (mbox_drop(m) == -1 || txn_lock(m, deadline_ns) == -1)
		return -1;
	r = address_learn(&in->address, m);
	txn_unlock(m);
	return r;
}

int
take_turn(struct take *in, struct claim *c, struct run *run, const struct receiver_ask *ask, bool all)
{
	struct mbox *m = in->m;
	struct receiver_ask now = *ask;
	bool vain = listen_heard(m);
	int taken, r, err;

	for (;;) {
		taken = open_box(in, ask->deadline_ns);
		if (taken == 0)
			taken = all ? take_all(in, ask->deadline_ns) : take_some(in, ask->deadline_ns);
		err = errno;
		/* what is in hand is done, whatever became of the drops */
		now.wait = ask->wait && taken != -1;
		r = claim_turn(c, run, &now);
		if (r != 0)
			return r;
		if (taken == -1) {
			errno = err;
			return -1;
		}
		vain = vain && taken == 0;
		/* who keeps the door looks again, now that the bell is open */
		if (taken == 0 && !all && !(ask->wait && listen_keep(m) == 1))
			break;
		all = false;
	}
	if (vain)
		listen_vain(m);
	return 0;
}

int
take_look(struct take *in)
{
	uint64_t n;

	if (listen_keep(in->m) == 1)
		return 1;
	/* what fails here is told by the look */
	return dropdir_count(in->m->drop_fd, in->m->ctl.taken, &n) == -1 || n > 0;
}
