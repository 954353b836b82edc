/* SPDX-License-Identifier: ISC */
/* handler: spawn and feed.  If we die the command goes on, and its message goes to the next receiver. */
#include "deliver/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"

enum {
	VARIABLES = 9,
	PIECE = 64 * 1024,
	STATUS_TEMPORARY = 75,          /* EX_TEMPFAIL: try again later */
	STATUS_CANNOT = 126,
	STATUS_MISSING = 127,
};

/* The environment of a command: ours, with the message's variables in place of any of their names. */
struct environment {
	char **list;                    /* NULL-terminated; allocated, its strings are not */
	char text[VARIABLES][FRAME_HEADER_MAX];
};

static void
set_slice(char *out, const char *name, struct slice value)
{
	int n = snprintf(out, FRAME_HEADER_MAX, "%s=", name);

	if (value.len > FRAME_HEADER_MAX - 1 - (size_t)n)
		value.len = 0;
	if (value.len > 0)
		memcpy(out + n, value.p, value.len);
	out[(size_t)n + value.len] = '\0';
}

static void
set_number(char *out, const char *name, uint64_t n, bool known)
{
	if (known)
		snprintf(out, FRAME_HEADER_MAX, "%s=%llu", name, (unsigned long long)n);
	else
		snprintf(out, FRAME_HEADER_MAX, "%s=", name);
}

/* set_reply -- the mailbox for the answer, decoded. */
static void
set_reply(char *out, const struct message *m)
{
	char reply[FRAME_HEADER_MAX];
	struct slice value;
	long n;

	frame_header(m->extra, "reply", &value);
	n = frame_decode(reply, value);
	set_slice(out, "MBOX_REPLY", (struct slice){ reply, n > 0 && memchr(reply, '\0', (size_t)n) == NULL ? (size_t)n : 0 });
}

/* set_variables -- write the MBOX_* of a command. */
static void
set_variables(char (*text)[FRAME_HEADER_MAX], const struct command *h)
{
	static const struct message none = { .len = MESSAGE_LEN_UNKNOWN };
	const struct message *m = h->message != NULL ? h->message : &none;

	set_slice(text[0], "MBOX_TAG", m->tag);
	set_slice(text[1], "MBOX_SOURCE", m->source);
	set_number(text[2], "MBOX_ID", m->id, m->id != 0);
	if (m->time_us != 0)
		snprintf(text[3], FRAME_HEADER_MAX, "MBOX_TIME=%llu.%06llu",
		    (unsigned long long)(m->time_us / 1000000), (unsigned long long)(m->time_us % 1000000));
	else
		set_number(text[3], "MBOX_TIME", 0, false);
	set_number(text[4], "MBOX_LENGTH", m->len, m->len != MESSAGE_LEN_UNKNOWN);
	set_number(text[5], "MBOX_TRY", m->attempt > 0 ? m->attempt : 1, m != &none);
	set_reply(text[6], m);
	set_slice(text[7], "MBOX_NAME", slice_of(h->channel));
	set_number(text[8], "MBOX_COUNT", h->count, m == &none);
}

/* is_ours -- whether an environment string sets one of the message's variables. */
static bool
is_ours(const char *s, char (*text)[FRAME_HEADER_MAX])
{
	for (int i = 0; i < VARIABLES; i++)
		if (strncmp(s, text[i], strcspn(text[i], "=") + 1) == 0)
			return true;
	return false;
}

static int
make_environment(struct environment *e, const struct command *h)
{
	size_t n = 0, used = 0;

	set_variables(e->text, h);
	while (environ[n] != NULL)
		n++;
	e->list = calloc(n + VARIABLES + 1, sizeof *e->list);
	if (e->list == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!is_ours(environ[i], e->text))
			e->list[used++] = environ[i];
	for (int i = 0; i < VARIABLES; i++)
		e->list[used++] = e->text[i];
	return 0;
}

int
command_start(const struct command *h, pid_t *pid)
{
	struct environment env;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t defaults;
	int err;

	if (make_environment(&env, h) == -1)
		return -1;
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigdefault(&attr, &defaults);
	posix_spawn_file_actions_init(&actions);
	err = posix_spawn_file_actions_adddup2(&actions, h->in_fd, STDIN_FILENO);
	if (err == 0 && h->out_fd != -1)
		err = posix_spawn_file_actions_adddup2(&actions, h->out_fd, STDOUT_FILENO);
	if (err == 0)
		err = posix_spawnp(pid, h->argv[0], &actions, &attr, h->argv, env.list);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	free(env.list);
	errno = err;
	return err == 0 ? 0 : -1;
}

int
command_cannot(int err)
{
	switch (err) {
	case EAGAIN:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return 0;
	case ENOENT:
		return STATUS_MISSING;
	default:
		return STATUS_CANNOT;
	}
}

/* feed_piece -- write n bytes to a command.  Returns 1, 0 where it reads no more, or -1: they are not all written. */
static int
feed_piece(int fd, const char *p, size_t n)
{
	ssize_t put;

	/* the first signal to stop lets the command finish: it gets all of its input */
	while (n > 0 && io_stops < 2) {
		put = write(fd, p, n);
		if (put >= 0) {
			p += put;
			n -= (size_t)put;
		} else if (errno != EINTR) {
			return errno == EPIPE ? 0 : -1;
		}
	}
	errno = EINTR;
	return n == 0 ? 1 : -1;
}

int
command_feed(int fd, struct message *m)
{
	char piece[PIECE];
	ssize_t n;
	int r = 1;

	while (r == 1) {
		n = message_read(m, piece, sizeof piece);
		if (n == 0)
			return 0;
		if (n > 0)
			r = feed_piece(fd, piece, (size_t)n);
		else if (errno != EINTR || io_stops > 1)
			r = -1;
	}
	return r;
}

enum command_end
command_ended(int waited, int *status)
{
	if (WIFSIGNALED(waited)) {
		*status = 128 + WTERMSIG(waited);
		return COMMAND_BACK;
	}
	*status = WEXITSTATUS(waited);
	if (*status == 0)
		return COMMAND_DONE;
	return *status == STATUS_TEMPORARY ? COMMAND_BACK : COMMAND_FAILED;
}
