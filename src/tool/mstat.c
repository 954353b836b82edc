/* SPDX-License-Identifier: ISC */
/*
 * mstat: show what is in mailboxes, and what receivers and senders wait for.
 *
 * A mailbox is read under its lock, so that the numbers are of one moment; nothing is printed before the unlock.
 * With -f it is read once a second, and the counts of the last look are kept for the rates.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/memory.h"
#include "mailbox/mailbox.h"
#include "tool/args.h"
#include "tool/boxes.h"
#include "tool/cli.h"
#include "tool/line.h"
#include "tool/list.h"
#include "tool/live.h"
#include "tool/rates.h"
#include "tool/screen.h"
#include "tool/show.h"

enum { SOURCE = ARGS_LONG, TAG, WAITERS };

static const struct args_option table[] = {
	{ 'f', "follow", NULL, "show the table again every second, with rates" },
	{ 'J', "json", NULL, "print a line of JSON for each row" },
	{ 'm', "messages", NULL, "print a row for each message: its state, who holds it" },
	{ SOURCE, "source", "GLOB", "with -m: only messages from these sources" },
	{ TAG, "tag", "GLOB", "with -m: only messages with these tags" },
	{ 't', "tags", NULL, "print a row for each tag in each mailbox" },
	{ WAITERS, "waiters", NULL, "print a row for each process that waits, and for what" },
	ARGS_COMMON
};

static const struct tool tool = { "mstat",
    "mstat [-fJmt] [--source glob] [--tag glob] [--waiters] [mailbox...]",
    table, { "mstat -f", "mstat -m jobs" }, CLI_PLAIN };

#define TICK_NS UINT64_C(1000000000)

struct stats {
	bool follow;
	bool messages, waiters;         /* -m, --waiters: print a list */
	struct show show;
	struct list list;
	struct snapshot snapshot;
	struct rates pace;
	struct live live;
	bool broken;                    /* standard output failed, */
	int status;                     /* while the screen was ours: the exit status of that */
};

/* not_read -- note that a mailbox cannot be looked at (errno).  listed: as of look_at.  Returns the exit status. */
static int
not_read(struct stats *t, const char *name, bool listed)
{
	const struct rates_look *last = rates_last(&t->pace, name);
	struct rates_look now = { .error = errno };
	const bool gone = now.error == ENOENT || now.error == EIDRM;

	if (t->messages && outbuf_result(&t->list.out) == -1)
		return CLI_OK;                  /* list_end fails */
	if ((gone && (listed || t->show.blocks > 0)) || (now.error == EINTR && io_stop))
		return CLI_OK;
	if (t->follow && rates_keep(&t->pace, &now, name) == -1)
		return cli_fail("remember", name);
	errno = now.error == EIDRM ? ENOENT : now.error;
	if (!t->show.live || t->show.blocks == 0)
		return last != NULL && last->error == now.error ? cli_status(now.error) : cli_fail("look into", name);
	live_unread(&t->live, name);
	return cli_status(errno);
}

/*
 * look_at -- show one mailbox.  listed: it was there a moment ago.  Returns the exit status; a new failure is reported.
 */
static int
look_at(void *arg, char *name, bool listed)
{
	struct stats *t = arg;
	struct snapshot *s = &t->snapshot;
	struct rates_look now;
	struct rate rates;
	char path[PATH_MAX];

	t->list.name = name;
	if (cli_path(path, name) == -1 || snapshot_look(s, path, t->show.tags) == -1)
		return not_read(t, name, listed);
	/* a live table has a column for it */
	if (!t->show.live)
		cli_damage(name, &s->damage);
	if (t->waiters)
		list_waiters(&t->list, s);
	if (t->messages || t->waiters)
		return CLI_OK;
	now = (struct rates_look){ .identity = s->identity, .sent = s->sent, .received = s->received, .now_ns = s->now_ns,
		.past = { { 0, s->messages, s->failed } } };
	rates = rates_of(rates_last(&t->pace, name), &now);
	show_mailbox(&t->show, name, s, &rates);
	if ((t->show.live && live_add(&t->live, &t->show, name, s, &rates) == -1)
	    || (t->follow && rates_keep(&t->pace, &now, name) == -1))
		return cli_fail("remember", name);
	return CLI_OK;
}

/* list_all -- list the messages of the named mailboxes, or of all, or the processes that wait.  Returns the exit status. */
static int
list_all(struct stats *t, char **names)
{
	int status, one;

	t->list.json = t->show.json;
	t->list.named = names[0] == NULL || names[1] != NULL;
	t->list.kind = t->waiters ? LIST_WAITERS : LIST_MESSAGES;
	t->snapshot.list = t->messages ? &t->list.to : NULL;
	list_begin(&t->list);
	status = boxes_each(names, look_at, t);
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
	live_begin(&t->live, &t->show);
	status = boxes_each(names, look_at, t);
	rates_turn(&t->pace);
	if (show_end(&t->show, status == CLI_OK || t->show.blocks > 0) == 0 || io_stop)
		return status;
	t->broken = true;
	one = cli_fail("write to", "standard output");
	return status == CLI_OK ? one : status;
}

/* linger -- wait for the next look; in a live table do what keys ask for.  Returns whether to go on. */
static bool
linger(struct stats *t, uint64_t next_ns)
{
	int key, ms = 1000;

	while (!t->show.live && !io_stop && clock_left_ms(next_ns, 1) > 0)
		io_nap(next_ns, &ms, 1000);
	while (t->show.live) {
		if (live_draw(&t->live, &t->show) == -1) {
			t->broken = true;
			screen_end();
			t->status = io_stop ? CLI_OK : cli_fail("write to", "standard output");
			break;
		}
		key = screen_wait(next_ns);
		if (key == SCREEN_NONE)
			break;
		if (!live_key(&t->live, key))
			return false;
	}
	return !io_stop && !t->broken;
}

/* follow -- show the mailboxes once a second until a signal or a key ends it.  Returns the exit status. */
static int
follow(struct stats *t, char **names)
{
	const char *no_color = getenv("NO_COLOR");
	uint64_t next_ns = clock_mono_ns();
	int status;

	t->show.rates = true;
	t->show.live = !t->show.json && screen_there();
	t->live.plain = no_color != NULL && *no_color != '\0';
	io_catch_stop();
	do {
		status = look_once(t, names);
		if (io_stop || t->broken || (status != CLI_OK && t->show.blocks == 1 && t->show.mailboxes == 0))
			break;
		if (t->show.live && t->show.blocks == 1)
			screen_begin();
		live_end(&t->live, clock_mono_ns());
		next_ns += TICK_NS;
		if (next_ns < clock_mono_ns())          /* the process was stopped, or the round took long */
			next_ns = clock_after(TICK_NS);
	} while (linger(t, next_ns));
	screen_end();
	if (io_stop)
		cli_stopped(io_stop);
	if (t->broken || !t->show.live || t->show.blocks == 1)
		return t->status != CLI_OK ? t->status : status;
	errno = t->live.error;
	return t->live.unread > 0 ? cli_fail("look into", t->live.name) : CLI_OK;
}

int
main(int argc, char **argv)
{
	static LARGE struct stats t;
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
		cli_refuse("-m, -t and --waiters exclude each other");
	if (t.follow && (t.messages || t.waiters))
		cli_refuse("-f shows a table again: not with -m or --waiters");
	if (t.list.filter.len > 0 && !t.messages)
		cli_refuse("--source and --tag choose messages: they need -m");
	if (t.messages || t.waiters)
		return list_all(&t, args.operands);
	t.show.utf8 = line_utf8();
	if (!t.show.json)
		t.show.screen = screen_columns(NULL);
	return t.follow ? follow(&t, args.operands) : look_once(&t, args.operands);
}
