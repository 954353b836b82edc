/* SPDX-License-Identifier: ISC */
/* put: see put.h. */
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
#include "mailbox/mailbox.h"

/* is_owners -- whether `identity` names the owner, by a number of one user.  Returns 0, or -1 with EREMOTE. */
static int
is_owners(const struct put *p)
{
	if (dropdir_names(p->to, p->to_len, p->owner) && users_unknown() != (int64_t)p->owner)
		return 0;
	errno = EREMOTE;
	return -1;
}

int
put_open(struct put *p, const char *path)
{
	const int through = O_PATH | O_DIRECTORY | O_CLOEXEC;
	struct stat box, drop;

	*p = (struct put){ .dir_fd = openat(AT_FDCWD, path, through), .drop_fd = -1, .fd = -1 };
	if (p->dir_fd == -1 || fstat(p->dir_fd, &box) == -1
	    || dropdir_identity(p->dir_fd, box.st_uid, p->to, &p->to_len) == -1)
		goto fail;
	p->owner = box.st_uid;
	p->drop_fd = openat(p->dir_fd, "drop", through | O_NOFOLLOW);
	if (p->drop_fd == -1 || fstat(p->drop_fd, &drop) == -1)
		goto fail;
	if (drop.st_uid != box.st_uid || !(drop.st_mode & S_ISVTX)) {
		/* others could move what is put there somewhere else */
		errno = EBADMSG;
		goto fail;
	}
	if (is_owners(p) == 0 && getrandom(p->id, DROPDIR_RANDOM, 0) == DROPDIR_RANDOM)
		return 0;
fail:
	put_close(p);
	return -1;
}

/*
 * why -- a call in drop/ has failed: as in other mailboxes EIDRM where drop/ was removed, ESHUTDOWN where the mailbox is
 * closed.  Returns -1.
 */
static int
why(const struct put *p)
{
	int err = errno;
	struct stat st;

	errno = err;
	if (err == ENOENT && fstat(p->drop_fd, &st) == 0 && st.st_nlink == 0)
		errno = EIDRM;
	else if (err == EACCES && dropdir_marked(p->dir_fd))
		errno = ESHUTDOWN;
	return -1;
}

/* make -- make the file of the next message. */
static int
make(struct put *p)
{
	char name[DROPDIR_NAME_BYTES];
	uint64_t now = clock_wall_us();

	p->time_us = now > p->time_us ? now : p->time_us + 1;
	for (int i = 0; i < 8; i++)
		p->id[DROPDIR_RANDOM + i] = (unsigned char)(p->time_us >> (56 - 8 * i));
	dropdir_name(name, p->id, true);
	p->fd = openat(p->drop_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (p->fd == -1)
		return why(p);
	/* the mailbox's owner only reads it; no other process knows its name */
	return flock(p->fd, LOCK_EX | LOCK_NB) == -1 ? -1 : fchmod(p->fd, 0644);
}

/* drop_head -- the header line of a drop.  extra: FRAME_HEADER_MAX bytes.  Returns 0, or -1 with EMSGSIZE. */
static int
drop_head(struct message *m, const struct put *p, const struct message *head, char *extra)
{
	char line[FRAME_HEADER_MAX];
	int n = snprintf(extra, FRAME_HEADER_MAX, "to=%.*s%s%.*s", (int)p->to_len, p->to,
	    head->extra.len > 0 ? " " : "", (int)head->extra.len, head->extra.len > 0 ? head->extra.p : "");

	*m = *head;
	message_anew(m);
	if (m->time_us == 0)
		m->time_us = clock_wall_us();
	m->extra = (struct slice){ extra, (size_t)n };
	if (sender_head_fits(head) && message_head(line, m, 0, false) != 0)
		return 0;
	errno = EMSGSIZE;
	return -1;
}

int
put_begin(struct put *p, struct writer *w, const struct message *head)
{
	char extra[FRAME_HEADER_MAX];
	struct message m;

	if (drop_head(&m, p, head, extra) == -1)
		return -1;
	if (make(p) == 0 && writer_init(w, p->fd) == 0 && writer_begin(w, &m) == 0)
		return 0;
	put_abort(p, NULL);
	return -1;
}

/* same_owner -- whether the mailbox has had no other owner since it was opened.  Returns 0, or -1 with EREMOTE. */
static int
same_owner(const struct put *p)
{
	struct stat st;

	if (fstat(p->dir_fd, &st) == -1)
		return -1;
	errno = EREMOTE;
	return st.st_uid == p->owner ? 0 : -1;
}

int
put_end(struct put *p, struct writer *w)
{
	char begun[DROPDIR_NAME_BYTES], name[DROPDIR_NAME_BYTES];

	if (writer_end(w) == -1) {
		put_abort(p, NULL);
		return -1;
	}
	dropdir_name(begun, p->id, true);
	dropdir_name(name, p->id, false);
	if (same_owner(p) == -1 || renameat(p->drop_fd, begun, p->drop_fd, name) == -1) {
		put_abort(p, NULL);
		return why(p);
	}
	/* unlocked before the wake: a receiver passes over what it finds locked */
	io_close(p->fd);
	p->fd = -1;
	dropdir_ring(p->drop_fd);
	return 0;
}

void
put_abort(struct put *p, struct writer *w)
{
	char name[DROPDIR_NAME_BYTES];
	int err = errno;

	if (w != NULL)
		writer_abort(w);
	if (p->fd != -1) {
		dropdir_name(name, p->id, true);
		unlinkat(p->drop_fd, name, 0);
		close(p->fd);
		p->fd = -1;
	}
	errno = err;
}

int
put_withdraw(struct put *p)
{
	char name[DROPDIR_NAME_BYTES];

	dropdir_name(name, p->id, false);
	if (p->time_us > 0 && unlinkat(p->drop_fd, name, 0) == 0)
		return 1;
	if (p->time_us == 0 || errno == ENOENT)
		return 0;
	/* where the mailbox is closed none can be taken back: it comes in */
	(void)why(p);
	return errno == ESHUTDOWN ? 0 : -1;
}

void
put_close(struct put *p)
{
	put_abort(p, NULL);
	io_close(p->drop_fd);
	io_close(p->dir_fd);
	p->dir_fd = p->drop_fd = -1;
}
