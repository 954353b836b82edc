/* SPDX-License-Identifier: ISC */
/* rmmbox: remove mailboxes. */
#include <errno.h>
#include <stddef.h>

#include "base/clock.h"
#include "mailbox/mailbox.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/line.h"

static const struct args_option table[] = {
	{ 'f', "force", NULL, "remove mailboxes that hold messages, and the messages" },
	ARGS_COMMON
};

static const struct tool tool = { "rmmbox",
    "rmmbox [-f] name...",
    table, { "rmmbox jobs", "rmmbox -f jobs failed" }, CLI_PLAIN };

static int
rm(const char *name, bool force)
{
	struct damage damage = { 0 };
	char path[PATH_MAX];
	int err;

	if (cli_path(path, name) == 0 && mailbox_remove(path, force, CLOCK_NEVER, &damage) == 0)
		return CLI_OK;
	err = errno;
	cli_damage(name, &damage);
	errno = err;
	if (errno == EINVAL) {
		line_warn("cannot remove %s: its name must not end in . or ..", name);
		return CLI_USAGE;
	}
	if (errno == ELOOP) {
		line_warn("cannot remove %s: it is a symbolic link", name);
		return CLI_NO_CHANNEL;
	}
	if (errno == EEXIST) {
		line_warn("cannot remove %s: there is a directory or a hidden file in it that is not its own", name);
		return CLI_SYSTEM;
	}
	if (errno != ENOTEMPTY && errno != EINPROGRESS)
		return cli_fail("remove", name);
	line_warn(errno == ENOTEMPTY ? "cannot remove %s: it holds messages (-f removes them too)"
	    : "cannot remove %s: a call is going on there (-f removes it all the same)", name);
	return CLI_NOT_NOW;
}

int
main(int argc, char **argv)
{
	bool force = false;
	struct args args;
	int opt, status = CLI_OK, one;

	cli_begin(&tool);
	args_init(&args, &tool, argc, argv);
	while ((opt = args_option(&args)) != 0) {
		switch (opt) {
		case 'f':
			force = true;
			break;
		}
	}
	if (args.operands_n == 0)
		cli_usage("no mailbox is named");
	for (char **name = args.operands; *name != NULL; name++) {
		one = rm(*name, force);
		if (status == CLI_OK)
			status = one;
	}
	return status;
}
