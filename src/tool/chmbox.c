/* SPDX-License-Identifier: ISC */
/* chmbox: change mailboxes that stand; each as a whole or not at all. */
#include <errno.h>
#include <stddef.h>

#include "mailbox/mailbox.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/line.h"
#include "tool/setting.h"

enum { CLOSE = ARGS_LONG, OPEN, PAUSE, RESUME };

static const struct args_option table[] = {
	{ 'b', "bytes", "BYTES", "let it hold at most this many bytes (inf: any)" },
	{ 'c', "capacity", "N", "let it hold at most this many messages (inf: any);\n"
	    ARGS_MORE "0: hand each over from sender to receiver" },
	{ CLOSE, "close", NULL, "let nothing more be sent: receivers end once all is out" },
	{ 'g', "group", "GROUP", "the group of its files: a name, or a number" },
	{ 'm', "mode", "MODE", "for owner, group, others: rw (6), look only (4), send\n"
	    ARGS_MORE "only (2), nothing (0)" },
	{ OPEN, "open", NULL, "let messages be sent to it again" },
	{ 'o', "overflow", "POLICY", "when full, block the sender, drop the oldest;\n"
	    ARGS_MORE "or latest: a message replaces the one with its tag" },
	{ PAUSE, "pause", NULL, "let receivers take nothing, until it is resumed" },
	{ RESUME, "resume", NULL, "let receivers go on" },
	ARGS_COMMON
};

static const struct tool tool = { "chmbox",
    "chmbox [-b bytes] [-c messages] [-g group] [-m mode] [-o policy]\n"
    "              [--close | --open] [--pause | --resume] name...",
    table, { "chmbox -c 1000 jobs", "chmbox --pause jobs" }, CLI_PLAIN };

static int
ch(const char *name, const struct mailbox_change *change)
{
	struct mailbox_change own = *change;
	char path[PATH_MAX];
	int r = cli_path(path, name) == 0 ? mailbox_change(path, &own) : -1;
	int err = errno;

	cli_damage(name, &own.damage);
	if (r == 0)
		return CLI_OK;
	errno = err;
	if (err == EINVAL && mailbox_wrong(&own.to) != NULL) {
		line_warn("cannot change %s: %s", name, mailbox_wrong(&own.to));
		return CLI_USAGE;
	}
	if (err == ENOTEMPTY) {
		line_warn("cannot take send-only access (w) to %s away: a message that was left there has not come in yet", name);
		return CLI_NOT_NOW;
	}
	if (err == EPERM && (change->what & (MAILBOX_MODE | MAILBOX_GROUP))) {
		line_warn("cannot change %s: -m and -g need the owner of all its files, and -g a group which that user is in", name);
		return CLI_PERMISSION;
	}
	if (err != EINPROGRESS)
		return cli_fail("change", name);
	line_warn("cannot change %s from or to capacity 0: a message or a process waits there", name);
	return CLI_NOT_NOW;
}

int
main(int argc, char **argv)
{
	struct mailbox_change change = { .what = 0 };
	struct args args;
	int opt, status = CLI_OK, one;

	cli_begin(&tool);
	args_init(&args, &tool, argc, argv);
	while ((opt = args_option(&args)) != 0) {
		switch (opt) {
		case 'b':
			change.what |= MAILBOX_BYTES;
			change.to.cap_bytes = args_bytes(&args);
			break;
		case 'c':
			change.what |= MAILBOX_MESSAGES;
			change.to.cap_messages = args_count(&args, true);
			break;
		case 'g':
			change.what |= MAILBOX_GROUP;
			change.to.group = setting_group(&args);
			break;
		case 'm':
			change.what |= MAILBOX_MODE;
			change.to.mode = setting_mode(&args);
			break;
		case 'o':
			change.what |= MAILBOX_POLICY;
			change.to.policy = setting_policy(&args);
			break;
		case CLOSE:
		case OPEN:
			if ((change.what & MAILBOX_CLOSED) && change.to.closed != (opt == CLOSE))
				cli_refuse("--close and --open exclude each other");
			change.what |= MAILBOX_CLOSED;
			change.to.closed = opt == CLOSE;
			break;
		case PAUSE:
		case RESUME:
			if ((change.what & MAILBOX_PAUSED) && change.to.paused != (opt == PAUSE))
				cli_refuse("--pause and --resume exclude each other");
			change.what |= MAILBOX_PAUSED;
			change.to.paused = opt == PAUSE;
			break;
		}
	}
	if (args.operands_n == 0)
		cli_usage("no mailbox is named");
	if (change.what == 0)
		cli_usage("nothing is to be changed: give an option");
	for (char **name = args.operands; *name != NULL; name++) {
		one = ch(*name, &change);
		if (status == CLI_OK)
			status = one;
	}
	return status;
}
