/* SPDX-License-Identifier: ISC */
/* rmmbox: remove mailboxes. */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>

#include "cli.h"
#include "clock.h"
#include "mbox.h"

const char tool_name[] = "rmmbox";
const char tool_synopsis[] = "rmmbox [-f] name...";
const char tool_options[] =
    "  -f, --force            remove it with the messages that it holds\n"
    "  -h, --help             print this help\n"
    "  -V, --version          print the version\n";

static const struct option long_options[] = {
	{ "force", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int
rm(const char *name, bool force)
{
	char path[PATH_MAX];

	if (cli_path(path, name) == 0 && mbox_remove(path, force, CLOCK_NEVER) == 0)
		return CLI_OK;
	if (errno != ENOTEMPTY)
		return cli_fail("remove", name);
	cli_warn("cannot remove %s: it holds messages (-f removes them too)", name);
	return CLI_NOT_NOW;
}

int
main(int argc, char **argv)
{
	bool force = false;
	int opt, status = CLI_OK, one;

	while ((opt = getopt_long(argc, argv, "fhV", long_options, NULL)) != -1) {
		switch (opt) {
		case 'f':
			force = true;
			break;
		case 'h':
			return cli_help();
		case 'V':
			return cli_version();
		default:
			return cli_usage(NULL);
		}
	}
	if (optind == argc)
		return cli_usage("no mailbox is named");
	for (; optind < argc; optind++) {
		one = rm(argv[optind], force);
		if (status == CLI_OK)
			status = one;
	}
	return status;
}
