/* SPDX-License-Identifier: ISC */
/* dropdir: names and permissions are all that guards drop/.  What a crash leaves: dropdir.h. */
#include "mailbox/disk/dropdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/num.h"
#include "base/safefile.h"
#include "mailbox/mode.h"

#define BEGUN "tmp."

void
dropdir_name(char *name, const unsigned char *id, bool begun)
{
	if (begun) {
		memcpy(name, BEGUN, sizeof BEGUN - 1);
		name += sizeof BEGUN - 1;
	}
	*num_hex_bytes(name, id, DROPDIR_ID) = '\0';
}

bool
dropdir_parse(const char *name, unsigned char *id)
{
	static const char digits[] = NUM_HEX;
	const char *high, *low;

	if (strlen(name) != (size_t)2 * DROPDIR_ID)
		return false;
	for (size_t i = 0; i < DROPDIR_ID; i++) {
		high = strchr(digits, name[2 * i]);
		low = strchr(digits, name[2 * i + 1]);
		if (high == NULL || low == NULL)
			return false;
		id[i] = (unsigned char)((high - digits) << 4 | (low - digits));
	}
	return true;
}

bool
dropdir_begun(const char *name)
{
	return strncmp(name, BEGUN, sizeof BEGUN - 1) == 0;
}

size_t
dropdir_to(char *to, uint64_t identity, uid_t owner)
{
	*num_hex(to, identity, 16) = '.';
	return DROPDIR_TO_OWNER + num_decimal(to + DROPDIR_TO_OWNER, owner);
}

bool
dropdir_names(const char *to, size_t len, uid_t owner)
{
	char expected[DROPDIR_TO_BYTES];

	return dropdir_to(expected, 0, owner) == len
	    && memcmp(to + DROPDIR_TO_OWNER, expected + DROPDIR_TO_OWNER, len - DROPDIR_TO_OWNER) == 0;
}

/* is_to -- whether text, of n bytes and a NUL, has the form of to=. */
static bool
is_to(const char *text, size_t n)
{
	uint64_t owner;

	return n > DROPDIR_TO_OWNER && strspn(text, NUM_HEX) == DROPDIR_TO_OWNER - 1 && text[DROPDIR_TO_OWNER - 1] == '.'
	    && num_parse((struct slice){ text + DROPDIR_TO_OWNER, n - DROPDIR_TO_OWNER }, &owner) == 0;
}

int
dropdir_identity(int dir_fd, uid_t owner, char *to, size_t *len)
{
	int fd = safefile_open_plain(dir_fd, "identity", O_RDONLY);
	char text[DROPDIR_TO_BYTES + 1];
	struct stat st;
	ssize_t n;

	if (fd == -1)
		return -1;
	n = fstat(fd, &st) == -1 ? -1 : io_pread(fd, text, DROPDIR_TO_BYTES, 0);
	io_close(fd);
	if (n == -1)
		return -1;
	text[n] = '\0';
	if (st.st_uid != owner || n == 0 || text[n - 1] != '\n' || !is_to(text, (size_t)n - 1)) {
		errno = EBADMSG;
		return -1;
	}
	*len = (size_t)n - 1;
	memcpy(to, text, *len);
	return 0;
}

/* ---- make, open, remove ---- */

/* class_bits -- these bits for each class that may only send. */
static mode_t
class_bits(unsigned mode, unsigned bits)
{
	mode_t m = 0;

	for (unsigned shift = 0; shift < 6; shift += 3)
		m |= mode_class(mode, shift) == MODE_DROP ? bits << shift : 0;
	return m;
}

mode_t
dropdir_bits(unsigned mode)
{
	return 0600 | class_bits(mode, MODE_LOOK);
}

int
dropdir_open(int dir_fd, uid_t owner)
{
	int fd = openat(dir_fd, "drop", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		return safefile_close_with(fd, errno);
	return st.st_uid == owner ? fd : safefile_close_with(fd, EBADMSG);
}

int
dropdir_shut(int drop_fd)
{
	return fchmod(drop_fd, S_ISVTX | 0700);
}

int
dropdir_unshut(int drop_fd, unsigned mode)
{
	return fchmod(drop_fd, S_ISVTX | 0700 | class_bits(mode, 3));
}

int
dropdir_mark(int dir_fd, unsigned mode)
{
	int fd = safefile_make(dir_fd, "closed", dropdir_bits(mode));

	io_close(fd);
	return fd == -1 ? -1 : 0;
}

int
dropdir_unmark(int dir_fd)
{
	return safefile_remove(dir_fd, "closed");
}

bool
dropdir_marked(int dir_fd)
{
	return faccessat(dir_fd, "closed", F_OK, 0) == 0;
}

/* clear -- remove what can be removed: a directory in drop/ that is not empty stays.  Returns 0, or -1. */
static int
clear(int drop_fd)
{
	const struct dirent *e;
	bool gone = true;
	int r = 0;
	DIR *d;

	/* a removal during the listing may hide another file */
	while (gone && r == 0) {
		gone = false;
		d = safefile_list_open(drop_fd);
		if (d == NULL)
			return -1;
		while ((e = safefile_list_next(d, &r)) != NULL)
			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0
			    && (unlinkat(drop_fd, e->d_name, 0) == 0 || unlinkat(drop_fd, e->d_name, AT_REMOVEDIR) == 0))
				gone = true;
		safefile_list_close(d);
	}
	return r;
}

int
dropdir_identify(int dir_fd, unsigned mode, uint64_t identity, uid_t owner)
{
	int r, fd = safefile_make(dir_fd, "identity.new", dropdir_bits(mode));
	char text[DROPDIR_TO_BYTES];
	size_t n = dropdir_to(text, identity, owner);

	if (fd == -1)
		return -1;
	text[n++] = '\n';
	r = io_pwrite(fd, text, n, 0);
	io_close(fd);
	return r == -1 ? -1 : renameat(dir_fd, "identity.new", dir_fd, "identity");
}

int
dropdir_make(int dir_fd, unsigned mode, uint64_t identity)
{
	int r = -1, fd, bell_fd = -1;

	if (dropdir_identify(dir_fd, mode, identity, geteuid()) == -1
	    || (mkdirat(dir_fd, "drop", 0700) == -1 && errno != EEXIST))
		return -1;
	fd = dropdir_open(dir_fd, geteuid());
	if (fd == -1)
		return -1;
	if (dropdir_shut(fd) == 0 && clear(fd) == 0)
		bell_fd = safefile_make_fifo(fd, "bell", 0600 | class_bits(mode, 2));
	if (bell_fd != -1)
		r = dropdir_unshut(fd, mode);
	io_close(bell_fd);
	io_close(fd);
	return r;
}

int
dropdir_give(int dir_fd, unsigned mode, uint64_t identity, uid_t owner, gid_t group, bool closed)
{
	int fd, bell_fd, r;

	if (dropdir_identify(dir_fd, mode, identity, owner) == -1 || (closed && dropdir_mark(dir_fd, mode) == -1)
	    || (mkdirat(dir_fd, "drop", 0700) == -1 && errno != EEXIST)
	    || fchownat(dir_fd, "identity", owner, group, AT_SYMLINK_NOFOLLOW) == -1
	    || (closed && fchownat(dir_fd, "closed", owner, group, AT_SYMLINK_NOFOLLOW) == -1)
	    || fchownat(dir_fd, "drop", owner, group, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	fd = dropdir_open(dir_fd, owner);
	if (fd == -1)
		return -1;
	r = dropdir_shut(fd);
	/* who is asleep may listen at the bell that there is */
	bell_fd = r == -1 ? -1 : safefile_open_fifo(fd, "bell", O_RDONLY);
	if (bell_fd == -1 && r == 0)
		bell_fd = safefile_make_fifo(fd, "bell", 0600);
	if (bell_fd == -1 || fchown(bell_fd, owner, group) == -1
	    || fchmod(bell_fd, 0600 | class_bits(mode, MODE_DROP)) == -1 || (!closed && dropdir_unshut(fd, mode) == -1))
		r = -1;
	io_close(bell_fd);
	io_close(fd);
	return r;
}

int
dropdir_take_away(int dir_fd, uid_t owner)
{
	int r, fd = dropdir_open(dir_fd, owner);

	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	r = dropdir_shut(fd) == -1 ? -1 : clear(fd);
	io_close(fd);
	return r == -1 || safefile_remove(dir_fd, "identity") == -1 ? -1 : dropdir_unmark(dir_fd);
}

int
dropdir_remove(int dir_fd)
{
	struct stat st;
	int r, fd;

	if (fstat(dir_fd, &st) == -1)
		return -1;
	fd = dropdir_open(dir_fd, st.st_uid);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	r = dropdir_shut(fd) == -1 ? -1 : clear(fd);
	io_close(fd);
	if (r == -1 || unlinkat(dir_fd, "drop", AT_REMOVEDIR) == 0)
		return r;
	if (errno == ENOTEMPTY || errno == EEXIST)
		errno = EPERM;
	return -1;
}

/* ---- what is there ---- */

int
dropdir_count(int drop_fd, const unsigned char *taken, uint64_t *n)
{
	unsigned char id[DROPDIR_ID];
	const struct dirent *e;
	DIR *d = safefile_list_open(drop_fd);
	int r = 0;

	if (d == NULL)
		return -1;
	*n = 0;
	while ((e = safefile_list_next(d, &r)) != NULL)
		if (dropdir_parse(e->d_name, id) && memcmp(id, taken, sizeof id) != 0)
			++*n;
	safefile_list_close(d);
	return r;
}

void
dropdir_ring(int drop_fd)
{
	int fd = safefile_open_fifo(drop_fd, "bell", O_WRONLY);

	/* ENXIO: no receiver listens; EAGAIN: the full FIFO wakes anyway; a listener looks once a second */
	if (fd != -1 && write(fd, "", 1) == -1)
		errno = 0;
	io_close(fd);
}
