/* SPDX-License-Identifier: ISC */
/*
 * command: see command.h.  Where we die the command gets SIGTERM, as far as that reaches it, and its message goes to
 * the next receiver.
 */
#include "deliver/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/nofile.h"
#include "base/signals.h"
#include "deliver/render.h"

enum {
	TEXT_MAX = 10 * FRAME_HEADER_MAX,       /* bytes of our variables: even a thousand short headers have room */
	STATUS_TEMPORARY = 75,          /* EX_TEMPFAIL: try again later */
	STATUS_CANNOT = 126,
	STATUS_MISSING = 127,
};

/* ---- its environment ---- */

/* The variables of ours but those of headers, which begin with RENDER_HEADER. */
static const char *const names[] = { "MBOX_TAG", "MBOX_SOURCE", "MBOX_ID", "MBOX_TIME", "MBOX_LENGTH", "MBOX_TRY",
	"MBOX_REPLY", "MBOX_NAME", "MBOX_COUNT", "MBOX_TRIES", "MBOX_HEADERS" };

enum { NAMES = sizeof names / sizeof names[0] };

struct environment {
	char **list;                    /* NULL-terminated; kept for the next command, as our own environment stays as it is */
	size_t n, used;
	char text[TEXT_MAX];            /* of those that we set */
};

/* is_ours -- whether a command is not to inherit it: it tells of another message. */
static bool
is_ours(const char *entry)
{
	size_t len = strcspn(entry, "=");

	if (strncmp(entry, RENDER_HEADER, sizeof RENDER_HEADER - 1) == 0)
		return true;
	for (size_t i = 0; i < NAMES; i++)
		if (slice_is((struct slice){ entry, len }, names[i]))
			return true;
	return false;
}

/* set -- add a variable.  A value with a NUL, or without room, is left empty. */
static void
set(struct environment *e, const char *name, struct slice value)
{
	size_t len = strlen(name), room = TEXT_MAX - e->used;
	char *p = e->text + e->used;

	if (len + 2 > room)
		return;
	if (value.len > room - len - 2 || (value.len > 0 && memchr(value.p, '\0', value.len) != NULL))
		value.len = 0;
	memcpy(p, name, len);
	p[len] = '=';
	if (value.len > 0)
		memcpy(p + len + 1, value.p, value.len);
	p[len + 1 + value.len] = '\0';
	e->list[e->n++] = p;
	e->used += len + value.len + 2;
}

/* number -- n as text, empty where it is unknown. */
static struct slice
number(char *text, uint64_t n, bool known)
{
	return (struct slice){ text, known ? num_decimal(text, n) : 0 };
}

/* set_headers -- set what the message has of headers, and which those are. */
static void
set_headers(struct environment *e, const struct message *m)
{
	struct render_header h = { .begun = false };
	char all[TEXT_MAX / 2];
	char *end = all;

	while (render_header_next(&h, m)) {
		set(e, h.name, h.value);
		end = stpcpy(stpcpy(end, end > all ? " " : ""), h.name);
	}
	set(e, "MBOX_HEADERS", (struct slice){ all, (size_t)(end - all) });
}

/* make -- what a command gets: ours, and what else we have inherited.  Returns 0, or -1. */
static int
make(struct environment *e, const struct command *h)
{
	static const struct message none = { .tag = { "", 0 }, .source = { "", 0 }, .len = MESSAGE_LEN_UNKNOWN, .uid = -1 };
	const struct message *m = h->message != NULL ? h->message : &none;
	char text[32], reply[FRAME_HEADER_MAX];
	struct slice value;
	long n;

	for (e->n = 0; environ[e->n] != NULL; e->n++)
		;
	if (e->list == NULL)
		e->list = malloc((e->n + NAMES + FRAME_HEADER_MAX / 3 + 1) * sizeof *e->list);
	if (e->list == NULL)
		return -1;
	e->n = e->used = 0;
	for (char **entry = environ; *entry != NULL; entry++)
		if (!is_ours(*entry))
			e->list[e->n++] = *entry;
	frame_header(m->extra, "reply", &value);
	n = frame_decode(reply, value);
	set(e, "MBOX_TAG", m->tag);
	set(e, "MBOX_SOURCE", m->source);
	set(e, "MBOX_ID", number(text, m->id, m->id != 0));
	set(e, "MBOX_TIME", (struct slice){ text, m->time_us != 0 ? frame_time(text, m->time_us) : 0 });
	set(e, "MBOX_LENGTH", number(text, m->len, m->len != MESSAGE_LEN_UNKNOWN));
	set(e, "MBOX_TRY", number(text, m->attempt > 0 ? m->attempt : 1, m != &none));
	set(e, "MBOX_TRIES", number(text, h->max_tries, h->max_tries != 0));
	set(e, "MBOX_REPLY", (struct slice){ reply, n > 0 ? (size_t)n : 0 });
	set(e, "MBOX_NAME", slice_of(h->channel));
	set(e, "MBOX_COUNT", number(text, h->count, h->count != 0));
	set_headers(e, m);
	e->list[e->n] = NULL;
	return 0;
}

/* ---- start ---- */

/*
 * become -- in the child of vfork(2): become the command.  A program with rights of its own (set-user-ID) loses the
 * parent-death signal, and what it starts does not get it: prctl(2), PR_SET_PDEATHSIG.
 * parent: should it be dead by now, no signal will come.  It is 0 for all of us where it is in another pid namespace.
 */
static _Noreturn void
become(const struct command *h, char **list, pid_t parent, volatile int *err)
{
	pid_t now;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	now = getppid();
	if (now != parent && now != 0)
		_exit(STATUS_CANNOT);
	nofile_give_back();
	if (dup2(h->in_fd, STDIN_FILENO) != -1 && (h->out_fd == -1 || dup2(h->out_fd, STDOUT_FILENO) != -1)
	    && (h->err_fd == 0 || dup2(h->err_fd, STDERR_FILENO) != -1)) {
		signals_give_back();
		execvpe(h->argv[0], h->argv, list);
	}
	*err = errno;
	_exit(STATUS_CANNOT);
}

int
command_start(const struct command *h, pid_t *pid)
{
	static LARGE struct environment e;
	volatile int err = 0;
	pid_t self = getpid(), child;
	sigset_t signals;

	if (make(&e, h) == -1)
		return -1;
	signals_hold(&signals);
	/* posix_spawn(3) does not set the parent-death signal */
	child = vfork();        /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
	if (child == 0)
		become(h, e.list, self, &err);  /* NOLINT(clang-analyzer-unix.Vfork) */
	if (child == -1)
		err = errno;
	else if (err != 0)
		(void)waitpid(child, NULL, 0);
	signals_go_on(&signals);
	*pid = child;
	errno = err;
	return err == 0 ? 0 : -1;
}

/* ---- end ---- */

/* The writing end of the pipe that tells of ends, for the handler. */
static volatile sig_atomic_t event_fd = -1;

static void
on_child(int signal)
{
	int err = errno;

	(void)signal;
	/* where the pipe is full, it can be read already */
	if (write((int)event_fd, "", 1) == -1)
		errno = err;
}

int
command_events(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	event_fd = ends[1];
	return signals_catch(SIGCHLD, on_child, SA_NOCLDSTOP | SA_RESTART) == -1 ? -1 : ends[0];
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

/* asks_to_end -- whether a signal is one that asks a process to end, or tells it that its output is not wanted. */
static bool
asks_to_end(int signal)
{
	return signal == SIGHUP || signal == SIGINT || signal == SIGPIPE || signal == SIGQUIT || signal == SIGTERM;
}

enum command_end
command_ended(int waited, int *status)
{
	if (WIFSIGNALED(waited)) {
		*status = 128 + WTERMSIG(waited);
		return asks_to_end(WTERMSIG(waited)) ? COMMAND_BACK : COMMAND_FAILED;
	}
	*status = WEXITSTATUS(waited);
	if (*status == 0)
		return COMMAND_DONE;
	return *status == STATUS_TEMPORARY ? COMMAND_BACK : COMMAND_FAILED;
}
