/* SPDX-License-Identifier: ISC */
/*
 * cli: see cli.h.
 *
 * What is printed may come from a message that somebody else sent, so nothing but printable ASCII reaches the
 * terminal; and a line is one write(2), so that the lines of processes that share standard error do not mix.
 */
#include "tool/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/num.h"
#include "base/reclock.h"
#include "frame/frame.h"

enum { LINE_MAX_RAW = PATH_MAX + 1024 };        /* bytes of an error line before they are escaped */

static const struct tool *self;          /* the program that this is */

/*
 * fill_streams -- a standard stream that was closed gets a descriptor that can be neither read nor written (EBADF, as
 * before).  Left free, its number would go to the first file that we open: payloads and errors would be written there.
 * A command does not inherit it, and finds closed what we found closed.
 * Source: open(2), O_PATH; the root directory is there where /dev is not.
 */
static void
fill_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/", O_PATH | O_CLOEXEC) == -1)
			exit(cli_fail("fill", "a standard stream that is closed"));
}

void
cli_begin(const struct tool *tool)
{
	self = tool;
	fill_streams();
	signal(SIGXFSZ, SIG_IGN);
}

/* escape -- put s into out, what is not printable ASCII as \xHH.  Returns the bytes written, at most 4 * len. */
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

/* print_line -- "TOOL: MESSAGE\n", then tail as it is, on standard error.  Nobody is left to tell if that fails. */
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

const char *
cli_reason(int err)
{
	switch (err) {
	case EIDRM:
		return "the mailbox was removed";
	case EBADMSG:
		return "bad frame, or a damaged mailbox";
	case EREMOTE:
		return "whose mailbox it is cannot be told: its owner has not the number that its file identity says";
	case EUCLEAN:
		return "its file ctl is damaged: what is left can be read with cat NAME/*.log | mrecv -a -F -";
	case ENODEV:
		return "it is no mailbox";
	case ETIMEDOUT:
		return "time ran out";
	case EBADF:
		return "it is closed, or not open for that";
	case ECANCELED:
		return "it left the mailbox without being received";
	default:
		return strerror(err);
	}
}

int
cli_only_sends(const char *name, char option)
{
	cli_warn("%s: -%c: who may only send there cannot be told whether %s", name, option,
	    option == 'S' ? "it was received" : "there is room");
	return CLI_PERMISSION;
}

/* is_stopped -- whether /proc says of a process that a signal has stopped it. */
static bool
is_stopped(int pid)
{
	char path[64], text[512];
	const char *state;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = io_read(fd, text, sizeof text - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	/* "PID (NAME) STATE ...": a name may have parentheses */
	state = strrchr(text, ')');
	return state != NULL && (state[2] == 'T' || state[2] == 't');
}

/* say_locked -- name the process that holds a mailbox's lock. */
static void
say_locked(const char *name, const char *end)
{
	char path[64], comm[64];
	ssize_t n = -1;
	int fd, pid = reclock_missed;

	if (pid <= 0) {
		cli_warn("%s is locked by another process: %s", name, end);
		return;
	}
	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = io_read(fd, comm, sizeof comm - 1);
		close(fd);
	}
	comm[n > 1 ? n - 1 : 0] = '\0';         /* it ends in a newline */
	cli_warn("%s is locked by process %d (%s)%s: %s", name, pid, n > 1 ? comm : "?",
	    is_stopped(pid) ? ", which is stopped" : "", end);
}

void
cli_locked(const char *name)
{
	say_locked(name, "waiting");
}

void
cli_unjudged(const char *name)
{
	cli_warn("%s: messages of users with no number in this user namespace are left in its drop/", name);
}

int
cli_fail(const char *what, const char *object)
{
	int err = errno;

	if (err == EBUSY && reclock_missed != 0) {
		say_locked(object, cli_reason(ETIMEDOUT));
		return CLI_TIMEOUT;
	}
	cli_warn("cannot %s %s: %s", what, object, cli_reason(err));
	return cli_status(err);
}

int
cli_status(int err)
{
	switch (err) {
	case EAGAIN:
		return CLI_NOT_NOW;
	case EBUSY:             /* a mailbox that was locked all the time */
	case ETIMEDOUT:
		return CLI_TIMEOUT;
	case EBADMSG:
	case EUCLEAN:
	case EMSGSIZE:
	case EILSEQ:
		return CLI_DATA;
	case ENOENT:
	case ENOTDIR:
	case EISDIR:            /* a directory that is no mailbox */
	case ENXIO:             /* a FIFO without a reader, a socket */
	case ENODEV:
	case ELOOP:
	case ENAMETOOLONG:
		return CLI_NO_CHANNEL;
	case EIDRM:
		return CLI_REMOVED;
	case EEXIST:
		return CLI_CANNOT_CREATE;
	case EACCES:
	case EPERM:
	case EREMOTE:
		return CLI_PERMISSION;
	case 0:                 /* a failure that set no errno */
	case E2BIG:
	case EDEADLK:
	case EFAULT:
	case EINTR:
	case EINVAL:
	case EMFILE:
	case ENFILE:
	case ENOLCK:
	case ENOMEM:
	case ENOSYS:
	case EOPNOTSUPP:
	case EOVERFLOW:
	case EPROTO:
		return CLI_SYSTEM;
	default:                /* ENOSPC, EIO, EPIPE, EDQUOT, EFBIG, EROFS; EBADF: a standard stream that is closed ... */
		return CLI_IO;
	}
}

int
cli_usage(const char *format, ...)
{
	char usage[2048];
	va_list args;

	snprintf(usage, sizeof(usage), "usage: %s\n", self->synopsis);
	va_start(args, format);
	print_line(usage, format, args);
	va_end(args);
	return CLI_USAGE;
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

/* default_source -- LOGIN.PPID.  The name service is not asked: that would cost more than the send itself. */
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
	const char *said_by = "-s";

	if (given == NULL) {
		given = getenv("MBOX_SOURCE");
		said_by = "MBOX_SOURCE";
		if (given == NULL || given[0] == '\0') {
			default_source(buf);
			return buf;
		}
	}
	if (!frame_name_ok(slice_of(given))) {
		cli_warn("%s: '%s' is not a source (1 to 255 bytes, no white space, no control bytes)", said_by, given);
		return NULL;
	}
	memcpy(buf, given, strlen(given) + 1);
	return buf;
}

_Noreturn void
cli_stopped(int signal)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigemptyset(&action.sa_mask);
	sigaction(signal, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(signal);
	_exit(128 + signal);            /* where the signal was not delivered: the first process of a container */
}

void
cli_damage(const char *name, struct damage *damage)
{
	if (damage == NULL || (damage->n == 0 && !damage->kept))
		return;
	if (damage->n == 0)
		cli_warn("%s: part of it was damaged: set aside in files named *.damaged there", name);
	else if (damage->n == 1)
		cli_warn("%s: message %llu is damaged: %s", name, (unsigned long long)damage->first,
		    damage->kept ? "set aside in a file named *.damaged there" : "nothing is left of it");
	else
		cli_warn("%s: %llu messages from %llu to %llu are damaged: %s", name, (unsigned long long)damage->n,
		    (unsigned long long)damage->first, (unsigned long long)damage->last,
		    damage->kept ? "set aside in files named *.damaged there" : "nothing is left of them");
	*damage = (struct damage){ 0 };
}
