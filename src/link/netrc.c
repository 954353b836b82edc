/* SPDX-License-Identifier: ISC */
/* netrc: see netrc.h.  A macro (macdef) ends with an empty line, as ftp(1) has it. */
#include "link/netrc.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/io.h"

enum { FILE_MAX = 256 * 1024 };         /* bytes of the file */

/* next_word -- the next word, *p moved behind it.  Returns 1, 0 at the end, or -1 with EBADMSG for one too long. */
static int
next_word(const char **p, char *out)
{
	const char *s = *p, *stop = " \t\r\n";
	size_t n = 0;

	while (*s != '\0' && (strchr(" \t\r\n", *s) != NULL || *s == '#'))
		s += *s == '#' ? strcspn(s, "\n") : 1;
	if (*s == '\0')
		return 0;
	if (*s == '"') {
		stop = "\"";
		s++;
	}
	for (; *s != '\0' && strchr(stop, *s) == NULL; s++) {
		if (*s == '\\' && *stop == '"' && s[1] != '\0')
			s++;
		if (n == NETRC_WORD_MAX - 1)
			return fail_with(EBADMSG);
		out[n++] = *s;
	}
	out[n] = '\0';
	*p = *s == '"' ? s + 1 : s;
	return 1;
}

/* search -- the entry for host in the text.  Returns as netrc_find. */
static int
search(const char *p, const char *host, struct netrc *n)
{
	char word[NETRC_WORD_MAX];
	bool ours = false;
	int r;

	while ((r = next_word(&p, word)) == 1) {
		bool machine = strcmp(word, "machine") == 0;

		if (machine || strcmp(word, "default") == 0) {
			if (ours)
				return 1;
			if (machine && (r = next_word(&p, word)) != 1)
				break;
			ours = !machine || strcmp(word, host) == 0;
		} else if (strcmp(word, "macdef") == 0) {
			const char *end = strstr(p, "\n\n");

			p = end != NULL ? end : p + strlen(p);
		} else if (strcmp(word, "login") == 0) {
			r = next_word(&p, ours ? n->login : word);
		} else if (strcmp(word, "password") == 0) {
			r = next_word(&p, ours ? n->password : word);
		} else if (strcmp(word, "account") == 0) {
			r = next_word(&p, word);
		}
		if (r == -1)
			return -1;
	}
	return r == -1 ? -1 : ours;
}

/* is_private -- whether it is ours alone; or root's, which lets us read it by an access control list, as systemd(1) does. */
static bool
is_private(const struct stat *st)
{
	return (st->st_uid == geteuid() && (st->st_mode & 077) == 0)
	    || (st->st_uid == 0 && st->st_gid == 0 && (st->st_mode & 07) == 0);
}

/* slurp -- the whole file as a C string.  Returns its length, or -1. */
static ssize_t
slurp(const char *path, char *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || !is_private(&st)) {
		close(fd);
		return fail_with(EPERM);
	}
	n = io_pread(fd, text, FILE_MAX, 0);
	io_close(fd);
	if (n == FILE_MAX)
		return fail_with(EFBIG);
	if (n >= 0)
		text[n] = '\0';
	return n;
}

int
netrc_find(const char *host, struct netrc *n)
{
	static char text[FILE_MAX];
	const char *path = getenv("NETRC"), *home = getenv("HOME");
	int r;

	*n = (struct netrc){ .login = "" };
	if (path == NULL || *path == '\0') {
		if (home == NULL || *home == '\0')
			return 0;
		if (snprintf(n->path, sizeof n->path, "%s/.netrc", home) >= (int)sizeof n->path)
			return fail_with(ENAMETOOLONG);
	} else if (snprintf(n->path, sizeof n->path, "%s", path) >= (int)sizeof n->path) {
		return fail_with(ENAMETOOLONG);
	}
	if (slurp(n->path, text) == -1)
		return errno == ENOENT && (path == NULL || *path == '\0') ? 0 : -1;
	r = search(text, host, n);
	explicit_bzero(text, sizeof text);
	return r;
}
