/* SPDX-License-Identifier: ISC */
/* nearby: see nearby.h. */
#include "tool/nearby.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/near.h"

enum { LOOKS = 10000 };                 /* names that are looked at, at most */

const char *
nearby_quote(char quoted[NEARBY_QUOTED], const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./,:@%+=-";
	char *p = quoted;

	if (word[0] != '\0' && word[strspn(word, plain)] == '\0')
		return memcpy(quoted, word, strlen(word) + 1);
	*p++ = '\'';
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			p = stpcpy(p, "'\\'");
		*p++ = *word;
	}
	return memcpy(p, "'", 2) != NULL ? quoted : NULL;
}

const char *
nearby_line(char line[NEARBY_QUOTED], const char *tool, char *const *words, int at)
{
	char quoted[NEARBY_QUOTED];
	size_t used = (size_t)snprintf(line, NEARBY_QUOTED, "%s", tool);

	for (int i = 1; words[i] != NULL && used < NEARBY_QUOTED; i++)
		if (strlen(words[i]) < PATH_MAX)
			used += (size_t)snprintf(line + used, NEARBY_QUOTED - used, "%s %s", i == at ? " --" : "",
			    nearby_quote(quoted, words[i]));
		else
			used = NEARBY_QUOTED;
	return used < NEARBY_QUOTED ? line : NULL;
}

/* is_program -- whether a plain file that can be executed is there, and not one of frames. */
static bool
is_program(const char *path)
{
	char start[2] = "";
	struct stat st;
	ssize_t n;
	int fd;

	if (stat(path, &st) == -1 || !S_ISREG(st.st_mode) || access(path, X_OK) == -1)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return true;
	n = read(fd, start, sizeof start);
	close(fd);
	return n > 0 && memcmp(start, "M1", sizeof start) != 0;
}

bool
nearby_command(const char *path, const char *name)
{
	const char *folder = getenv("PATH");
	char found[PATH_MAX];
	size_t len;
	int n;

	if (access(path, F_OK) == 0)
		return is_program(path);
	if (name[0] == '\0' || strchr(name, '/') != NULL || folder == NULL)
		return false;
	for (; *folder != '\0'; folder += len + (folder[len] == ':')) {
		len = strcspn(folder, ":");
		n = snprintf(found, sizeof found, "%.*s/%s", (int)len, folder, name);
		if (len > 0 && n > 0 && (size_t)n < sizeof found && is_program(found))
			return true;
	}
	return false;
}

const char *
nearby_box(const char *path, const char *name, char *near)
{
	const char *slash = strrchr(path, '/'), *typed = slash != NULL ? slash + 1 : path;
	const size_t folder = strlen(name) - strlen(typed);
	char dir[PATH_MAX], ctl[NAME_MAX + sizeof "/ctl"];
	unsigned best = NEAR_MOST + 1, edits;
	const struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof dir, "%.*s", (int)(typed - path), path);
	errno = 0;
	d = opendir(dir[0] != '\0' ? dir : ".");
	if (d == NULL)
		return NULL;
	for (int looks = 0; looks < LOOKS && (e = readdir(d)) != NULL; looks++) {
		edits = near_edits(typed, e->d_name);
		snprintf(ctl, sizeof ctl, "%s/ctl", e->d_name);
		if (edits < best && faccessat(dirfd(d), ctl, F_OK, 0) == 0) {
			best = edits;
			snprintf(near, PATH_MAX, "%.*s%s", (int)folder, name, e->d_name);
		}
	}
	closedir(d);
	errno = 0;
	return best <= NEAR_MOST ? near : NULL;
}
