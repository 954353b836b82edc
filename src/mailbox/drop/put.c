/* SPDX-License-Identifier: ISC */
/* leave: see put.h. */
#include "mailbox/drop/put.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/safefile.h"
#include "base/users.h"

enum { OWN_HEADERS = 128 };             /* bytes of a header line that a mailbox keeps for itself */

/* is_owners -- whether `identity` names the owner, and his number is his alone.  Returns 0, or -1 with EREMOTE. */
static int
is_owners(const struct put *l)
{
	if (dropdir_names(l->to, l->to_len, l->owner) && users_unknown() != (int64_t)l->owner)
		return 0;
	errno = EREMOTE;
	return -1;
}

int
put_open(struct put *l, const char *path)
{
	const int through = O_PATH | O_DIRECTORY | O_CLOEXEC;
	struct stat box, drop;

	*l = (struct put){ .dir_fd = openat(AT_FDCWD, path, through), .drop_fd = -1, .fd = -1 };
	if (l->dir_fd == -1 || fstat(l->dir_fd, &box) == -1 || dropdir_identity(l->dir_fd, box.st_uid, l->to, &l->to_len) == -1)
		goto fail;
	l->owner = box.st_uid;
	l->drop_fd = openat(l->dir_fd, "drop", through | O_NOFOLLOW);
	if (l->drop_fd == -1 || fstat(l->drop_fd, &drop) == -1)
		goto fail;
	if (drop.st_uid != box.st_uid || !(drop.st_mode & S_ISVTX)) {
		/* others could take away what is left there, to bring it somewhere else */
		errno = EBADMSG;
		goto fail;
	}
	if (is_owners(l) == 0 && getrandom(l->id, DROPDIR_RANDOM, 0) == DROPDIR_RANDOM)
		return 0;
fail:
	put_close(l);
	return -1;
}

/* why -- errno, of a call in drop/: that it is gone is said as in other mailboxes. */
static int
why(const struct put *l)
{
	int err = errno;
	struct stat st;

	errno = err == ENOENT && fstat(l->drop_fd, &st) == 0 && st.st_nlink == 0 ? EIDRM : err;
	return -1;
}

/* make -- make the file of the next message. */
static int
make(struct put *l)
{
	char name[DROPDIR_NAME_BYTES];
	uint64_t now = clock_wall_us();

	l->time_us = now > l->time_us ? now : l->time_us + 1;
	for (int i = 0; i < 8; i++)
		l->id[DROPDIR_RANDOM + i] = (unsigned char)(l->time_us >> (56 - 8 * i));
	dropdir_name(name, l->id, true);
	l->fd = openat(l->drop_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (l->fd == -1)
		return why(l);
	/* its owner only reads it; nobody else knows its name */
	return flock(l->fd, LOCK_EX | LOCK_NB) == -1 ? -1 : fchmod(l->fd, 0644);
}

/* drop_head -- the header line of a drop.  extra: FRAME_HEADER_MAX bytes.  Returns 0, or -1 with EMSGSIZE. */
static int
drop_head(struct message *m, const struct put *l, const struct message *head, char *extra)
{
	char line[FRAME_HEADER_MAX];
	int n = snprintf(extra, FRAME_HEADER_MAX, "to=%.*s%s%.*s", (int)l->to_len, l->to, head->extra.len > 0 ? " " : "",
	    (int)head->extra.len, head->extra.len > 0 ? head->extra.p : "");

	*m = *head;
	m->id = 0;
	m->attempt = 0;
	m->uid = -1;
	if (m->time_us == 0)
		m->time_us = clock_wall_us();
	m->extra = (struct slice){ extra, (size_t)n };
	if (n < FRAME_HEADER_MAX && message_head(line, m, 0, false) != 0
	    && message_head(line, m, 0, false) + OWN_HEADERS <= FRAME_HEADER_MAX)
		return 0;
	errno = EMSGSIZE;
	return -1;
}

int
put_begin(struct put *l, struct writer *w, const struct message *head)
{
	char extra[FRAME_HEADER_MAX];
	struct message m;

	if (drop_head(&m, l, head, extra) == -1)
		return -1;
	if (make(l) == 0 && writer_init(w, l->fd) == 0 && writer_begin(w, &m) == 0)
		return 0;
	put_abort(l, NULL);
	return -1;
}

/* same_owner -- whether the mailbox has had no other owner since it was opened.  Returns 0, or -1 with EREMOTE. */
static int
same_owner(const struct put *l)
{
	struct stat st;

	if (fstat(l->dir_fd, &st) == -1)
		return -1;
	errno = EREMOTE;
	return st.st_uid == l->owner ? 0 : -1;
}

int
put_end(struct put *l, struct writer *w)
{
	char begun[DROPDIR_NAME_BYTES], name[DROPDIR_NAME_BYTES];

	if (writer_end(w) == -1) {
		put_abort(l, NULL);
		return -1;
	}
	dropdir_name(begun, l->id, true);
	dropdir_name(name, l->id, false);
	if (same_owner(l) == -1 || renameat(l->drop_fd, begun, l->drop_fd, name) == -1) {
		put_abort(l, NULL);
		return why(l);
	}
	/* unlocked before it is told of: who finds it locked leaves it */
	close(l->fd);
	l->fd = -1;
	dropdir_ring(l->drop_fd);
	return 0;
}

int
put_message(struct put *l, struct writer *w, const struct message *head, const char *data, size_t len)
{
	struct message m = *head;

	m.len = len;
	if (put_begin(l, w, &m) == -1)
		return -1;
	if (writer_data(w, data, len) == 0)
		return put_end(l, w);
	put_abort(l, NULL);
	return -1;
}

void
put_abort(struct put *l, struct writer *w)
{
	char name[DROPDIR_NAME_BYTES];
	int err = errno;

	if (w != NULL)
		writer_abort(w);
	if (l->fd != -1) {
		dropdir_name(name, l->id, true);
		unlinkat(l->drop_fd, name, 0);
		close(l->fd);
	}
	l->fd = -1;
	errno = err;
}

int
put_withdraw(struct put *l)
{
	char name[DROPDIR_NAME_BYTES];

	dropdir_name(name, l->id, false);
	if (l->time_us > 0 && unlinkat(l->drop_fd, name, 0) == 0)
		return 1;
	return l->time_us == 0 || errno == ENOENT ? 0 : -1;
}

void
put_close(struct put *l)
{
	int err = errno;

	if (l->fd != -1)
		put_abort(l, NULL);
	io_close(l->drop_fd);
	if (l->dir_fd != -1)
		close(l->dir_fd);
	l->dir_fd = l->drop_fd = -1;
	errno = err;
}
