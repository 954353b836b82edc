/* SPDX-License-Identifier: ISC */
/*
 * linkkeep: see linkkeep.h.
 *
 * A crash ends the child by a signal of the kernel's (linkchild.h); the link's file in the mailbox is void then.  The
 * next one of the same link waits for that end, or it would take what stands behind the messages that the child has.
 */
#include "tool/linkkeep.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/io.h"
#include "tool/cli.h"
#include "tool/line.h"
#include "tool/linkchild.h"

#define FIRST_NS UINT64_C(200000000)            /* the pause after the first failure, doubled from there on, */
#define MOST_NS UINT64_C(60000000000)           /* up to this; and where something must be set right first */
#define STEADY_NS UINT64_C(5000000000)           /* a link that has lasted for this is a good one */
#define GONE_NS UINT64_C(1000000000)            /* between two looks for a mailbox that is gone */
#define ENDS_NS UINT64_C(50000000)              /* between two looks whether an earlier link has ended */

enum {
	GOES_ON = -1,
	SOON = 2,                               /* failures that are left once it is linked again, if not for long */
};

/* ---- the mailbox ---- */

/* post -- say there what the link does.  Returns 0, or -1. */
static int
post(struct linkkeep *k, enum link_state state)
{
	int r;

	k->post.state = state;
	r = link_post(&k->post, k->path);
	cli_damage(k->box, k->post.damage);
	return r;
}

/* kept_already -- report that another process keeps the same link.  Returns the exit status. */
static int
kept_already(const struct linkkeep *k)
{
	char by[32] = "another process";

	if (k->post.other > 0)
		snprintf(by, sizeof by, "process %d", (int)k->post.other);
	line_warn("%s -> %s: %s keeps this link already (-n NAME: one more of another name)", k->tell.from, k->tell.to, by);
	return CLI_CANNOT_CREATE;
}

/* begin -- say there that the link starts, once nothing runs of one that was killed.  Returns 0, or -1. */
static int
begin(struct linkkeep *k)
{
	uint64_t quiet_ns = clock_after(GONE_NS);
	int r;

	while ((r = post(k, LINK_STARTS)) == -1 && errno == ECHILD && !io_stop) {
		if (clock_left_ms(quiet_ns, 1) == 0)
			linktell_state(&k->tell, LINK_WAITS, "what an earlier mlink has started for it still runs", 0);
		linkchild_pause(ENDS_NS);
	}
	return r;
}

int
linkkeep_begin(struct linkkeep *k)
{
	if (begin(k) == 0 || io_stop)
		return CLI_OK;
	return errno == EEXIST ? kept_already(k) : cli_fail("link", k->box);
}

/* is_gone -- whether this is the errno for a mailbox that is not there, and may be made again. */
static bool
is_gone(int err)
{
	return err == ENOENT || err == ENODEV || err == EIDRM || err == ENOTDIR;
}

/* missing -- which of the mailboxes is not there; NULL: all are. */
static const char *
missing(struct linkkeep *k)
{
	if (post(k, k->post.state) == -1 && is_gone(errno))
		return k->box;
	/* EALREADY: that it is the one that we have open was refused at the start */
	if (k->other_path != NULL && mailbox_check(k->other_path) == -1 && is_gone(errno))
		return k->post.target;
	return NULL;
}

/* ---- the child ---- */

static void
on_line(void *arg, const char *line, size_t len)
{
	struct linkkeep *k = arg;

	if (!linktell_line(&k->tell, line, len) || k->linked_ns != 0)
		return;
	k->linked_ns = clock_mono_ns();
	/* what could not be said there is of no consequence here */
	(void)post(k, LINK_LINKED);
}

static void
on_quiet(void *arg)
{
	struct linkkeep *k = arg;

	linktell_lasts(&k->tell);
}

/* box_gone -- whether the mailbox was removed: a program that brings messages learns of it by the next one only. */
static bool
box_gone(void *arg)
{
	const struct linkkeep *k = arg;

	return link_gone(&k->post);
}

/* pause_now -- how long to wait after this failure: twice as long as before, and by chance up to half of that less. */
static uint64_t
pause_now(struct linkkeep *k)
{
	uint64_t pause_ns;
	uint32_t chance = 0;

	if (k->linked_ns != 0 && clock_mono_ns() - k->linked_ns > STEADY_NS)
		k->failures = 0;
	else if (k->linked_ns != 0 && !k->was_linked && k->failures > SOON)
		k->failures = SOON;
	k->was_linked = k->linked_ns != 0;
	pause_ns = clock_backoff(FIRST_NS, MOST_NS, ++k->failures);
	if (getrandom(&chance, sizeof chance, 0) == -1)
		chance = 0;
	k->pause_ns = pause_ns / 2 + pause_ns / 2 * (chance >> 16) / 65536;
	return k->pause_ns;
}

/* why -- the reason of the child's end, as it said or as its status says. */
static const char *
why(struct linkkeep *k, int waited)
{
	static char text[64];
	const char *reason = linktell_reason(&k->tell);

	if (reason != NULL)
		return reason;
	if (WIFSIGNALED(waited))
		snprintf(text, sizeof text, "it was ended by signal %d", WTERMSIG(waited));
	else
		snprintf(text, sizeof text, "it ended with status %d", WEXITSTATUS(waited));
	return text;
}

/* keep_anew -- where the mailbox is not the one that it was: the link is to be kept there.  Returns GOES_ON, or the exit status. */
static int
keep_anew(struct linkkeep *k)
{
	return k->post.in == NULL && begin(k) == -1 && errno == EEXIST ? kept_already(k) : GOES_ON;
}

/* wait_for_boxes -- sleep until the mailboxes are there.  Returns GOES_ON, or the exit status. */
static int
wait_for_boxes(struct linkkeep *k, const char *name)
{
	char reason[LINKTELL_LINE];

	snprintf(reason, sizeof reason, "%.*s is not there", LINKTELL_LINE - 32, name);
	linktell_state(&k->tell, LINK_WAITS, reason, 0);
	while (!io_stop && name != NULL) {
		linkchild_pause(GONE_NS);
		name = missing(k);
	}
	return keep_anew(k);
}

/* after -- the child has ended.  Returns GOES_ON once it is time to start it again, or the exit status. */
static int
after(struct linkkeep *k, int waited)
{
	const int status = WIFEXITED(waited) ? WEXITSTATUS(waited) : 128 + WTERMSIG(waited);
	const char *name, *reason;
	bool set_up;
	int anew;

	name = missing(k);
	if (name == NULL && status == CLI_OK && (k->post.inward || k->post.closed) && !io_stop) {
		linktell_lasts(&k->tell);
		linktell_end(&k->tell, "closed and drained");
		return CLI_OK;
	}
	if (status == CLI_USAGE) {
		linktell_flush(&k->tell);
		return CLI_USAGE;
	}
	reason = why(k, waited);
	if (io_stop)
		return CLI_OK;
	if (name != NULL)
		return wait_for_boxes(k, name);
	anew = keep_anew(k);
	if (anew != GOES_ON)
		return anew;
	set_up = status == CLI_REMOVED || status == CLI_NO_CHANNEL || status == CLI_PERMISSION
	    || status == CLI_CANNOT_EXECUTE || status == CLI_NOT_FOUND;
	if (set_up) {
		k->pause_ns = MOST_NS;
		linktell_state(&k->tell, LINK_WAITS, reason, 0);
	} else {
		linktell_state(&k->tell, LINK_LOST, reason, pause_now(k));
	}
	(void)post(k, set_up ? LINK_WAITS : LINK_LOST);
	linkchild_pause(k->pause_ns);
	return GOES_ON;
}

int
linkkeep_run(struct linkkeep *k)
{
	struct linkchild c = { .argv = k->argv, .death = k->post.inward ? SIGTERM : SIGKILL, .line = on_line,
		.quiet = on_quiet, .over = k->post.inward ? box_gone : NULL, .arg = k };
	int status = GOES_ON, waited;

	while (status == GOES_ON && !io_stop) {
		k->linked_ns = 0;
		k->tell.was_linked = false;
		/* no adapter says so between two mailboxes */
		if (k->other_path != NULL)
			on_line(k, "linked", 6);
		if (linkchild_run(&c, &waited) == -1) {
			waited = (errno == EAGAIN || errno == ENOMEM ? CLI_SYSTEM : CLI_NOT_FOUND) << 8;
			cli_fail("run", k->argv[0]);
		}
		status = after(k, waited);
	}
	return status == GOES_ON ? CLI_OK : status;
}
