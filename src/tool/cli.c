/* SPDX-License-Identifier: ISC */
/*
 * cli: see cli.h.
 *
 * Text in an error line may come from another user's message, so only printable ASCII reaches the terminal.  A line is
 * one write(2), so that lines of processes that share standard error do not mix.
 */
#include "tool/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/num.h"
#include "base/process.h"
#include "base/reclock.h"
#include "base/signals.h"
#include "frame/frame.h"

enum { LINE_MAX_RAW = PATH_MAX + 1024 };        /* bytes of an error line before they are escaped */

static const struct tool *self;
static void (*at_exit)(int status);      /* NULL: nothing is to be done */

/*
 * fill_streams -- give a closed standard stream a descriptor that can be neither read nor written (EBADF, as before).
 * Otherwise the first file opened would get its number, and with it payloads and errors.  Commands do not inherit it:
 * a stream closed for the tool is closed for them.
 * Source: open(2), O_PATH; the root directory exists where /dev may not.
 */
static void
fill_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/", O_PATH | O_CLOEXEC) == -1)
			cli_exit(cli_fail("fill", "a standard stream that is closed"));
}

void
cli_at_exit(void (*f)(int status))
{
	at_exit = f;
}

void
cli_exit(int status)
{
	if (at_exit != NULL)
		at_exit(status);
	exit(status);
}

void
cli_begin(const struct tool *tool)
{
	self = tool;
	fill_streams();
	signals_ignore(SIGXFSZ);
}

/* escape -- copy s to out, bytes that are not printable ASCII as \xHH.  Returns the bytes written, at most 4 * len. */
static size_t
escape(char *out, const char *s, size_t len)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 0x20 && c <= 0x7e) {
			out[used++] = (char)c;
			continue;
		}
		out[used++] = '\\';
		out[used++] = 'x';
		used = (size_t)(num_hex(out + used, c, 2) - out);
	}
	return used;
}

/*
 * print_line -- write "TOOL: MESSAGE\n", then tail unescaped, to standard error.  Failure has nowhere to be reported.
 */
static void __attribute__((format(printf, 2, 0)))
print_line(const char *tail, const char *format, va_list args)
{
	char raw[LINE_MAX_RAW], line[4 * LINE_MAX_RAW + 2048];
	size_t used = 0, tail_len = strlen(tail);
	int saved = errno, len;

	if (format != NULL) {
		len = snprintf(raw, sizeof(raw), "%s: ", self->name);
		used = escape(line, raw, (size_t)len);
		len = vsnprintf(raw, sizeof(raw), format, args);
		if (len < 0)
			len = 0;
		used += escape(line + used, raw, (size_t)len < sizeof(raw) ? (size_t)len : sizeof(raw) - 1);
		line[used++] = '\n';
	}
	if (tail_len > sizeof(line) - used)
		tail_len = sizeof(line) - used;
	memcpy(line + used, tail, tail_len);
	io_write(STDERR_FILENO, line, used + tail_len);
	errno = saved;
}

void
cli_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line("", format, args);
	va_end(args);
}

/* reason -- the words for an errno of the library. */
static const char *
reason(int err)
{
	static const struct {
		int err;
		const char *words;
	} own[] = {
		{ EIDRM, "the mailbox was removed" },
		{ EBADMSG, "bad frame, or a damaged mailbox" },
		{ ESTALE, "its capacity became 0, or is not 0 any more, since it was opened" },
		{ EREMOTE, "the owner of the mailbox cannot be verified: its file identity names another number" },
		{ EPROTO, "it is of another version of letterbox: empty it with the tools that made it" },
		{ EXDEV, "it was used through another file system since the machine started: locks do not meet there and here" },
		{ EUCLEAN, "its file ctl is damaged: read its messages with cat NAME/*.log | mrecv -a -F -" },
		{ ENODEV, "not a mailbox" },
		{ ETIMEDOUT, "timed out" },
		{ EBADF, "closed, or opened in the wrong mode" },
		{ ECANCELED, "the message left the mailbox without being received" },
	};

	static char words[96];
	struct rlimit limit;

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (own[i].err == err)
			return own[i].words;
	if (err != EFBIG || getrlimit(RLIMIT_FSIZE, &limit) == -1 || limit.rlim_cur == RLIM_INFINITY)
		return strerror(err);
	snprintf(words, sizeof words, "File too large: the limit for a file is %llu bytes (ulimit -f)",
	    (unsigned long long)limit.rlim_cur);
	return words;
}

int
cli_only_sends(const char *name, char option)
{
	if (option == 0)
		cli_warn("%s: --close: send-only access does not let it be closed", name);
	else
		cli_warn("%s: -%c: send-only access does not show whether %s", name, option,
		    option == 'S' ? "a message was received" : "there is room");
	return CLI_PERMISSION;
}

/* say_locked -- report the holder of a mailbox's lock. */
static void
say_locked(const char *name, const char *end)
{
	char comm[PROCESS_NAME_MAX];
	pid_t pid = reclock_missed;
	bool stopped;

	if (pid <= 0) {
		cli_warn("%s is locked by another process: %s", name, end);
		return;
	}
	(void)process_look(pid, comm, &stopped);
	cli_warn("%s is locked by process %d (%s)%s: %s", name, (int)pid, comm, stopped ? ", which is stopped" : "", end);
}

void
cli_locked(const char *name)
{
	say_locked(name, "waiting");
}

void
cli_unjudged(const char *name)
{
	cli_warn("%s: messages of users with no number in this user namespace stay in its drop/", name);
}

void
cli_held(const char *name, const struct snapshot_message *m)
{
	const unsigned long long id = m->id;
	char comm[PROCESS_NAME_MAX], by[PROCESS_NAME_MAX + 64] = "another process", for_[48] = "";
	uint64_t ms = m->since_ns != 0 ? (m->now_ns - m->since_ns) / 1000000 : 0;
	bool stopped = false;

	if (m->state != SNAPSHOT_CLAIMED && m->state != SNAPSHOT_OFFERED)
		return;
	if (m->holder > 0) {
		(void)process_look(m->holder, comm, &stopped);
		snprintf(by, sizeof by, "process %d (%s)%s", (int)m->holder, comm, stopped ? ", which is stopped" : "");
	}
	if (m->since_ns != 0)
		snprintf(for_, sizeof for_, ", for %llu.%03u s", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
	cli_warn("%s: message %llu is held by %s%s", name, id, by, for_);
}

int
cli_fail(const char *what, const char *object)
{
	int err = errno;

	if (err == EBUSY && reclock_missed != 0) {
		say_locked(object, reason(ETIMEDOUT));
		return CLI_TIMEOUT;
	}
	if (err == ESHUTDOWN)
		cli_warn("%s is closed (chmbox --open %s opens it)", object, object);
	else
		cli_warn("cannot %s %s: %s", what, object, reason(err));
	return cli_status(err);
}

void
cli_unread(const char *name, uint64_t unread)
{
	if (unread > 0)
		cli_warn("%s: %llu bytes were left unread", name, (unsigned long long)unread);
	else
		cli_fail("write to", name);
}

int
cli_status(int err)
{
	static const struct {
		int status;
		int errs[16];
	} table[] = {
		{ CLI_NOT_NOW, { EAGAIN } },
		{ CLI_TIMEOUT, { EBUSY, ETIMEDOUT } },          /* EBUSY: a mailbox that stayed locked */
		{ CLI_DATA, { EBADMSG, EUCLEAN, EMSGSIZE, EILSEQ } },
		/* EISDIR: a directory that is not a mailbox; ENXIO: a FIFO without a reader, a socket */
		{ CLI_NO_CHANNEL, { ENOENT, ENOTDIR, EISDIR, ENXIO, ENODEV, ELOOP, ENAMETOOLONG } },
		{ CLI_REMOVED, { EIDRM, ESHUTDOWN, ESTALE } },
		{ CLI_CANNOT_CREATE, { EEXIST } },
		{ CLI_PERMISSION, { EACCES, EPERM, EREMOTE } },
		{ CLI_SYSTEM, { E2BIG, EDEADLK, EFAULT, EINTR, EINVAL, EMFILE, ENFILE, ENOLCK, ENOMEM, ENOSYS, EOPNOTSUPP,
		    EOVERFLOW, EPROTO, EXDEV } },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		for (const int *e = table[i].errs; *e != 0; e++)
			if (*e == err)
				return table[i].status;
	return err == 0 ? CLI_SYSTEM : CLI_IO;  /* 0: a failure that set no errno */
}

_Noreturn void
cli_usage(const char *format, ...)
{
	char usage[2048];
	va_list args;

	snprintf(usage, sizeof(usage), "usage: %s\n", self->synopsis);
	va_start(args, format);
	print_line(usage, format, args);
	va_end(args);
	cli_exit(CLI_USAGE);
}

int
cli_print(const char *const *parts)
{
	for (; *parts != NULL; parts++) {
		if (io_write(STDOUT_FILENO, *parts, strlen(*parts)) == -1)
			return cli_fail("write to", "standard output");
	}
	return CLI_OK;
}

int
cli_path(char *path, const char *name)
{
	const char *dir = getenv("MBOX_DIR");
	size_t name_len = strlen(name), dir_len = 0;

	if (name_len == 0) {
		errno = ENOENT;
		return -1;
	}
	if (strchr(name, '/') == NULL && strcmp(name, "-") != 0 && dir != NULL && dir[0] != '\0')
		dir_len = strlen(dir);
	if (dir_len >= PATH_MAX || name_len >= PATH_MAX || dir_len + 1 + name_len >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (dir_len > 0) {
		memcpy(path, dir, dir_len);
		path[dir_len++] = '/';
	}
	memcpy(path + dir_len, name, name_len + 1);
	return 0;
}

/* default_source -- LOGIN.PPID.  Not from the name service, which would cost more than the send itself. */
static void
default_source(char *buf)
{
	const char *login = getenv("LOGNAME");
	size_t used = 0;

	if (login == NULL || login[0] == '\0')
		login = getenv("USER");
	for (; login != NULL && *login != '\0' && used < FRAME_NAME_MAX - 12; login++) {
		if (frame_name_ok((struct slice){ login, 1 }))
			buf[used++] = *login;
	}
	if (used == 0)
		used = num_decimal(buf, getuid());
	buf[used++] = '.';
	used += num_decimal(buf + used, (uint64_t)getppid());
	buf[used] = '\0';
}

const char *
cli_source(char *buf, const char *given)
{
	const char *from = given != NULL ? "-s" : "MBOX_SOURCE";

	if (given == NULL)
		given = getenv(from);
	if (given == NULL || (from[0] == 'M' && given[0] == '\0')) {
		default_source(buf);
		return buf;
	}
	if (!frame_name_ok(slice_of(given))) {
		cli_warn("%s: '%s' is not a source (1 to 255 bytes, no white space, no control bytes)", from, given);
		cli_exit(CLI_USAGE);
	}
	memcpy(buf, given, strlen(given) + 1);
	return buf;
}

_Noreturn void
cli_stopped(int signal)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t set;

	if (at_exit != NULL)
		at_exit(128 + signal);
	sigemptyset(&action.sa_mask);
	sigaction(signal, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(signal);
	_exit(128 + signal);            /* init of a container: the signal is not delivered */
}

int
cli_reader_gone(void)
{
	if (!signals_ignored(SIGPIPE))
		cli_stopped(SIGPIPE);
	errno = EPIPE;
	return cli_fail("write to", "standard output");
}

void
cli_damage(const char *name, struct damage *damage)
{
	if (damage == NULL || (damage->n == 0 && !damage->kept))
		return;
	if (damage->n == 0)
		cli_warn("%s: part of it was damaged: set aside there in files named *.damaged", name);
	else if (damage->n == 1)
		cli_warn("%s: message %llu is damaged: %s", name, (unsigned long long)damage->first,
		    damage->kept ? "set aside there in a file named *.damaged" : "nothing is left of it");
	else
		cli_warn("%s: %llu messages from %llu to %llu are damaged: %s", name, (unsigned long long)damage->n,
		    (unsigned long long)damage->first, (unsigned long long)damage->last,
		    damage->kept ? "set aside there in files named *.damaged" : "nothing is left of them");
	*damage = (struct damage){ 0 };
}
