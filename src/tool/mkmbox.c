/* SPDX-License-Identifier: ISC */
/* mkmbox: make mailboxes, each whole or not at all. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "mailbox/mailbox.h"
#include "tool/args.h"
#include "tool/cli.h"

static const struct args_option table[] = {
	{ 'b', "bytes", "BYTES", "room for so many bytes of payload (default 64M; inf: no bound)" },
	{ 'c', "capacity", "N", "room for so many messages (default inf: no bound; 0: each is handed\n"
	    "over from sender to receiver)" },
	{ 'd', "durable", NULL, "what was sent survives loss of power" },
	{ 'm', "mode", "MODE", "who may do what, in octal: for owner, group, others rw (6), look only\n(4), send only (2) or nothing (default 0600 less umask)" },
	{ 'o', "overflow", "POLICY", "when full: block the sender (default), drop the oldest; or latest:\n"
	    "a message takes the place of the one of its tag" },
	{ 'p', "present", NULL, "no error where it stands already with the same settings" },
	ARGS_COMMON
};

static const struct tool tool = { "mkmbox",
    "mkmbox [-dp] [-b bytes] [-c messages] [-m mode] [-o policy] name...",
    table };

#define BYTES_DEFAULT (UINT64_C(64) << 20)

/* parse_mode -- octal. */
static int
parse_mode(const struct args *a, unsigned *mode)
{
	const char *arg = a->value, *wrong;
	char *end;
	unsigned long n = strtoul(arg, &end, 8);

	wrong = *arg < '0' || *arg > '7' || *end != '\0' || n > 07777 ? "it is no octal number" : mode_wrong((unsigned)n);
	if (wrong != NULL)
		return cli_usage("%s: '%s' is not a mode for a mailbox: %s", a->option, arg, wrong);
	*mode = (unsigned)n;
	return CLI_OK;
}

static int
parse_policy(const struct args *a, enum mailbox_policy *policy)
{
	static const char *const names[] = { [MAILBOX_BLOCK] = "block", [MAILBOX_OLDEST] = "oldest", [MAILBOX_LATEST] = "latest" };

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(a->value, names[i]) == 0) {
			*policy = (enum mailbox_policy)i;
			return CLI_OK;
		}
	return cli_usage("%s: '%s' is not block, oldest or latest", a->option, a->value);
}

/*
 * same -- whether a mailbox stands at path, which the user calls name, with these settings.
 * Returns 1, 0, or -1: EBUSY, EACCES.
 */
static int
same(const char *name, const char *path, const struct mailbox_settings *want)
{
	struct mailbox_settings is;
	struct damage damage = { 0 };
	int r = mailbox_look(path, &is, &damage);

	cli_damage(name, &damage);
	if (r == -1)
		return errno == EACCES || errno == EBUSY ? -1 : 0;
	return is.cap_messages == want->cap_messages && is.cap_bytes == want->cap_bytes && is.mode == want->mode
	    && is.policy == want->policy && is.durable == want->durable;
}

/* unfit -- why the file system is no place for a mailbox; NULL where that is not what the errno says. */
static const char *
unfit(int err)
{
	switch (err) {
	case EREMOTE:
		return "a network file system is no place for a mailbox: other machines would see it too";
	case ENOLCK:
		return "the file system has no locks that work";
	case EOPNOTSUPP:
		return "the file system has no named pipes that work";
	default:
		return NULL;
	}
}

static int
make(const char *name, const struct mailbox_settings *settings, bool present)
{
	char path[PATH_MAX];
	int err, is;

	if (cli_path(path, name) == 0 && mailbox_make(path, settings) == 0)
		return CLI_OK;
	err = errno;
	if (err == EEXIST && present) {
		is = same(name, path, settings);
		/* it may be that who made it was killed before this */
		if (is == 1 && settings->durable && mailbox_sync(path) == -1)
			return cli_fail("sync", name);
		if (is == 1)
			return CLI_OK;
		if (is == -1)
			return cli_fail("look into", name);
		cli_warn("cannot make %s: it stands already, with other settings", name);
		return CLI_CANNOT_CREATE;
	}
	errno = err;
	if (unfit(err) != NULL)
		cli_warn("cannot make %s: %s", name, unfit(err));
	else
		cli_fail("make", name);
	return err == EACCES || err == EPERM ? CLI_PERMISSION : CLI_CANNOT_CREATE;
}

int
main(int argc, char **argv)
{
	struct mailbox_settings settings = { MAILBOX_UNBOUNDED, BYTES_DEFAULT, 0600, MAILBOX_BLOCK, false };
	bool present = false;
	struct args args;
	int opt, status = CLI_OK, one;
	mode_t mask = umask(0);

	umask(mask);
	settings.mode &= ~(unsigned)mask;
	cli_begin(&tool);
	args_init(&args, &tool, argc, argv);
	while ((opt = args_option(&args)) != 0) {
		switch (opt) {
		case 'b':
			if (args_bytes(&args, true, &settings.cap_bytes) == -1)
				return CLI_USAGE;
			break;
		case 'c':
			if (args_count(&args, 0, true, &settings.cap_messages) == -1)
				return CLI_USAGE;
			break;
		case 'd':
			settings.durable = true;
			break;
		case 'm':
			if (parse_mode(&args, &settings.mode) != CLI_OK)
				return CLI_USAGE;
			break;
		case 'o':
			if (parse_policy(&args, &settings.policy) != CLI_OK)
				return CLI_USAGE;
			break;
		case 'p':
			present = true;
			break;
		}
	}
	if (args.operands_n == 0)
		return cli_usage("no mailbox is named");
	if (mode_wrong(settings.mode) != NULL)
		return cli_usage("the umask leaves the owner less than read and write permission: give a mode with -m");
	if (settings.durable && mode_drops(settings.mode))
		return cli_usage("-d: who may only send (w) could not tell that his message is on stable storage");
	if (settings.cap_messages == 0 && mode_drops(settings.mode))
		return cli_usage("-c 0 keeps nothing: who may only send (w) would leave messages that nobody hands over");
	if (settings.cap_messages == 0 && settings.policy != MAILBOX_BLOCK)
		return cli_usage("-o says what a full mailbox drops: with -c 0 there is nothing to drop");
	if (settings.durable && settings.cap_messages == 0)
		return cli_usage("-d keeps what was sent through a loss of power: with -c 0 nothing is kept");
	if (settings.durable && settings.policy != MAILBOX_BLOCK)
		return cli_usage("-d keeps what was sent until it is received: -o drops it");
	if (settings.durable && mode_drops(settings.mode))
		return cli_usage("-d waits for the disk: who may only send (w) could not");
	for (char **name = args.operands; *name != NULL; name++) {
		one = make(*name, &settings, present);
		if (status == CLI_OK)
			status = one;
	}
	return status;
}
