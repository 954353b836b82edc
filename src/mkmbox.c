/* SPDX-License-Identifier: ISC */
/* mkmbox: make mailboxes, each whole or not at all. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "clock.h"
#include "mbox.h"

const char tool_name[] = "mkmbox";
const char tool_synopsis[] = "mkmbox [-p] [-b bytes] [-c messages] [-m mode] [-o policy] name...";
const char tool_options[] =
    "  -b, --bytes=BYTES      room for so many bytes of payload (default 64M; inf: no bound)\n"
    "  -c, --capacity=N       room for so many messages (default inf: no bound; 0: each is handed\n"
    "                         over from sender to receiver)\n"
    "  -m, --mode=MODE        permissions, in octal: 0600, 0660, 0666 (default 0600 less umask)\n"
    "  -o, --overflow=POLICY  when full: block the sender (default), drop the oldest; or latest:\n"
    "                         a message takes the place of the one of its tag\n"
    "  -p, --present          no error where it stands already with the same settings\n"
    "  -h, --help             print this help\n"
    "  -V, --version          print the version\n";

static const struct option long_options[] = {
	{ "bytes", required_argument, NULL, 'b' },
	{ "capacity", required_argument, NULL, 'c' },
	{ "mode", required_argument, NULL, 'm' },
	{ "overflow", required_argument, NULL, 'o' },
	{ "present", no_argument, NULL, 'p' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

#define BYTES_DEFAULT (UINT64_C(64) << 20)

/* parse_mode -- octal, read and write or nothing for each class, and both for the owner. */
static int
parse_mode(const char *arg, unsigned *mode)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 8);

	*mode = (unsigned)n;
	for (unsigned shift = 0; shift < 9; shift += 3)
		if ((n >> shift & 7) != 0 && (n >> shift & 7) != 6)
			n = ~0UL;
	if (*arg < '0' || *arg > '7' || *end != '\0' || n > 0666 || (n & 0600) != 0600)
		return cli_usage("-m: '%s' is not a mode that gives each class rw or nothing (0600, 0660, 0666)", arg);
	return CLI_OK;
}

static int
parse_policy(const char *arg, enum ctl_policy *policy)
{
	static const char *const names[] = { [CTL_BLOCK] = "block", [CTL_OLDEST] = "oldest", [CTL_LATEST] = "latest" };

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(arg, names[i]) == 0) {
			*policy = (enum ctl_policy)i;
			return CLI_OK;
		}
	return cli_usage("-o: '%s' is not block, oldest or latest", arg);
}

/* same -- whether a mailbox stands at path with these settings. */
static bool
same(const char *path, const struct mbox_settings *want)
{
	struct mbox m;
	bool is;

	if (mbox_open(&m, path) == -1)
		return false;
	is = mbox_lock(&m, clock_after(UINT64_C(1000000000))) == 0 && m.ctl.cap_messages == want->cap_messages
	    && m.ctl.cap_bytes == want->cap_bytes && m.ctl.mode == want->mode
	    && m.ctl.policy == want->policy;
	mbox_unlock(&m);
	mbox_close(&m);
	return is;
}

static int
make(const char *name, const struct mbox_settings *settings, bool present)
{
	char path[PATH_MAX];
	int err;

	if (cli_path(path, name) == 0 && mbox_make(path, settings) == 0)
		return CLI_OK;
	err = errno;
	if (err == EEXIST && present) {
		if (same(path, settings))
			return CLI_OK;
		cli_warn("cannot make %s: it stands already, with other settings", name);
		return CLI_CANNOT_CREATE;
	}
	errno = err;
	cli_fail("make", name);
	return err == EACCES || err == EPERM ? CLI_PERMISSION : CLI_CANNOT_CREATE;
}

int
main(int argc, char **argv)
{
	struct mbox_settings settings = { CTL_UNBOUNDED, BYTES_DEFAULT, 0600, CTL_BLOCK };
	bool present = false;
	int opt, status = CLI_OK, one;
	mode_t mask = umask(0);

	umask(mask);
	settings.mode &= ~(unsigned)mask;
	while ((opt = getopt_long(argc, argv, "b:c:m:o:phV", long_options, NULL)) != -1) {
		switch (opt) {
		case 'b':
			if (cli_bytes("-b", optarg, true, &settings.cap_bytes) == -1)
				return CLI_USAGE;
			break;
		case 'c':
			if (cli_count("-c", optarg, 0, true, &settings.cap_messages) == -1)
				return CLI_USAGE;
			break;
		case 'm':
			if (parse_mode(optarg, &settings.mode) != CLI_OK)
				return CLI_USAGE;
			break;
		case 'o':
			if (parse_policy(optarg, &settings.policy) != CLI_OK)
				return CLI_USAGE;
			break;
		case 'p':
			present = true;
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
	if (settings.cap_messages == 0 && settings.policy != CTL_BLOCK)
		return cli_usage("-o says what a full mailbox drops: with -c 0 there is nothing to drop");
	for (; optind < argc; optind++) {
		one = make(argv[optind], &settings, present);
		if (status == CLI_OK)
			status = one;
	}
	return status;
}
