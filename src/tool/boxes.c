/* SPDX-License-Identifier: ISC */
/* boxes: see boxes.h. */
#include "tool/boxes.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mailbox/mailbox.h"
#include "tool/cli.h"

/* is_mailbox -- whether a directory entry is a mailbox that can be opened, or fails to for a reason worth reporting. */
static int
is_mailbox(const struct dirent *e)
{
	char path[PATH_MAX];
	int status;

	if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || cli_path(path, e->d_name) == -1)
		return 0;
	if (mailbox_check(path) == 0)
		return 1;
	/* a directory without permission may be one, for all we know */
	status = cli_status(errno);
	return status == CLI_SYSTEM || status == CLI_IO || status == CLI_PERMISSION;
}

/* in_directory -- boxes_each for all in the directory. */
static int
in_directory(int (*f)(void *arg, char *name, bool listed), void *arg)
{
	const char *dir = getenv("MBOX_DIR");
	struct dirent **found;
	int status = CLI_OK, n, one;

	if (dir == NULL || *dir == '\0')
		dir = ".";
	n = scandir(dir, &found, is_mailbox, alphasort);
	if (n == -1)
		return cli_fail("list", dir);
	for (int i = 0; i < n; i++) {
		one = f(arg, found[i]->d_name, true);
		status = status == CLI_OK ? one : status;
		free(found[i]);
	}
	free(found);
	return status;
}

int
boxes_each(char **names, int (*f)(void *arg, char *name, bool listed), void *arg)
{
	int status = CLI_OK, one;

	if (*names == NULL)
		return in_directory(f, arg);
	for (; *names != NULL; names++) {
		one = f(arg, *names, false);
		status = status == CLI_OK ? one : status;
	}
	return status;
}
