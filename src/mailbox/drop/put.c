/* SPDX-License-Identifier: ISC */
/* leave: see leave.h. */
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
#include "base/num.h"
#include "base/safefile.h"

enum { OWN_HEADERS = 128 };             /* bytes of a header line that a mailbox keeps for itself */

/* read_identity -- what to= is to say; the file must be the owner's, and of the form that it should be. */
static int
read_identity(struct leave *l, uid_t owner)
{
	int fd = file_open_plain(l->dir_fd, "identity", O_RDONLY), r = -1, err;
	char text[DROP_TO_BYTES], expected[DROP_TO_BYTES];
	struct stat st;
	ssize_t n = -1;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && (n = io_pread(fd, text, sizeof text, 0)) != -1) {
		l->to_len = drop_to(expected, 0, owner);
		if (st.st_uid == owner && (size_t)n == l->to_len + 1 && text[n - 1] == '\n'
		    && strspn(text, NUM_HEX) == 16
		    && memcmp(text + 16, expected + 16, l->to_len - 16) == 0) {
			memcpy(l->to, text, l->to_len);
			r = 0;
		} else {
			errno = EBADMSG;
		}
	}
	err = errno;
	close(fd);
	errno = err;
	return r;
}

int
leave_open(struct leave *l, const char *path)
{
	const int through = O_PATH | O_DIRECTORY | O_CLOEXEC;
	struct stat box, drop;

	*l = (struct leave){ .dir_fd = openat(AT_FDCWD, path, through), .drop_fd = -1, .fd = -1 };
	if (l->dir_fd == -1 || fstat(l->dir_fd, &box) == -1 || read_identity(l, box.st_uid) == -1)
		goto fail;
	l->drop_fd = openat(l->dir_fd, "drop", through | O_NOFOLLOW);
	if (l->drop_fd == -1 || fstat(l->drop_fd, &drop) == -1)
		goto fail;
	if (drop.st_uid != box.st_uid || !(drop.st_mode & S_ISVTX)) {
		/* others could take away what is left there, to bring it somewhere else */
		errno = EBADMSG;
		goto fail;
	}
	if (getrandom(l->id, DROP_RANDOM, 0) == DROP_RANDOM)
		return 0;
fail:
	leave_close(l);
	return -1;
}

/* why -- errno, of a call in drop/: that it is gone is said as in other mailboxes. */
static int
why(const struct leave *l)
{
	int err = errno;
	struct stat st;

	errno = err == ENOENT && fstat(l->drop_fd, &st) == 0 && st.st_nlink == 0 ? EIDRM : err;
	return -1;
}

/* make -- make the file of the next message. */
static int
make(struct leave *l)
{
	char name[DROP_NAME_BYTES];
	uint64_t now = clock_wall_us();

	l->time_us = now > l->time_us ? now : l->time_us + 1;
	for (int i = 0; i < 8; i++)
		l->id[DROP_RANDOM + i] = (unsigned char)(l->time_us >> (56 - 8 * i));
	drop_name(name, l->id, true);
	l->fd = openat(l->drop_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (l->fd == -1)
		return why(l);
	/* its owner only reads it; nobody else knows its name */
	return flock(l->fd, LOCK_EX | LOCK_NB) == -1 ? -1 : fchmod(l->fd, 0644);
}

/* drop_head -- the header line of a drop.  extra: FRAME_HEADER_MAX bytes.  Returns 0, or -1 with EMSGSIZE. */
static int
drop_head(struct message *m, const struct leave *l, const struct message *head, char *extra)
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
leave_begin(struct leave *l, struct writer *w, const struct message *head)
{
	char extra[FRAME_HEADER_MAX];
	struct message m;

	if (drop_head(&m, l, head, extra) == -1)
		return -1;
	if (make(l) == 0 && writer_init(w, l->fd) == 0 && writer_begin(w, &m) == 0)
		return 0;
	leave_abort(l, NULL);
	return -1;
}

int
leave_end(struct leave *l, struct writer *w)
{
	char begun[DROP_NAME_BYTES], name[DROP_NAME_BYTES];

	if (writer_end(w) == -1) {
		leave_abort(l, NULL);
		return -1;
	}
	drop_name(begun, l->id, true);
	drop_name(name, l->id, false);
	if (renameat(l->drop_fd, begun, l->drop_fd, name) == -1) {
		leave_abort(l, NULL);
		return why(l);
	}
	/* unlocked before it is told of: who finds it locked leaves it */
	close(l->fd);
	l->fd = -1;
	drop_ring(l->drop_fd);
	return 0;
}

int
leave_put(struct leave *l, struct writer *w, const struct message *head, const char *data, size_t len)
{
	struct message m = *head;

	m.len = len;
	if (leave_begin(l, w, &m) == -1)
		return -1;
	if (writer_data(w, data, len) == 0)
		return leave_end(l, w);
	leave_abort(l, NULL);
	return -1;
}

void
leave_abort(struct leave *l, struct writer *w)
{
	char name[DROP_NAME_BYTES];
	int err = errno;

	if (w != NULL)
		writer_abort(w);
	if (l->fd != -1) {
		drop_name(name, l->id, true);
		unlinkat(l->drop_fd, name, 0);
		close(l->fd);
	}
	l->fd = -1;
	errno = err;
}

int
leave_withdraw(struct leave *l)
{
	char name[DROP_NAME_BYTES];

	drop_name(name, l->id, false);
	if (l->time_us > 0 && unlinkat(l->drop_fd, name, 0) == 0)
		return 1;
	return l->time_us == 0 || errno == ENOENT ? 0 : -1;
}

void
leave_close(struct leave *l)
{
	int err = errno;

	if (l->fd != -1)
		leave_abort(l, NULL);
	if (l->drop_fd != -1)
		close(l->drop_fd);
	if (l->dir_fd != -1)
		close(l->dir_fd);
	l->dir_fd = l->drop_fd = -1;
	errno = err;
}
