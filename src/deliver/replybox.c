/* SPDX-License-Identifier: ISC */
/*
 * replybox: see replybox.h.  A crash leaves what the next caller removes: a folder in the mailbox of a process that is
 * not there, or elsewhere a directory that is not locked.
 */
#include "deliver/replybox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"
#include "base/num.h"
#include "mailbox/mailbox.h"

enum { TRIES = 64 };

#define PREFIX "mcall."
#define PATTERN PREFIX "XXXXXX"
#define SECOND_NS UINT64_C(1000000000)          /* the longest wait for a lock, and for an answer among other mail */

/* join -- write DIR/NAME to path.  Returns 0, or -1 with ENAMETOOLONG. */
static int
join(char *path, const char *dir, const char *name)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);

	if (n > 0 && n < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* each_name -- call see for each name in a directory that does not begin with a dot. */
static void
each_name(const char *dir, void (*see)(const char *path, const char *name))
{
	char path[PATH_MAX];
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && join(path, dir, e->d_name) == 0)
			see(path, e->d_name);
	if (d != NULL)
		closedir(d);
}

static void
remove_box(const char *path, const char *name)
{
	(void)name;
	mailbox_remove(path, true, clock_after(SECOND_NS), NULL);
}

/* remove_directory -- remove a directory of ours, which fd has locked, and the mailbox in it. */
static void
remove_directory(const char *dir, int fd)
{
	each_name(dir, remove_box);
	rmdir(dir);
	close(fd);
}

/* own_directory -- open and lock a directory of ours.  Returns its descriptor, or -1: EAGAIN another has it. */
static int
own_directory(const char *dir)
{
	struct stat st;
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	close(fd);
	errno = EAGAIN;
	return -1;
}

/* remove_dead -- remove what may be a reply box if its caller is dead. */
static void
remove_dead(const char *path, const char *name)
{
	int fd = -1;

	if (strncmp(name, PREFIX, sizeof PREFIX - 1) == 0 && strlen(name) == sizeof PATTERN - 1)
		fd = own_directory(path);
	if (fd != -1)
		remove_directory(path, fd);
}

/* make_secret -- write random bits in hexadecimal, too many to guess. */
static int
make_secret(char *out)
{
	unsigned char bits[REPLYBOX_SECRET / 2];

	if (getrandom(bits, sizeof bits, 0) != (ssize_t)sizeof bits)
		return -1;
	*num_hex_bytes(out, bits, sizeof bits) = '\0';
	return 0;
}

/* may_pass -- whether all may search the directories of an absolute path, and only owners can move names in it. */
static bool
may_pass(const char *path)
{
	char part[PATH_MAX];
	struct stat st;
	const char *p = path;

	do {
		p = strchr(p + 1, '/');
		memcpy(part, path, PATH_MAX);
		if (p != NULL)
			part[p - path] = '\0';
		if (stat(part, &st) == -1 || !(st.st_mode & S_IXOTH))
			return false;
	} while (p != NULL);
	return (st.st_mode & S_ISVTX) || !(st.st_mode & S_IWOTH);
}

/*
 * make_box -- make the mailbox in b->dir, which is locked: its server is another user, who may only send there, by a
 * path that nobody else can learn.
 */
static int
make_box(struct replybox *b)
{
	const struct mailbox_settings settings = { .cap_messages = MAILBOX_UNBOUNDED,
		.cap_bytes = MAILBOX_UNBOUNDED, .mode = 0622 };
	char name[REPLYBOX_SECRET + 1];

	if (make_secret(name) == -1 || join(b->path, b->dir, name) == -1 || fchmod(b->dir_fd, 0711) == -1)
		return -1;
	return mailbox_make(b->path, &settings);
}

/* make_in -- make the directory, and the mailbox in it, in base. */
static int
make_in(struct replybox *b, const char *base)
{
	bool raced = true;
	int err;

	/* until our directory is locked, a caller that starts now may take it for a dead one's */
	for (int i = 0; i < TRIES && raced; i++) {
		if (join(b->dir, base, PATTERN) == -1 || mkdtemp(b->dir) == NULL)
			return -1;
		b->dir_fd = own_directory(b->dir);
		if (b->dir_fd != -1 && make_box(b) == 0)
			return 0;
		raced = errno == ENOENT || (errno == EAGAIN && b->dir_fd == -1);
		io_close(b->dir_fd);
		b->dir_fd = -1;
	}
	err = errno;
	rmdir(b->dir);
	errno = err;
	return -1;
}

/* make_elsewhere -- make it where we may make files, and the server can reach them.  Returns 0, or -1. */
static int
make_elsewhere(struct replybox *b)
{
	const char *const bases[] = { getenv("TMPDIR"), "/tmp" };
	char base[PATH_MAX];
	int r = -1, err = 0;

	for (size_t i = 0; i < sizeof bases / sizeof bases[0] && r == -1; i++) {
		/* absolute: the server may have another working directory */
		if (bases[i] == NULL || bases[i][0] == '\0' || realpath(bases[i], base) == NULL)
			continue;
		each_name(base, remove_dead);
		errno = EACCES;
		r = may_pass(base) ? make_in(b, base) : -1;
		err = errno;
	}
	errno = err;
	return r;
}

/* make_inside -- make it in the mailbox called, which is at that path.  Returns 0, or -1. */
static int
make_inside(struct replybox *b, const char *path)
{
	char name[REQUEST_BOX_NAME];

	if (request_box(b->called, name) == -1)
		return -1;
	snprintf(b->reply, sizeof b->reply, "./%s", name);
	return join(b->path, path, name);
}

int
replybox_make(struct replybox *b, struct sender *called, const char *path)
{
	const bool inside = called->kind != SENDER_SENDS_ONLY;
	struct stat st;

	b->called = inside ? called : NULL;
	if (fstat(called->dir_fd, &st) == -1 || (inside ? make_inside(b, path) : make_elsewhere(b)) == -1)
		return -1;
	b->server = inside ? -1 : (int64_t)st.st_uid;
	if (!inside)
		memcpy(b->reply, b->path, sizeof b->reply);
	b->sources = (struct select){ .list = &b->source, .single = true, .watched_fd = -1, .answers = called->name,
		.place = b->place };
	if (make_secret(b->secret) == -1)
		return -1;
	b->source.receiver.brief = true;        /* it is removed when we end */
	return select_add(&b->sources, b->path, b->path);
}

/* is_answer -- see whether what came is the answer; then it is in m.  Returns 1, 0 or -1. */
static int
is_answer(struct replybox *b, struct message *m)
{
	struct slice secret;
	bool server;

	if (receiver_message(&b->source.receiver, &b->sources.run, 0, m, b->scratch) == -1)
		return -1;
	/* no uid: ourselves, or root */
	server = m->uid == -1 || b->server == -1 || m->uid == b->server;
	if (server && frame_header(m->extra, "call", &secret) == 1 && slice_is(secret, b->secret))
		return 1;
	io_close(m->fd);
	return 0;
}

int
replybox_next(struct replybox *b, uint64_t timeout_ns, struct message *m)
{
	uint64_t deadline_ns = clock_after(timeout_ns > 0 ? timeout_ns : SECOND_NS), now;
	int r;

	b->sources.timeout_ns = timeout_ns;
	for (;;) {
		r = select_next(&b->sources, 1, RUN_BYTES);
		/* closed: no answer comes */
		if (r == 0 && b->source.ended)
			return fail_with(EIDRM);
		if (r != 1)
			return r == -1 && errno != ETIMEDOUT && errno != EBUSY ? -1 : 0;
		r = is_answer(b, m);
		if (r != 0)
			return r;
		now = clock_mono_ns();
		/* a stream of other messages does not delay us */
		if (now >= deadline_ns)
			return 0;
		b->sources.timeout_ns = timeout_ns == 0 ? 0 : deadline_ns - now;
	}
}

void
replybox_remove(struct replybox *b)
{
	select_close(&b->sources);
	if (b->called != NULL)
		request_unbox(b->called);
	if (b->dir_fd != -1)
		remove_directory(b->dir, b->dir_fd);
	b->called = NULL;
	b->dir_fd = -1;
}
