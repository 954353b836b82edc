/* SPDX-License-Identifier: ISC */
/* command: see command.h.  After a crash the command goes on, and its message goes to the next receiver. */
#include "deliver/command.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/nofile.h"
#include "base/signals.h"

enum {
	VARIABLES = 10,
	STATUS_TEMPORARY = 75,          /* EX_TEMPFAIL: try again later */
	STATUS_CANNOT = 126,
	STATUS_MISSING = 127,
};

/*
 * set -- set variable i of our environment, which commands inherit; a value that has no room is left empty.
 * putenv(3), as the text is ours: glibc never frees a value that setenv(3) has copied.  Returns 0, or -1.
 */
static int
set(int i, const char *name, struct slice value)
{
	static char text[VARIABLES][FRAME_HEADER_MAX];
	size_t room = FRAME_HEADER_MAX - strlen(name) - 1;

	snprintf(text[i], FRAME_HEADER_MAX, "%s=%.*s", name, value.len < room ? (int)value.len : 0, value.p);
	unsetenv(name);         /* it may stand there twice */
	return putenv(text[i]) == 0 ? 0 : -1;
}

/* number -- n as text, empty where it is unknown. */
static struct slice
number(char *text, uint64_t n, bool known)
{
	return (struct slice){ text, known ? num_decimal(text, n) : 0 };
}

/* set_variables -- set the MBOX_* of a command.  Returns 0, or -1. */
static int
set_variables(const struct command *h)
{
	static const struct message none = { .tag = { "", 0 }, .source = { "", 0 }, .len = MESSAGE_LEN_UNKNOWN };
	const struct message *m = h->message != NULL ? h->message : &none;
	char text[32], reply[FRAME_HEADER_MAX];
	struct slice value;
	long n;

	frame_header(m->extra, "reply", &value);
	n = frame_decode(reply, value);
	if (n == -1 || memchr(reply, '\0', (size_t)n) != NULL)
		n = 0;
	return set(0, "MBOX_TAG", m->tag) == -1
	    || set(1, "MBOX_SOURCE", m->source) == -1
	    || set(2, "MBOX_ID", number(text, m->id, m->id != 0)) == -1
	    || set(3, "MBOX_TIME", (struct slice){ text, m->time_us != 0 ? frame_time(text, m->time_us) : 0 }) == -1
	    || set(4, "MBOX_LENGTH", number(text, m->len, m->len != MESSAGE_LEN_UNKNOWN)) == -1
	    || set(5, "MBOX_TRY", number(text, m->attempt > 0 ? m->attempt : 1, m != &none)) == -1
	    || set(6, "MBOX_REPLY", (struct slice){ reply, (size_t)n }) == -1
	    || set(7, "MBOX_NAME", slice_of(h->channel)) == -1
	    || set(8, "MBOX_COUNT", number(text, h->count, m == &none)) == -1
	    || set(9, "MBOX_TRIES", number(text, h->max_tries, h->max_tries != 0)) == -1 ? -1 : 0;
}

int
command_start(const struct command *h, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int err;

	if (set_variables(h) == -1)
		return -1;
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_init(&actions);
	err = signals_give_back(&attr);
	if (err == 0)
		err = posix_spawn_file_actions_adddup2(&actions, h->in_fd, STDIN_FILENO);
	if (err == 0 && h->out_fd != -1)
		err = posix_spawn_file_actions_adddup2(&actions, h->out_fd, STDOUT_FILENO);
	nofile_lower();
	if (err == 0)
		err = posix_spawnp(pid, h->argv[0], &actions, &attr, h->argv, environ);
	nofile_raise();
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
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
