/* SPDX-License-Identifier: ISC */
/*
 * mstat: show what is in mailboxes, and what receivers and senders wait for.
 *
 * A mailbox is read under its lock, so that the numbers are of one moment; nothing is printed before the unlock.
 * With -f it is read once a second, and the counts of the last look are kept for the rates.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "mailbox/mailbox.h"
#include "tool/args.h"
#include "tool/cli.h"
#include "tool/list.h"
#include "tool/rates.h"
#include "tool/show.h"

enum { SOURCE = ARGS_LONG, TAG, WAITERS };

static const struct args_option table[] = {
	{ 'f', "follow", NULL, "show the table again every second, with rates" },
	{ 'J', "json", NULL, "print a line of JSON for each row" },
	{ 'm', "messages", NULL, "print a row for each message: its state, and who holds it" },
	{ SOURCE, "source", "GLOB", "with -m: only messages from these sources" },
	{ TAG, "tag", "GLOB", "with -m: only messages with these tags" },
	{ 't', "tags", NULL, "print a row for each tag in each mailbox" },
	{ WAITERS, "waiters", NULL, "print a row for each process that waits: for what, and since when" },
	ARGS_COMMON
};

static const struct tool tool = { "mstat",
    "mstat [-fJmt] [--source glob] [--tag glob] [--waiters] [mailbox...]",
    table };

#define TICK_NS UINT64_C(1000000000)

struct stats {
	bool follow;
	bool messages, waiters;         /* -m, --waiters: print a list */
	struct show show;
	struct list list;
	struct snapshot snapshot;
	struct rates pace;
	bool broken;                    /* standard output failed */
};

/*
 * look_at -- show one mailbox.  listed: it was there a moment ago.  Returns the exit status; a new failure is reported.
 */
static int
look_at(struct stats *t, char *name, bool listed)
{
	struct snapshot *s = &t->snapshot;
	const struct rates_look *last = rates_last(&t->pace, name);
	struct rates_look now = { .name = name };
	struct rate rates;
	char path[PATH_MAX];
	bool gone;

	t->list.name = name;
	if (cli_path(path, name) == -1 || snapshot_look(s, path, t->show.tags) == -1) {
		now.error = errno;
		if (t->messages && outbuf_result(&t->list.out) == -1)
			return CLI_OK;          /* list_end fails */
		gone = now.error == ENOENT || now.error == EIDRM;
		if ((gone && (listed || t->show.blocks > 0)) || (now.error == EINTR && io_stop))
			return CLI_OK;
		if (t->follow && rates_keep(&t->pace, &now) == -1)
			return cli_fail("remember", name);
		errno = now.error == EIDRM ? ENOENT : now.error;
		return last != NULL && last->error == now.error ? cli_status(now.error) : cli_fail("look into", name);
	}
	cli_damage(name, &s->damage);
	if (t->waiters)
		list_waiters(&t->list, s);
	if (t->messages || t->waiters)
		return CLI_OK;
	now.identity = s->identity;
	now.sent = s->sent;
	now.received = s->received;
	now.now_ns = s->now_ns;
	rates = rates_of(last, &now);
	show_mailbox(&t->show, name, s, &rates);
	return t->follow && rates_keep(&t->pace, &now) == -1 ? cli_fail("remember", name) : CLI_OK;
}

/* is_mailbox -- whether a directory entry is a mailbox that can be opened, or fails to for a reason worth reporting. */
static int
is_mailbox(const struct dirent *e)
{
	char path[PATH_MAX];

	if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || cli_path(path, e->d_name) == -1)
		return 0;
	return mailbox_check(path) == 0 || cli_status(errno) == CLI_SYSTEM || cli_status(errno) == CLI_IO;
}

/* look_around -- show all mailboxes in the directory, sorted.  Returns the exit status. */
static int
look_around(struct stats *t)
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
		one = look_at(t, found[i]->d_name, true);
		status = status == CLI_OK ? one : status;
		free(found[i]);
	}
	free(found);
	return status;
}

/* look_all -- show the named mailboxes, or all in the directory.  Returns the exit status. */
static int
look_all(struct stats *t, char **names)
{
	int status = CLI_OK, one;

	if (*names == NULL)
		return look_around(t);
	for (; *names != NULL; names++) {
		one = look_at(t, *names, false);
		status = status == CLI_OK ? one : status;
	}
	return status;
}

/* list_all -- list the messages of the named mailboxes, or of all, or the processes that wait.  Returns the exit status. */
static int
list_all(struct stats *t, char **names)
{
	int status, one;

	t->list.json = t->show.json;
	t->list.named = names[0] == NULL || names[1] != NULL;
	t->list.waiters = t->waiters;
	t->snapshot.list = t->messages ? &t->list.to : NULL;
	list_begin(&t->list);
	status = look_all(t, names);
	if (list_end(&t->list) == 0)
		return status;
	one = cli_fail("write to", "standard output");
	return status == CLI_OK ? one : status;
}

/* look_once -- show the named mailboxes, or all, as a block.  Returns the exit status. */
static int
look_once(struct stats *t, char **names)
{
	int status, one;

	show_begin(&t->show);
	status = look_all(t, names);
	rates_turn(&t->pace);
	if (show_end(&t->show, status == CLI_OK || t->show.blocks > 0) == 0 || io_stop)
		return status;
	t->broken = true;
	one = cli_fail("write to", "standard output");
	return status == CLI_OK ? one : status;
}

/* follow -- show the mailboxes once a second until a signal comes.  Returns only if the first round fails. */
static int
follow(struct stats *t, char **names)
{
	uint64_t next_ns = clock_mono_ns();
	int status, ms = 1000;

	t->show.rates = true;
	t->show.redraw = !t->show.json && isatty(STDOUT_FILENO);
	io_catch_stop();
	while (!io_stop) {
		status = look_once(t, names);
		if (t->broken || (status != CLI_OK && t->show.blocks == 1 && t->show.mailboxes == 0))
			return status;
		next_ns += TICK_NS;
		if (next_ns < clock_mono_ns())          /* the process was stopped, or the round took long */
			next_ns = clock_after(TICK_NS);
		while (!io_stop && clock_left_ms(next_ns, 1) > 0)
			io_nap(next_ns, &ms, 1000);
	}
	if (t->show.redraw)
		io_write(STDOUT_FILENO, "\n", 1);
	cli_stopped(io_stop);
}

int
main(int argc, char **argv)
{
	static struct stats t;
	struct args args;
	int opt;

	cli_begin(&tool);
	args_init(&args, &tool, argc, argv);
	while ((opt = args_option(&args)) != 0) {
		switch (opt) {
		case 'f':
			t.follow = true;
			break;
		case 'J':
			t.show.json = true;
			break;
		case 'm':
			t.messages = true;
			break;
		case SOURCE:
			args_glob(&args, &t.list.filter, 's');
			break;
		case TAG:
			args_glob(&args, &t.list.filter, 't');
			break;
		case 't':
			t.show.tags = true;
			break;
		case WAITERS:
			t.waiters = true;
			break;
		}
	}
	if (t.messages + t.waiters + t.show.tags > 1)
		cli_usage("-m, -t and --waiters exclude each other");
	if (t.follow && (t.messages || t.waiters))
		cli_usage("-f shows a table again: not with -m or --waiters");
	if (t.list.filter.len > 0 && !t.messages)
		cli_usage("--source and --tag choose messages: they need -m");
	if (t.messages || t.waiters)
		return list_all(&t, args.operands);
	return t.follow ? follow(&t, args.operands) : look_once(&t, args.operands);
}
