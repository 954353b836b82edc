/* SPDX-License-Identifier: ISC */
/* take: see take.h. */
#include "mailbox/drop/take.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/safefile.h"
#include "base/users.h"
#include "mailbox/box/piece.h"
#include "mailbox/box/txn.h"
#include "mailbox/drop/address.h"
#include "mailbox/drop/queue.h"
#include "mailbox/send/append.h"
#include "mailbox/send/spool.h"
#include "mailbox/wait/listen.h"
#include "mailbox/wait/wait.h"
#include "stream/reader.h"

enum {
	FEW = 64,                       /* so many messages may wait before drops come in one from each user a turn, */
	ROUND = 8,                      /* from so many users */
	PIECE = 64 * 1024,              /* bytes of a payload copied at a time */
};

struct take {
	struct mbox *m;
	uint64_t deadline_ns;           /* for the lock, in this turn */
	struct drop drop;               /* the drop at hand, */
	char name[DROPDIR_NAME_BYTES];  /* and its file */
	unsigned char gone[DROPDIR_ID]; /* a drop that was taken in, and whose file is gone */
	struct address address;
	struct queue queue;
	char extra[FRAME_HEADER_MAX], piece[PIECE];
	struct reader reader;
	struct batch batch;
	struct batch_many many;
	struct append append;
	struct names names;
};

/* What becomes of one drop. */
enum outcome { TAKEN, PASSED, WAITS, NO_ROOM, FAILED };

struct take *
take_new(struct mbox *m)
{
	struct take *in = memory_new(sizeof *in);

	if (in == NULL)
		return NULL;
	in->m = in->queue.m = m;
	append_init(&in->append, m, &in->names);
	batch_init(&in->batch, &in->many);
	return in;
}

void
take_free(struct take *in)
{
	if (in != NULL) {
		queue_forget(&in->queue);
		latest_free(&in->append.latest);
	}
	memory_free(in);
}

/* ---- one drop ---- */

/* not_now -- whether errno is of the kind that stops senders and never receivers. */
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

/* no_drop -- what was read is no drop (EBADMSG, EMSGSIZE), or it could not be read. */
static enum outcome
no_drop(struct take *in)
{
	if (errno != EBADMSG && errno != EMSGSIZE)
		return errno == ENOENT ? PASSED : failed();
	queue_refuse(&in->queue, in->name);
	return PASSED;
}

/* read_head -- read the frame's header, which must be meant for us.  The batch gets its head.  Returns 0, or -1. */
static int
read_head(struct take *in, int fd, struct message *m)
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
	r = snprintf(in->extra, sizeof in->extra, "uid=%lu%s%.*s", (unsigned long)in->drop.uid,
	    m->extra.len > 0 ? " " : "", (int)m->extra.len, m->extra.len > 0 ? m->extra.p : "");
	if (r >= (int)sizeof in->extra) {
		errno = EMSGSIZE;
		return -1;
	}
	head.extra = (struct slice){ in->extra, (size_t)r };
	batch_clear(&in->batch);
	return batch_head(&in->batch, &head) == 1 ? 0 : -1;
}

/*
 * fill -- the payload goes into the batch, or, where it is large, to the spool.  Nothing may stand behind its frame.
 * Returns 0, or -1.
 */
static int
fill(struct take *in, struct message *m, int spool)
{
	struct message more;
	struct hash sum;
	ssize_t n;
	int r;

	if (spool == -1) {
		batch_put(&in->batch, m->data, (size_t)m->len);
	} else {
		hash_begin(&sum);
		while ((n = message_read(m, in->piece, sizeof in->piece)) > 0) {
			if (io_pwrite(spool, in->piece, (size_t)n, sum.len) == -1)
				return -1;
			hash_add(&sum, in->piece, (size_t)n);
		}
		if (n == -1)
			return -1;
		batch_put_big(&in->batch, sum.len, hash_end(&sum));
	}
	r = reader_next(&in->reader, &more);
	if (r == 1)
		errno = EBADMSG;
	return r == 0 ? 0 : -1;
}

/* gone_before -- with the lock held: have the file of the drop taken in last gone.  Returns 0, or -1. */
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
append(struct take *in, bool big)
{
	struct mbox *m = in->m;
	struct expiring e = { .from = 0 };
	struct stat st;
	int r;

	do {
		if (gone_before(in) == -1)
			return FAILED;
		if (fstatat(m->drop_fd, in->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			return errno == ENOENT ? PASSED : FAILED;
		if (st.st_ino != in->drop.ino)
			return PASSED;  /* another receiver has taken it in, or its sender has taken it back */
		r = append_drop(&in->append, &in->batch, in->drop.id, big, &e);
	} while (r == APPEND_PIECE && (r = piece_end(m, in->deadline_ns)) == 0);
	if (r == -1)
		return failed();
	if (r == 0)
		return m->txn.changing && txn_commit(m) == -1 ? failed() : NO_ROOM;
	/* should this fail, ctl says that it is taken */
	if (unlinkat(m->drop_fd, in->name, 0) == 0)
		memcpy(in->gone, in->drop.id, DROPDIR_ID);
	return TAKEN;
}

/* begin_spool -- open a spool, which our want will stand for.  What we have been woken for is handed on. */
static int
begin_spool(struct take *in)
{
	struct mbox *m = in->m;

	if (m->waiter.posted && (txn_lock(m, in->deadline_ns) == -1 || txn_end(m, wait_awake(m)) == -1))
		return -1;
	return spool_open(m, in->deadline_ns);
}

/* take_payload -- take in a drop of which the reader has the header, and fd the rest. */
static enum outcome
take_payload(struct take *in, int fd, struct message *msg)
{
	struct mbox *m = in->m;
	const bool big = msg->data == NULL || msg->len > MAILBOX_INLINE;
	enum outcome out = FAILED;
	int spool = -1;

	/* another receiver copies it, or its sender has locked it */
	if (big && flock(fd, LOCK_EX | LOCK_NB) == -1)
		return errno == EWOULDBLOCK ? WAITS : failed();
	if (big && (spool = begin_spool(in)) == -1)
		return failed();
	if (fill(in, msg, spool) == -1) {
		if (big)
			spool_drop(m, spool);
		return no_drop(in);
	}
	if (txn_lock(m, in->deadline_ns) == 0) {
		out = append(in, big);
		/* the message is in: should this fail, what is left of the want goes with its owner */
		if (big && out == TAKEN)
			txn_end(m, wait_down(m));
	}
	txn_unlock(m);
	if (out == TAKEN)
		io_close(spool);
	else if (big)
		spool_drop(m, spool);
	return out;
}

/* is_sparse -- whether a file has holes: its copy would take disk that the file does not.  Returns 1, 0, or -1. */
static int
is_sparse(int fd, const struct stat *st)
{
	off_t hole = lseek(fd, 0, SEEK_HOLE);

	/* EINVAL: a file system that knows no holes */
	if (hole == -1 && errno != EINVAL)
		return -1;
	return lseek(fd, 0, SEEK_SET) == -1 ? -1 : hole != -1 && hole < st->st_size;
}

/* take_open -- take in the drop that fd is. */
static enum outcome
take_open(struct take *in, int fd)
{
	struct message msg;
	struct stat st;
	bool big;
	int sparse;

	if (fstat(fd, &st) == -1)
		return failed();
	if (st.st_ino != in->drop.ino || st.st_uid != in->drop.uid)
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
	else if (read_head(in, fd, &msg) == 0)
		return take_payload(in, fd, &msg);
	return no_drop(in);
}

/*
 * is_taken -- whether the drop is a message already, for the receiver that took it in was killed before it could remove
 * its file; then that goes.  Returns 1, 0, or -1.
 */
static int
is_taken(struct take *in)
{
	const unsigned char *taken = in->m->ctl.taken;
	int r;

	if (memcmp(in->drop.id, taken, DROPDIR_ID) != 0)
		return 0;
	/* what we remember may be a change of our own that has failed */
	if (txn_lock(in->m, in->deadline_ns) == -1)
		return -1;
	r = memcmp(in->drop.id, taken, DROPDIR_ID) != 0 ? 0 : gone_before(in) == -1 ? -1 : 1;
	txn_unlock(in->m);
	return r;
}

static enum outcome
take(struct take *in)
{
	enum outcome out;
	int fd, taken = is_taken(in);

	if (taken != 0)
		return taken == 1 ? PASSED : failed();
	dropdir_name(in->name, in->drop.id, false);
	fd = safefile_open_own(in->m->drop_fd, in->name, O_RDONLY);
	if (fd == -1)
		return no_drop(in);
	out = take_open(in, fd);
	io_close(fd);
	return out;
}

/* ---- turns ---- */

/*
 * take_some -- let drops come in: few where many messages wait.
 * Returns how many, 0 where there is none or no room for it, or -1.
 */
static int
take_some(struct take *in)
{
	struct queue *q = &in->queue;
	int taken = 0, most, more = queue_next(q, &in->drop);

	if (!more) {
		if (queue_list(q) == -1 || (q->seen == 0 && address_renew(&in->address, in->m, in->deadline_ns) == -1))
			return not_now() ? 0 : -1;
		more = queue_next(q, &in->drop);
	}
	most = q->users_n < ROUND ? (int)q->users_n : ROUND;
	for (; more; more = queue_next(q, &in->drop)) {
		switch (take(in)) {
		case TAKEN:
			taken++;
			break;
		case PASSED:
			break;
		case WAITS:
			queue_skip(q, in->drop.uid);
			break;
		case NO_ROOM:
			queue_forget(q);
			return taken;
		case FAILED:
			queue_forget(q);
			return taken > 0 ? taken : -1;
		}
		if (taken >= FEW || (taken >= most && in->m->ctl.live >= FEW))
			break;
	}
	queue_count_refused(q, in->deadline_ns);
	return taken;
}

/* take_all -- let all come in that are there now, as far as there is room.  Returns 0, or -1. */
static int
take_all(struct take *in)
{
	uint64_t there = 0, taken = 0;
	int n;

	do {
		n = take_some(in);
		there = taken == 0 ? in->queue.seen : there;
		taken += n > 0 ? (uint64_t)n : 0;
	} while (n > 0 && taken < there);
	return n == -1 ? -1 : 0;
}

/* open_drop -- at the first turn: open drop/, and learn what its drops must say.  Returns 0, or -1. */
static int
open_drop(struct take *in)
{
	if (in->address.len > 0)
		return 0;
	if (users_learn(&in->queue.unknown) == -1 || mbox_drop(in->m) == -1 || txn_lock(in->m, in->deadline_ns) == -1)
		return -1;
	/* it may have been taken away meanwhile */
	return txn_end(in->m, in->m->drops ? address_learn(&in->address, in->m) : 0);
}

int
take_turn(struct take *in, struct claim *c, struct run *run, const struct receiver_ask *ask, bool all)
{
	struct receiver_ask now = *ask;
	bool vain = listen_heard(in->m), again = false;
	int taken, r, err;
	bool paused;

	in->deadline_ns = ask->deadline_ns;
	for (;;) {
		taken = open_drop(in);
		paused = taken == 0 && in->m->ctl.paused;
		if (taken == 0 && !paused)
			taken = all ? take_all(in) : take_some(in);
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
		/* resumed since the section before */
		if (paused && !in->m->ctl.paused)
			continue;
		vain = vain && taken == 0;
		/* a receiver that begins to listen looks again, now that drop/bell is open */
		if (c->ended || (taken == 0 && !all && (again || !c->drops_left) && !(ask->wait && listen_keep(in->m) == 1)))
			break;
		/* drop/ was shut after we had looked there, and rings no more: once, for there may be no room */
		again = again || c->drops_left;
		all = false;
	}
	if (vain)
		listen_vain(in->m);
	return 0;
}

int
take_look(struct take *in)
{
	uint64_t n;

	/* what fails here is reported by the look */
	return listen_keep(in->m) == 1 || dropdir_count(in->m->drop_fd, in->m->ctl.taken, &n) == -1 || n > 0;
}
