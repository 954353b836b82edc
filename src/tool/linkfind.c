/* SPDX-License-Identifier: ISC */
/* linkfind: see linkfind.h. */
#include "tool/linkfind.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/io.h"

/* own_folder -- the folder of our own program.  folder: PATH_MAX bytes; empty where it can not be told. */
static void
own_folder(char *folder)
{
	ssize_t n = readlink("/proc/self/exe", folder, PATH_MAX - 1);

	folder[n > 0 ? n : 0] = '\0';
	if (strrchr(folder, '/') != NULL)
		*strrchr(folder, '/') = '\0';
	else
		folder[0] = '\0';
}

/* try -- whether FOLDER/WHERE/NAME can be run; path gets it. */
static bool
try(char *path, struct slice folder, const char *where, const char *name)
{
	int n = snprintf(path, PATH_MAX, "%.*s/%s%s", (int)folder.len, folder.p, where, name);

	return folder.len > 0 && n > 0 && n < PATH_MAX && access(path, X_OK) == 0;
}

void
linkfind_tool(char *path, const char *name)
{
	char folder[PATH_MAX];

	own_folder(folder);
	if (!try(path, slice_of(folder), "", name))
		snprintf(path, PATH_MAX, "%s", name);
}

int
linkfind_adapter(char *path, const char *name)
{
	/* installed; and as make leaves them, where the tools are in bin/ or in BUILD/bin */
	static const char *const places[] = { "../libexec/letterbox/", "../build/link/", "../link/" };
	const char *folders = getenv("MBOX_LINKS");
	char folder[PATH_MAX];
	size_t len;

	for (; folders != NULL && *folders != '\0'; folders += len + (folders[len] == ':')) {
		len = strcspn(folders, ":");
		if (try(path, (struct slice){ folders, len }, "", name))
			return 0;
	}
	own_folder(folder);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (try(path, slice_of(folder), places[i], name))
			return 0;
	return fail_with(ENOENT);
}

/* run -- start the program with the word `form'.  out: gets what it writes.  Returns 0 with *pid, or an errno. */
static int
run(const char *path, int *out, pid_t *pid)
{
	static char word[] = "form";
	char own[PATH_MAX], *argv[] = { own, word, NULL };
	posix_spawn_file_actions_t actions;
	int ends[2], err;

	snprintf(own, sizeof own, "%s", path);
	if (pipe2(ends, O_CLOEXEC) == -1)
		return errno;
	err = posix_spawn_file_actions_init(&actions);
	if (err == 0) {
		err = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
		if (err == 0)
			err = posix_spawn(pid, path, &actions, NULL, argv, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(ends[1]);
	if (err != 0)
		close(ends[0]);
	*out = ends[0];
	return err;
}

int
linkfind_batches(const char *path)
{
	char text[16] = "";
	size_t used = 0;
	ssize_t n;
	pid_t pid = -1;
	int out = -1, status = 0, err = run(path, &out, &pid);

	if (err != 0)
		return fail_with(err);
	while (used < sizeof text - 1 && (n = io_read(out, text + used, sizeof text - 1 - used)) > 0)
		used += (size_t)n;
	close(out);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (status != 0 || (strcmp(text, "batch\n") != 0 && strcmp(text, "stream\n") != 0))
		return fail_with(EPROTO);
	return text[0] == 'b';
}
