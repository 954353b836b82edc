/* SPDX-License-Identifier: ISC */
/*
 * mlink: keep a link between a mailbox and another, here or on another machine.
 *
 * It carries nothing itself: mrecv -A and msend -A do, and adapters that know one engine each.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/signals.h"
#include "tool/args.h"
#include "tool/boxes.h"
#include "tool/cli.h"
#include "tool/linkchild.h"
#include "tool/linkplan.h"
#include "tool/list.h"

static const struct args_option table[] = {
	{ 'b', "batch", "N", "give an engine that takes batches up to N messages at\n"
	    ARGS_MORE "once; N:BYTES: and no more bytes" },
	{ 'd', "dead", "DEADBOX", "send there what is refused, or went in a circle" },
	{ 'j', "window", "N", "have up to N messages on their way at once" },
	{ 'k', "tries", "N", "with -d: refusals that make a dead letter (default 3)" },
	{ 'l', "list", NULL, "list the links that are kept at the mailboxes" },
	{ 'n', "name", "NAME", "the name of this link, if there are several" },
	{ 's', "source", "GLOB", "carry only from these sources, in order of preference" },
	{ 't', "tag", "GLOB", "carry these tags, in order of preference" },
	ARGS_COMMON
};

static const struct tool tool = { "mlink",
    "mlink [-b n] [-d deadbox] [-j n] [-k tries] [-n name] [-s glob]\n"
    "             [-t glob] from to\n"
    "       mlink -l [mailbox...]",
    table, { "mlink jobs ssh://build@far/jobs", "mlink -l" }, CLI_PLAIN };


/* ---- the command line ---- */

static bool list;                        /* -l: list links, keep none */

/* keep_filter -- a filter goes on to mrecv as it is, and is looked at here: a wrong one is refused at once. */
static void
keep_filter(struct linkplan *p, const struct args *a, int opt)
{
	static struct filter f;

	args_glob(a, &f, opt);
	p->filters[p->filters_n++] = opt == 't' ? "-t" : "-s";
	p->filters[p->filters_n++] = a->value;
}

static void
option(struct linkplan *p, const struct args *a, int opt)
{
	switch (opt) {
	case 'b':
		p->batch = a->value;
		break;
	case 'd':
		p->dead = a->value;
		break;
	case 'j':
		(void)args_count(a, false);
		p->window = a->value;
		break;
	case 'k':
		(void)args_count(a, false);
		p->tries = a->value;
		break;
	case 'l':
		list = true;
		break;
	case 'n':
		(void)args_tag(a);
		p->name = a->value;
		break;
	case 's': case 't':
		keep_filter(p, a, opt);
		break;
	}
}

/* arguments -- read options and operands, in any order. */
static void
arguments(struct linkplan *p, struct args *a, int argc, char **argv)
{
	int opt;

	p->name = "";
	p->filters = calloc((size_t)argc + 1, sizeof *p->filters);
	if (p->filters == NULL)
		cli_exit(cli_fail("read", "the command line"));
	cli_begin(&tool);
	args_init(a, &tool, argc, argv);
	while ((opt = args_option(a)) != 0)
		option(p, a, opt);
}

/* ---- the list ---- */

/* list_one -- list the links that are kept at one mailbox. */
static int
list_one(void *arg, char *name, bool listed)
{
	static struct snapshot s;
	struct list *l = arg;
	char path[PATH_MAX];

	l->name = name;
	if (cli_path(path, name) == -1 || snapshot_look(&s, path, false) == -1)
		return listed && (errno == ENOENT || errno == EIDRM) ? CLI_OK : cli_fail("look into", name);
	cli_damage(name, &s.damage);
	list_links(l, &s);
	return CLI_OK;
}

static int
list_all(char **names)
{
	static struct list l;
	int status, one;

	l.kind = LIST_LINKS;
	l.named = true;
	list_begin(&l);
	status = boxes_each(names, list_one, &l);
	if (list_end(&l) == 0)
		return status;
	one = cli_fail("write to", "standard output");
	return status == CLI_OK ? one : status;
}

/* ---- all of it ---- */

/* must_keep -- refuse a mailbox of capacity 0.  This goes before we have it open: a process opens a mailbox once. */
static void
must_keep(const char *name, const char *path)
{
	struct mailbox_settings settings;
	struct damage damage = { 0 };
	int looked = mailbox_look(path, &settings, &damage);

	cli_damage(name, &damage);
	if (looked == 0 && settings.cap_messages == 0)
		cli_refuse("%s has capacity 0: a link is between mailboxes that keep messages", name);
}

/* same -- whether there is one thing at both paths. */
static bool
same(const char *one, const char *other)
{
	struct stat a, b;

	return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* keep -- keep the link.  Returns the exit status. */
static int
keep(struct linkplan *p)
{
	int status;

	linkplan_make(p);
	if (p->keep.other_path != NULL && same(p->keep.path, p->keep.other_path))
		cli_refuse("%s and %s are the same mailbox", p->from, p->to);
	must_keep(p->keep.box, p->keep.path);
	if (p->keep.other_path != NULL)
		must_keep(p->to, p->keep.other_path);
	if (linkchild_init() == -1)
		return cli_fail("watch", "the programs of the link");
	io_catch_stop();
	signals_ignore(SIGPIPE);
	status = linkkeep_begin(&p->keep);
	if (status != CLI_OK)
		return status;
	if (p->keep.other_path != NULL && mailbox_check(p->keep.other_path) == -1)
		return cli_fail("link", p->to);
	status = linkkeep_run(&p->keep);
	p->keep.post.state = LINK_ENDS;
	(void)link_post(&p->keep.post, p->keep.path);
	return status;
}

int
main(int argc, char **argv)
{
	static struct linkplan p;
	struct args args;
	int status;

	arguments(&p, &args, argc, argv);
	if (list)
		return list_all(args.operands);
	if (args.operands_n != 2)
		cli_usage("a link is between two: FROM and TO");
	p.from = args.operands[0];
	p.to = args.operands[1];
	status = keep(&p);
	/* a service is stopped by SIGTERM, and has done what it was to do */
	if (io_stop && io_stop != SIGTERM)
		cli_stopped(io_stop);
	return status;
}
