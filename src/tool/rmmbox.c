/* SPDX-License-Identifier: ISC */
/* rmmbox: remove mailboxes. */
#include <errno.h>
#include <stddef.h>

#include "base/clock.h"
#include "mailbox/mailbox.h"
#include "tool/args.h"
#include "tool/cli.h"

static const struct args_option table[] = {
	{ 'f', "force", NULL, "remove mailboxes that hold messages, and the messages" },
	ARGS_COMMON
};

static const struct tool tool = { "rmmbox",
    "rmmbox [-f] name...",
    table };

static int
rm(const char *name, bool force)
{
	char path[PATH_MAX];

	if (cli_path(path, name) == 0 && mailbox_remove(path, force, CLOCK_NEVER, cli_locked) == 0)
		return CLI_OK;
	if (errno == EINVAL) {
		cli_warn("cannot remove %s: its name must not end in . or ..", name);
		return CLI_USAGE;
	}
	if (errno != ENOTEMPTY && errno != EINPROGRESS)
		return cli_fail("remove", name);
	cli_warn(errno == ENOTEMPTY ? "cannot remove %s: it holds messages (-f removes them too)"
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
