/* SPDX-License-Identifier: ISC */
/*
 * link-ssh -- the adapter of mlink(1) for mailboxes on machines that ssh(1) reaches.
 *
 *     ssh://[user@]host[:port]/path[?wait=SECONDS]
 *
 * out: ssh host msend -F -u SCOPE -A path, frames through it, its acknowledgements back.
 * in:  ssh host mrecv -f -A -u path, its frames to the command, and that one's acknowledgements back.
 *
 * What a login shell prints comes before the line MARK.  A crash of ours ends ssh by a signal (command.h), and with it
 * the other side's standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/io.h"
#include "deliver/command.h"
#include "link/adapter.h"
#include "link/child.h"

#define MARK "letterbox-link"

enum {
	REMOTE_MAX = 4 * URL_MAX + 256, /* bytes of the command for the other side */
	LINE_MAX_KEPT = 1024,           /* bytes of a line that ssh or the other side says, in one piece */
	WAIT_S = 600,                   /* how long a pulled message may stay unacknowledged */
	START_S = 30,                   /* for the mark to come */
	END_MS = 5000,                  /* for ssh to end once it has nothing to do, */
	STUCK_MS = 500,                 /* and where no link has come of it */
	STATUS_MISSING = 127, STATUS_SSH = 255,
};

struct run {
	pid_t ssh;
	int out_fd, err_fd;             /* of ssh; -1 at its end */
	int to;                         /* where what it prints goes; -1 nowhere */
	bool in;                        /* those are messages, not acknowledgements */
	bool linked;                    /* the mark has come */
	bool set_up;                    /* what ssh said has nothing to do with the network */
	bool refused;                   /* who gets what it prints reads no more */
	size_t line_used, used, given;
	char line[LINE_MAX_KEPT];       /* of its standard error, so far */
	char before[LINE_MAX_KEPT];     /* the last line of its standard output before the mark */
	char buf[64 * 1024];            /* of its standard output: before the mark the line so far; else [given, used) waits */
};

/* ---- the command for the other side ---- */

/* quoted -- a word that any shell takes for these bytes: sh, csh and fish.  Returns its end. */
static char *
quoted(char *to, const char *word)
{
	*to++ = '\'';
	for (; *word != '\0'; word++) {
		/* within quotes, csh and fish take some of them for more than themselves */
		if (*word == '\'' || *word == '\\' || *word == '!') {
			*to++ = '\'';
			*to++ = '\\';
			*to++ = *word;
			*to++ = '\'';
		} else {
			*to++ = *word;
		}
	}
	*to++ = '\'';
	*to = '\0';
	return to;
}

/* is_word -- whether it is a name that needs no quotes. */
static bool
is_word(const char *s)
{
	return *s != '\0' && *s != '-'
	    && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:%-")] == '\0';
}

/* remote -- the command line for the other side.  text: REMOTE_MAX bytes.  Returns 0, or the exit status, said. */
static int
remote(char *text, const struct url *u, bool in)
{
	const char *scope = getenv("MBOX_LINK_SCOPE");
	uint64_t wait_s;
	char *end = stpcpy(text, "echo; echo " MARK "; exec ");

	if (url_number(u, "wait", WAIT_S, 1, 1000000, &wait_s) == -1) {
		adapter_say("%s: wait= is a number of seconds", u->shown);
		return ADAPTER_URL;
	}
	if (u->n_hosts != 1 || !is_word(u->hosts[0].name) || (u->user != NULL && !is_word(u->user))) {
		adapter_say("%s: not ssh://[user@]host[:port]/path", u->shown);
		return ADAPTER_URL;
	}
	if (*u->path == '\0' || strpbrk(u->path, "\n\r") != NULL) {
		adapter_say("%s: no mailbox is named behind the host", u->shown);
		return ADAPTER_URL;
	}
	if (!in && (scope == NULL || !is_word(scope))) {
		adapter_say("MBOX_LINK_SCOPE is not set to a word: mlink(1) does that");
		return ADAPTER_URL;
	}
	if (in)
		end += sprintf(end, "mrecv -f -A -u --ack-wait %llu -- ", (unsigned long long)wait_s);
	else
		end += sprintf(end, "msend -F -u %.64s -A -- ", scope);
	quoted(end, u->path);
	return 0;
}

/* ---- ssh ---- */

/* start -- start ssh.  in_fd: its standard input.  Returns 0, or the exit status, said. */
static int
start(struct run *r, const struct url *u, const char *text, int in_fd)
{
	char port[16];
	const char *argv[32] = { "ssh", "-T", "-a", "-x", "-o", "BatchMode=yes", "-o", "ControlPath=none",
		"-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3", "-o", "ConnectTimeout=20",
		"-o", "ClearAllForwardings=yes" };
	size_t n = 16;
	char *const *words;
	int out[2], err[2];

	snprintf(port, sizeof port, "%u", u->hosts[0].port);
	if (u->hosts[0].port != 0) {
		argv[n++] = "-p";
		argv[n++] = port;
	}
	if (u->user != NULL) {
		argv[n++] = "-l";
		argv[n++] = u->user;
	}
	argv[n++] = "--";
	argv[n++] = u->hosts[0].name;
	argv[n++] = text;
	memcpy(&words, &(const char **){ argv }, sizeof words);         /* execve(2) changes none of them */
	if (pipe2(out, O_CLOEXEC) == -1 || pipe2(err, O_CLOEXEC) == -1
	    || command_start(&(struct command){ .argv = words, .channel = "", .in_fd = in_fd,
		.out_fd = out[1], .err_fd = err[1] }, &r->ssh) == -1) {
		adapter_say("ssh: %s", strerror(errno));
		return errno == ENOENT ? ADAPTER_SETUP : ADAPTER_LATER;
	}
	close(out[1]);
	close(err[1]);
	r->out_fd = out[0];
	r->err_fd = err[0];
	return 0;
}

/* say_line -- pass on a line that ssh, or the other side, has said. */
static void
say_line(struct run *r, const char *line, size_t len)
{
	static const char *const set_up[] = { "Permission denied", "Host key verification failed",
		"Too many authentication failures" };
	char text[LINE_MAX_KEPT + 1];

	while (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0)
		return;
	memcpy(text, line, len);
	text[len] = '\0';
	for (size_t i = 0; i < sizeof set_up / sizeof set_up[0]; i++)
		r->set_up |= strstr(text, set_up[i]) != NULL;
	adapter_say("%s", text);
}

/* take_errors -- what ssh says on its standard error. */
static void
take_errors(struct run *r)
{
	ssize_t n = io_read(r->err_fd, r->line + r->line_used, sizeof r->line - r->line_used);
	const char *p = r->line, *end, *newline;

	r->line_used += n > 0 ? (size_t)n : 0;
	for (end = p + r->line_used; (newline = find_byte(p, end, '\n')) != NULL; p = newline + 1)
		say_line(r, p, (size_t)(newline - p));
	if (n <= 0 || (p == r->line && r->line_used == sizeof r->line)) {
		say_line(r, p, (size_t)(end - p));
		p = end;
	}
	r->line_used = (size_t)(end - p);
	memmove(r->line, p, r->line_used);
	if (n <= 0) {
		close(r->err_fd);
		r->err_fd = -1;
	}
}

/* pass_mark -- drop what comes before the mark, and that.  What is left in r->buf is for r->to. */
static void
pass_mark(struct run *r)
{
	char *p = r->buf, *end = p + r->used, *newline;

	while (!r->linked && (newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		*newline = '\0';
		r->linked = strcmp(p, MARK) == 0;
		if (!r->linked && *p != '\0')
			snprintf(r->before, sizeof r->before, "%.*s", LINE_MAX_KEPT - 1, p);
		p = newline + 1;
	}
	if (r->linked)
		adapter_linked();
	else if (p == r->buf && r->used == sizeof r->buf)
		p = end;                /* no line of ours is that long */
	r->used = (size_t)(end - p);
	memmove(r->buf, p, r->used);
}

/* take_output -- what the other side prints, where nothing of that waits. */
static void
take_output(struct run *r)
{
	ssize_t n = io_read(r->out_fd, r->buf + r->used, sizeof r->buf - r->used);

	if (n <= 0) {
		close(r->out_fd);
		r->out_fd = -1;
		return;
	}
	r->used += (size_t)n;
	if (!r->linked)
		pass_mark(r);
	if (r->to == -1)
		r->used = 0;
}

/* give -- pass some of what waits on: as much as a pipe takes at once that has room. */
static void
give(struct run *r)
{
	size_t n = r->used - r->given;

	n = n < PIPE_BUF ? n : PIPE_BUF;
	r->refused = io_write(r->to, r->buf + r->given, n) == -1;
	r->given += n;
	if (r->given == r->used)
		r->given = r->used = 0;
}

/*
 * relay -- until ssh has ended, nobody takes what it prints, or the deadline, which comes sooner where the mark does not.
 * Messages that wait when the other side ends are dropped: it has them again.
 */
static void
relay(struct run *r, uint64_t deadline_ns)
{
	const uint64_t start_ns = clock_after(START_S * UINT64_C(1000000000));

	while (!r->refused && (r->out_fd != -1 || r->err_fd != -1)) {
		const bool waits = r->linked && r->used > 0;
		const uint64_t until_ns = r->linked || deadline_ns < start_ns ? deadline_ns : start_ns;
		struct pollfd polled[] = {
			{ .fd = waits && !r->in ? -1 : r->out_fd, .events = waits ? 0 : POLLIN },
			{ .fd = r->err_fd, .events = POLLIN },
			{ .fd = r->to, .events = waits ? POLLOUT : 0 },
		};
		int n = poll(polled, 3, until_ns == CLOCK_NEVER ? -1 : clock_left_ms(until_ns, START_S * 1000));

		if (n == 0 && !r->linked && until_ns == start_ns)
			adapter_say("nothing printed the line " MARK " in %d seconds", START_S);
		if (n == 0)
			return;
		if (n == -1)
			continue;
		if (polled[1].revents != 0)
			take_errors(r);
		if ((polled[0].revents & POLLHUP) != 0 && r->in && r->linked) {
			close(r->out_fd);
			r->out_fd = -1;
			r->given = r->used = 0;
		} else if (polled[0].revents != 0) {
			take_output(r);
		}
		if (waits && (polled[2].revents & POLLOUT) != 0 && r->used > 0)
			give(r);
		else if ((polled[2].revents & (POLLERR | POLLHUP)) != 0)
			r->refused = true;
	}
}

/* verdict -- our exit status for that of ssh, which is the other side's. */
static int
verdict(const struct run *r, int status)
{
	if (status == STATUS_SSH)
		return r->set_up ? ADAPTER_SETUP : ADAPTER_LATER;
	if (!r->linked && status < 128) {
		adapter_say("the other side ran no command%s%s", r->before[0] != '\0' ? ": " : "", r->before);
		return ADAPTER_SETUP;
	}
	/* 64: tools there that are older; the mailbox is closed, is none, is another's; there is no letterbox */
	if (status == ADAPTER_URL || status == 66 || status == ADAPTER_SETUP || status == 77 || status == STATUS_MISSING)
		return ADAPTER_SETUP;
	return status == 0 ? ADAPTER_OK : ADAPTER_LATER;
}

/* ---- both directions ---- */

static int
push(const struct url *u)
{
	static struct run r = { .to = STDOUT_FILENO };
	static char text[REMOTE_MAX];
	int status = remote(text, u, false);

	if (status == 0)
		status = start(&r, u, text, STDIN_FILENO);
	if (status != 0)
		return status;
	relay(&r, CLOCK_NEVER);
	return verdict(&r, child_wait(r.ssh, r.linked ? END_MS : STUCK_MS));
}

static int
in(const struct url *u, char *const *argv)
{
	static struct run r = { .in = true };
	static char text[REMOTE_MAX];
	int frames[2], acks[2], stored, its = -1, status = remote(text, u, true);
	pid_t command;
	bool lost;

	if (status != 0)
		return status;
	if (pipe2(frames, O_CLOEXEC) == -1 || pipe2(acks, O_CLOEXEC) == -1
	    || command_start(&(struct command){ .argv = argv, .channel = "", .in_fd = frames[0], .out_fd = acks[1] },
		&command) == -1) {
		adapter_say("%s: %s", argv[0], strerror(errno));
		return ADAPTER_LATER;
	}
	close(frames[0]);
	close(acks[1]);
	r.to = frames[1];
	status = start(&r, u, text, acks[0]);
	if (status == 0)
		relay(&r, CLOCK_NEVER);
	/* where the connection was lost the other side has again by now what is not stored here yet */
	if (status == 0 && r.out_fd == -1)
		its = child_wait(r.ssh, END_MS);
	lost = its > 0;
	if (lost)
		kill(command, SIGTERM);
	close(frames[1]);
	/* else what has come is stored, and acknowledged there if that is still possible; then ssh has nothing to do */
	stored = child_wait(command, END_MS);
	close(acks[0]);
	if (status != 0)
		return status;
	/* what is left for it is dropped, and what comes: ssh is not to wait for us */
	r.refused = false;
	r.to = -1;
	if (r.linked)
		r.used = r.given = 0;
	if (its == -1) {
		relay(&r, clock_after((uint64_t)END_MS * 1000000));
		its = child_wait(r.ssh, r.linked ? END_MS : STUCK_MS);
	}
	if (stored == 0 || lost || its == STATUS_SSH || !r.linked)
		return verdict(&r, its);
	return stored == ADAPTER_SETUP || stored == 66 || stored == 77 ? ADAPTER_SETUP : ADAPTER_LATER;
}

static const char *const schemes[] = { "ssh", NULL };
static const char *const options[] = { "wait", NULL };

int
main(int argc, char **argv)
{
	static const struct adapter ssh = { .name = "link-ssh", .schemes = schemes, .options = options, .users = true,
		.out = push, .in = in };

	return adapter_run(&ssh, argc, argv);
}
