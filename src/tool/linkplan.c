/* SPDX-License-Identifier: ISC */
/* linkplan: see linkplan.h. */
#include "tool/linkplan.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/num.h"
#include "tool/cli.h"
#include "tool/line.h"
#include "tool/linkfind.h"
#include "tool/linkurl.h"

#define BATCHES_WINDOW "20000"          /* messages, by default: a batch and those that gather meanwhile */

enum { WORDS_MAX = 32 };                /* of the child, besides those of filters */

/* check_url -- refuse a URL that can not be used; what it shows of a password is not shown again. */
static void
check_url(const char *url)
{
	char scheme[LINKURL_SCHEME_MAX];

	linkurl_scheme(url, scheme);
	if (linkurl_secret(url))
		cli_refuse("no password goes into a URL, which all users of the machine can see: %s:// takes it from %s", scheme,
		    linkurl_keeps(scheme));
	if (!linkurl_plain(url))
		cli_refuse("%s: what is no printable ASCII, or a blank, is written as %%XX in a URL", url);
}

/* check -- refuse what does not go together. */
static void
check(struct linkplan *p)
{
	const bool out = !linkurl_is(p->from), away = linkurl_is(p->to);

	if (!out)
		check_url(p->from);
	if (away)
		check_url(p->to);
	if (!out && away)
		cli_refuse("two URLs: put a mailbox between them, and keep two links");
	if (!out && (p->filters_n > 0 || p->dead != NULL || p->batch != NULL || p->window != NULL))
		cli_refuse("-b, -d, -j, -s and -t are about messages that leave a mailbox, not about those that come to one");
	if (p->batch != NULL && !away)
		cli_refuse("-b is for an engine that takes batches: a mailbox takes a stream");
	if (p->tries != NULL && p->dead == NULL)
		cli_refuse("-k makes dead letters: it needs a mailbox for them (-d)");
}

/* ---- what is run ---- */

/* make_scope -- the scope in which the other side remembers what it has got of this link: the same after each start. */
static void
make_scope(struct linkplan *p)
{
	char machine[64], path[PATH_MAX];
	const char *box = p->keep.path, *base;
	struct hash h;
	size_t n = 0;

	/* before its first boot an image says so, as its copies do */
	if ((io_read_proc("/etc/machine-id", machine, sizeof machine) == 0 || strncmp(machine, "uninitialized", 13) == 0)
	    && gethostname(machine, sizeof machine) == -1)
		machine[0] = '\0';
	machine[sizeof machine - 1] = '\0';
	if (realpath(box, path) == NULL)
		snprintf(path, sizeof path, "%s", box);
	hash_begin(&h);
	hash_add(&h, machine, strlen(machine) + 1);
	hash_add(&h, path, strlen(path) + 1);
	hash_add(&h, p->name, strlen(p->name) + 1);
	if (p->keep.post.inward)
		hash_add(&h, p->from, strlen(p->from));
	base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	for (; *base != '\0' && n < LINKPLAN_BASE; base++)
		if ((*base >= 'a' && *base <= 'z') || (*base >= 'A' && *base <= 'Z') || (*base >= '0' && *base <= '9'))
			p->scope[n++] = *base;
	p->scope[n++] = '.';
	*num_hex(p->scope + n, hash_end(&h), 16) = '\0';
}

/* add -- add copies of words to the child's, up to a NULL. */
static void
add(struct linkplan *p, const char *const *words)
{
	for (; *words != NULL; words++)
		if ((p->words[p->words_n++] = strdup(*words)) == NULL)
			cli_exit(cli_fail("plan", "the link"));
}

/* adapter -- find the program for a URL.  Returns whether it takes batches. */
static bool
adapter(struct linkplan *p, const char *url)
{
	char name[LINKURL_SCHEME_MAX + 8] = "link-";
	int r;

	linkurl_scheme(url, name + strlen(name));
	if (linkfind_adapter(p->adapter, name) == -1) {
		line_warn("%s: there is no adapter %s, in $MBOX_LINKS or where they are installed", url, name);
		cli_exit(CLI_NOT_FOUND);
	}
	r = linkfind_batches(p->adapter);
	if (r != -1)
		return r;
	if (errno == EPROTO)
		line_warn("%s: its `form' is neither stream nor batch", p->adapter);
	else
		cli_fail("run", p->adapter);
	cli_exit(CLI_CANNOT_EXECUTE);
}

/* plan_out -- the words of the child that takes messages out of the mailbox. */
static void
plan_out(struct linkplan *p)
{
	const bool away = linkurl_is(p->to), batches = away && adapter(p, p->to);

	if (p->batch != NULL && !batches)
		cli_refuse("-b: %s takes a stream, not batches", p->to);
	if (batches && linkfind_adapter(p->batches, "batches") == -1)
		cli_exit(cli_fail("find", "batches, which belongs to the adapters"));
	add(p, (const char *[]){ p->mrecv, "-f", "-A", "-u", NULL });
	if (p->window != NULL || batches)
		add(p, (const char *[]){ "-j", p->window != NULL ? p->window : BATCHES_WINDOW, NULL });
	if (p->dead != NULL)
		add(p, (const char *[]){ "-d", p->dead, "-k", p->tries != NULL ? p->tries : "3", NULL });
	add(p, p->filters);
	add(p, (const char *[]){ p->from, "--", NULL });
	if (batches)
		add(p, (const char *[]){ p->batches, NULL });
	if (batches && p->batch != NULL)
		add(p, (const char *[]){ "-b", p->batch, NULL });
	if (away)
		add(p, (const char *[]){ p->adapter, "out", p->to, NULL });
	else
		add(p, (const char *[]){ p->msend, "-F", "-u", p->scope, "-A", p->to, NULL });
}

/* own_path -- the path of a mailbox; a name that looks like an option becomes one for the child that does not. */
static void
own_path(char *path, char **name)
{
	if (cli_path(path, *name) == -1)
		cli_exit(cli_fail("link", *name));
	if (**name != '-')
		return;
	if (strchr(path, '/') == NULL && snprintf(path, PATH_MAX, "./%s", *name) >= PATH_MAX)
		path[PATH_MAX - 1] = '\0';
	*name = path;
}

void
linkplan_make(struct linkplan *p)
{
	struct linkkeep *k = &p->keep;
	const bool inward = linkurl_is(p->from);

	check(p);
	k->tell.from = p->from;
	k->tell.to = p->to;
	k->post = (struct mailbox_link){ .target = inward ? p->from : p->to, .name = p->name, .inward = inward };
	k->box = inward ? p->to : p->from;
	k->path = p->path;
	own_path(p->path, inward ? &p->to : &p->from);
	if (!inward && !linkurl_is(p->to)) {
		own_path(p->other_path, &p->to);
		k->other_path = p->other_path;
	}
	make_scope(p);
	if (setenv("MBOX_LINK_SCOPE", p->scope, 1) == -1)
		cli_exit(cli_fail("set", "MBOX_LINK_SCOPE"));
	linkfind_tool(p->mrecv, "mrecv");
	linkfind_tool(p->msend, "msend");
	p->words = calloc(p->filters_n + WORDS_MAX, sizeof *p->words);
	if (p->words == NULL)
		cli_exit(cli_fail("plan", "the link"));
	if (inward) {
		(void)adapter(p, p->from);
		add(p, (const char *[]){ p->adapter, "in", p->from, p->msend, "-F", "-u", p->scope, "-A", p->to, NULL });
	} else {
		plan_out(p);
	}
	k->argv = p->words;
}
