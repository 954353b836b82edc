/* SPDX-License-Identifier: ISC */
/* mkmbox: make mailboxes; each appears whole or not at all. */
#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "mailbox/mailbox.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/setting.h"

static const struct args_option table[] = {
	{ 'b', "bytes", "BYTES", "hold at most this many bytes of payload (default 64M; inf: no bound)" },
	{ 'c', "capacity", "N", "hold at most this many messages (default inf: no bound; 0: hand each\n"
	    ARGS_MORE "over from sender to receiver)" },
	{ 'd', "durable", NULL, "sent messages survive a loss of power" },
	{ 'g', "group", "GROUP", "the group of its files: a name in /etc/group, or a number" },
	{ 'm', "mode", "MODE", "permissions in octal, for owner, group, others: rw (6), look only (4),\n"
	    ARGS_MORE "send only (2) or nothing (0) (default 0600 less umask)" },
	{ 'o', "overflow", "POLICY", "when full, block the sender (default) or drop the oldest; or latest:\n"
	    ARGS_MORE "a message replaces the one with its tag" },
	{ 'p', "present", NULL, "accept a mailbox that already exists with the same settings" },
	ARGS_COMMON
};

static const struct tool tool = { "mkmbox",
    "mkmbox [-dp] [-b bytes] [-c messages] [-g group] [-m mode] [-o policy] name...",
    table };

#define BYTES_DEFAULT (UINT64_C(64) << 20)

/*
 * same -- whether a mailbox with these settings is at path, which the user calls name.  Returns 1, 0, or -1: EBUSY,
 * EACCES.
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
	    && is.policy == want->policy && is.durable == want->durable
	    && (!want->grouped || is.group == want->group);
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
		/* its maker may have been killed before this */
		if (is == 1 && settings->durable && mailbox_sync(path) == -1)
			return cli_fail("sync", name);
		if (is == 1)
			return CLI_OK;
		if (is == -1)
			return cli_fail("look into", name);
		cli_warn("cannot make %s: it already exists, with other settings", name);
		return CLI_CANNOT_CREATE;
	}
	errno = err;
	if (err == EREMOTE)
		cli_warn("cannot make %s: a mailbox cannot be on a network file system: other machines would see it too", name);
	else if (err == ENOLCK || err == EOPNOTSUPP)
		cli_warn("cannot make %s: %s do not work on this file system", name, err == ENOLCK ? "record locks" : "named pipes");
	else
		cli_fail("make", name);
	return err == EACCES || err == EPERM ? CLI_PERMISSION : CLI_CANNOT_CREATE;
}

int
main(int argc, char **argv)
{
	struct mailbox_settings settings = { .cap_messages = MAILBOX_UNBOUNDED, .cap_bytes = BYTES_DEFAULT, .mode = 0600 };
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
			settings.cap_bytes = args_bytes(&args);
			break;
		case 'c':
			settings.cap_messages = args_count(&args, true);
			break;
		case 'd':
			settings.durable = true;
			break;
		case 'g':
			settings.grouped = true;
			settings.group = setting_group(&args);
			break;
		case 'm':
			settings.mode = setting_mode(&args);
			break;
		case 'o':
			settings.policy = setting_policy(&args);
			break;
		case 'p':
			present = true;
			break;
		}
	}
	if (args.operands_n == 0)
		cli_usage("no mailbox is named");
	if (mode_wrong(settings.mode) != NULL)
		cli_usage("the umask leaves the owner less than read and write permission: give a mode with -m");
	if (mailbox_wrong(&settings) != NULL)
		cli_usage("%s", mailbox_wrong(&settings));
	for (char **name = args.operands; *name != NULL; name++) {
		one = make(*name, &settings, present);
		if (status == CLI_OK)
			status = one;
	}
	return status;
}
