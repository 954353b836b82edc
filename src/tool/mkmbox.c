/* SPDX-License-Identifier: ISC */
/* mkmbox: make mailboxes; each appears whole or not at all. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "mailbox/mailbox.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/line.h"
#include "tool/nearby.h"
#include "tool/setting.h"

static const struct args_option table[] = {
	{ 'b', "bytes", "BYTES", "hold at most this many bytes (default 64M; inf: any)" },
	{ 'c', "capacity", "N", "hold at most this many messages (default inf: any);\n"
	    ARGS_MORE "0: hand each over from sender to receiver" },
	{ 'd', "durable", NULL, "sent messages survive a loss of power" },
	{ 'g', "group", "GROUP", "the group of its files: a name, or a number" },
	{ 'm', "mode", "MODE", "for owner, group, others: rw (6), look only (4), send\n"
	    ARGS_MORE "only (2), nothing (0) (default 0600 less umask)" },
	{ 'o', "overflow", "POLICY", "when full, block the sender (default), drop the oldest;\n"
	    ARGS_MORE "or latest: a message replaces the one with its tag" },
	{ 'p', "present", NULL, "accept one that exists with the same settings" },
	ARGS_COMMON
};

static const struct tool tool = { "mkmbox",
    "mkmbox [-dp] [-b bytes] [-c messages] [-g group] [-m mode] [-o policy]\n"
    "              name...",
    table, { "mkmbox jobs failed", "mkmbox -d -c 1000 -m 0660 -g users jobs" }, CLI_PLAIN };

#define BYTES_DEFAULT (UINT64_C(64) << 20)

/* How a mailbox differs from what is asked for, in words, and as options of chmbox(1). */
struct difference {
	char words[512];
	char options[128];
	bool fixed;                     /* some of it cannot be changed */
};

/* differs -- add a setting that is so, and is to be otherwise.  letter: the option that changes it; 0: there is none. */
static void
differs(struct difference *d, char letter, const char *what, const char *is, const char *want)
{
	const size_t words = strlen(d->words), options = strlen(d->options);

	(void)snprintf(d->words + words, sizeof d->words - words, "%s%s %s, not %s", words > 0 ? ", " : "", what, is, want);
	if (letter != 0)
		(void)snprintf(d->options + options, sizeof d->options - options, " -%c %s", letter, want);
	d->fixed |= letter == 0;
}

/* compare -- what of a mailbox's settings is not as it is wanted. */
static void
compare(struct difference *d, const struct mailbox_settings *is, const struct mailbox_settings *want)
{
	char a[SETTING_BOUND], b[SETTING_BOUND];

	if (is->cap_messages != want->cap_messages)
		differs(d, 'c', "capacity", setting_bound(a, is->cap_messages, false), setting_bound(b, want->cap_messages, false));
	if (is->cap_bytes != want->cap_bytes)
		differs(d, 'b', "bytes", setting_bound(a, is->cap_bytes, true), setting_bound(b, want->cap_bytes, true));
	if (is->policy != want->policy)
		differs(d, 'o', "policy", setting_policy_name(is->policy), setting_policy_name(want->policy));
	if (is->mode != want->mode) {
		(void)snprintf(a, sizeof a, "%04o", is->mode);
		(void)snprintf(b, sizeof b, "%04o", want->mode);
		differs(d, 'm', "mode", a, b);
	}
	if (want->grouped && is->group != want->group) {
		(void)snprintf(a, sizeof a, "%u", (unsigned)is->group);
		(void)snprintf(b, sizeof b, "%u", (unsigned)want->group);
		differs(d, 'g', "group", a, b);
	}
	if (is->durable != want->durable)
		differs(d, 0, "durable", is->durable ? "yes" : "no", is->durable ? "no" : "yes");
}

/* accept -- with -p: whether the mailbox that is there is as it is wanted.  Returns the exit status. */
static int
accept(const char *name, const char *path, const struct mailbox_settings *want)
{
	static LARGE char word[NEARBY_QUOTED];
	struct mailbox_settings is;
	struct difference d = { .fixed = false };
	struct damage damage = { 0 };
	int r = mailbox_look(path, &is, &damage), err = errno;

	cli_damage(name, &damage);
	errno = err;
	if (r == -1) {
		r = cli_fail("look into", name);
		return r == CLI_PERMISSION || r == CLI_TIMEOUT ? r : CLI_CANNOT_CREATE;
	}
	compare(&d, &is, want);
	/* its maker may have been killed before this */
	if (d.words[0] == '\0')
		return want->durable && mailbox_sync(path) == -1 ? cli_fail("sync", name) : CLI_OK;
	if (d.fixed || !line_shows(name))
		line_warn("%s exists, with %s", name, d.words);
	else
		line_warn("%s exists, with %s (chmbox%s %s changes that)", name, d.words, d.options, nearby_quote(word, name));
	return CLI_CANNOT_CREATE;
}

static int
make(const char *name, const struct mailbox_settings *settings, bool present)
{
	char path[PATH_MAX];
	const char *slash;

	if (cli_path(path, name) == 0 && mailbox_make(path, settings) == 0)
		return CLI_OK;
	switch (errno) {
	case EEXIST:
		if (present)
			return accept(name, path, settings);
		break;
	case ENOENT:
		slash = name[0] != '\0' ? strrchr(path, '/') : NULL;
		if (slash == NULL)
			break;
		line_warn("cannot make %s: there is no folder %.*s", name, (int)(slash - path), path);
		return CLI_CANNOT_CREATE;
	case EPERM:
		if (!settings->grouped)
			break;
		line_warn("cannot make %s: -g needs a group which its user is in", name);
		return CLI_PERMISSION;
	case EREMOTE:
		line_warn("cannot make %s: a mailbox cannot be on a network file system: other machines would see it too", name);
		return CLI_CANNOT_CREATE;
	case ENOLCK:
		line_warn("cannot make %s: record locks do not work on this file system", name);
		return CLI_CANNOT_CREATE;
	case EOPNOTSUPP:
		line_warn("cannot make %s: named pipes do not work on this file system", name);
		return CLI_CANNOT_CREATE;
	}
	return cli_fail("make", name) == CLI_PERMISSION ? CLI_PERMISSION : CLI_CANNOT_CREATE;
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
		cli_refuse("the umask leaves the owner less than read and write permission: give a mode with -m");
	if (mailbox_wrong(&settings) != NULL)
		cli_refuse("%s", mailbox_wrong(&settings));
	for (char **name = args.operands; *name != NULL; name++) {
		one = make(*name, &settings, present);
		if (status == CLI_OK)
			status = one;
	}
	return status;
}
