/* SPDX-License-Identifier: ISC */
/* callbox: a crash leaves a directory that nobody has locked, for the next caller to remove. */
#include "callbox.h"

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

#include "box.h"
#include "clock.h"

enum { TRIES = 64 };

#define PREFIX "mcall."
#define PATTERN PREFIX "XXXXXX"
#define SECOND_NS UINT64_C(1000000000)          /* so long a mailbox's lock is waited for, and what is no answer read */

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

/* empty_out -- remove a directory that is ours and locked by us, and the mailbox in it. */
static void
empty_out(const char *dir)
{
	char box[PATH_MAX];
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && join(box, dir, e->d_name) == 0)
			box_remove(box, true, clock_after(SECOND_NS), NULL);
	if (d != NULL)
		closedir(d);
	rmdir(dir);
}

/* own_directory -- open and lock a directory of ours.  Returns its descriptor, or -1: EAGAIN somebody else has it. */
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

/* remove_dead -- remove what dead callers left in base. */
static void
remove_dead(const char *base)
{
	char dir[PATH_MAX];
	DIR *d = opendir(base);
	const struct dirent *e;
	int fd;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, PREFIX, sizeof PREFIX - 1) != 0 || strlen(e->d_name) != sizeof PATTERN - 1
		    || join(dir, base, e->d_name) == -1 || (fd = own_directory(dir)) == -1)
			continue;
		empty_out(dir);
		close(fd);
	}
	if (d != NULL)
		closedir(d);
}

/* make_secret -- random bits in hexadecimal, too many to guess. */
static int
make_secret(char *out)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char bits[CALLBOX_SECRET / 2];

	if (getrandom(bits, sizeof bits, 0) != (ssize_t)sizeof bits)
		return -1;
	for (size_t i = 0; i < sizeof bits; i++) {
		*out++ = hex[bits[i] >> 4];
		*out++ = hex[bits[i] & 15];
	}
	*out = '\0';
	return 0;
}

/* may_pass -- whether all may search the directories of an absolute path, and only who made a name in its last may move it. */
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

/* make_box -- make the mailbox in b->dir, which is locked. */
static int
make_box(struct callbox *b, bool others, gid_t group)
{
	const struct box_settings settings = { CTL_UNBOUNDED, CTL_UNBOUNDED, others ? 0622 : 0600, CTL_BLOCK, false };
	char name[CALLBOX_SECRET + 1];

	if (make_secret(name) == -1 || join(b->path, b->dir, name) == -1 || (others && fchmod(b->dir_fd, 0711) == -1)
	    || box_make(b->path, &settings) == -1)
		return -1;
	/* nobody can give his file to a group that he is not in */
	if (others && chown(b->path, (uid_t)-1, group) == -1)
		errno = 0;
	return 0;
}

/* make_in -- callbox_make, in base. */
static int
make_in(struct callbox *b, const char *base, bool others, gid_t group)
{
	int err;

	/* a caller that starts now may take ours for a dead one's, as long as it is not locked */
	for (int i = 0; i < TRIES; i++) {
		if (join(b->dir, base, PATTERN) == -1 || mkdtemp(b->dir) == NULL)
			return -1;
		b->dir_fd = own_directory(b->dir);
		if (b->dir_fd == -1) {
			if (errno != EAGAIN && errno != ENOENT)
				break;
			continue;
		}
		if (make_box(b, others, group) == 0)
			return 0;
		close(b->dir_fd);
		b->dir_fd = -1;
		if (errno != ENOENT)
			break;
	}
	err = errno;
	rmdir(b->dir);
	errno = err;
	return -1;
}

int
callbox_make(struct callbox *b, bool others, gid_t group)
{
	const char *const bases[] = { getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp" };
	char base[PATH_MAX];
	int r = -1, err = 0;

	b->dir_fd = -1;
	for (size_t i = 0; i < sizeof bases / sizeof bases[0] && r == -1; i++) {
		/* who answers may be somewhere else: the name is absolute */
		if (bases[i] == NULL || bases[i][0] == '\0' || realpath(bases[i], base) == NULL)
			continue;
		remove_dead(base);
		if (others && !may_pass(base)) {
			err = EACCES;
			continue;
		}
		r = make_in(b, base, others, group);
		err = errno;
	}
	errno = err;
	b->sources = (struct sources){ .list = &b->source, .single = true, .event_fd = -1, .watched_fd = -1 };
	if (r == -1 || make_secret(b->secret) == -1)
		return -1;
	return sources_add(&b->sources, b->path, b->path);
}

/* is_answer -- whether what came is the answer; then it is in m.  Returns 1, 0 or -1. */
static int
is_answer(struct callbox *b, struct message *m)
{
	struct slice secret;

	if (claim_message(&b->source.claim, &b->sources.run, 0, m, b->scratch) == -1)
		return -1;
	if (frame_header(m->extra, "call", &secret) == 1 && slice_is(secret, b->secret))
		return 1;
	if (m->fd != -1)
		close(m->fd);
	return 0;
}

int
callbox_next(struct callbox *b, uint64_t patience_ns, struct message *m)
{
	uint64_t deadline_ns = clock_after(patience_ns > 0 ? patience_ns : SECOND_NS), now;
	int r;

	b->sources.patience_ns = patience_ns;
	for (;;) {
		r = sources_next(&b->sources, 1, RUN_BYTES);
		if (r != 1)
			return r == -1 && errno != ETIMEDOUT && errno != EBUSY ? -1 : 0;
		r = is_answer(b, m);
		if (r != 0)
			return r;
		now = clock_mono_ns();
		/* who sends what is no answer all the time does not hold us up */
		if (now >= deadline_ns)
			return 0;
		b->sources.patience_ns = patience_ns == 0 ? 0 : deadline_ns - now;
	}
}

void
callbox_remove(struct callbox *b)
{
	int err = errno;

	sources_close(&b->sources);
	if (b->dir_fd != -1) {
		empty_out(b->dir);
		close(b->dir_fd);
	}
	b->dir_fd = -1;
	errno = err;
}
