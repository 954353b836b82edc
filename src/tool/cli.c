/* SPDX-License-Identifier: ISC */
/* cli: see cli.h. */
#include "tool/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/num.h"
#include "base/process.h"
#include "base/reclock.h"
#include "base/signals.h"
#include "base/waiting.h"
#include "frame/frame.h"
#include "tool/line.h"
#include "tool/nearby.h"
#include "tool/waits.h"

static const struct tool *self;
static void (*at_exit)(int status);      /* NULL: nothing is to be done */

void
cli_at_exit(void (*f)(int status))
{
	at_exit = f;
}

void
cli_exit(int status)
{
	io_let_stop();          /* a signal that came meanwhile has its effect */
	if (at_exit != NULL)
		at_exit(status);
	exit(status);
}

void
cli_begin(const struct tool *tool)
{
	sigset_t blocks;

	self = tool;
	line_begin(tool->name);
	if (io_fill_streams() == -1)
		cli_exit(cli_fail("fill", "a standard stream that is closed"));
	sigemptyset(&blocks);
	sigaddset(&blocks, SIGXFSZ);
	if (tool->kind >= CLI_CARRIES) {
		sigaddset(&blocks, SIGPIPE);
		sigaddset(&blocks, SIGUSR1);
	}
	if (tool->kind == CLI_RECEIVES)
		io_hold_too(&blocks);
	signals_block(&blocks);
	waiting_teller(waits_tell);
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
		{ EPROTONOSUPPORT, "a machine of the other byte order made it: there mrecv -aF, and here msend -F, take its "
		    "messages over" },
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
		line_warn("%s: --close: send-only access does not let it be closed", name);
	else
		line_warn("%s: -%c: send-only access does not show whether %s", name, option,
		    option == 'S' ? "a message was received" : option == 'u' ? "it was sent before" : "there is room");
	return CLI_PERMISSION;
}

void
cli_unjudged(const char *name)
{
	line_warn("%s: messages of users with no number in this user namespace stay in its drop/", name);
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
	line_warn("%s: message %llu is held by %s%s", name, id, by, for_);
}

/* on_channel -- whether what could not be done was to be done to a channel as a whole. */
static bool
on_channel(const char *what)
{
	static const char *const whats[] = { "open", "look into", "change", "remove", "link" };

	for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++)
		if (strcmp(what, whats[i]) == 0)
			return true;
	return false;
}

/*
 * missing -- report that there is nothing at a channel's name: where it was looked for, and what may have been meant, or
 * made, to be opened.  Returns whether that is so.
 */
static bool
missing(const char *what, const char *name)
{
	static LARGE char path[PATH_MAX], near[PATH_MAX], word[NEARBY_QUOTED];
	const bool opened = strcmp(what, "open") == 0;

	if (cli_path(path, name) == -1 || access(path, F_OK) == 0)
		return false;
	else if (nearby_box(path, name, near) != NULL && line_shows(near))
		line_warn("no mailbox at %s: did you mean %s?", path, nearby_quote(word, near));
	else if (errno != 0 && opened)
		line_warn("no mailbox at %s, and no folder to make it in", path);
	else if (!line_shows(name) || !opened)
		line_warn("no mailbox at %s", path);
	else
		line_warn("no mailbox at %s (mkmbox %s makes it)", path, nearby_quote(word, name));
	return true;
}

int
cli_fail(const char *what, const char *object)
{
	static LARGE char path[PATH_MAX];
	int err = errno;

	if (err == EBUSY && reclock_missed != 0) {
		waits_locked(object, reason(ETIMEDOUT));
		return CLI_TIMEOUT;
	}
	if (err == ENOENT && object[0] == '\0') {
		line_warn("'' is no name of a channel");
		return CLI_NO_CHANNEL;
	}
	if (err == ENOENT && on_channel(what) && missing(what, object))
		return CLI_NO_CHANNEL;
	if (err == ENOTDIR && on_channel(what) && cli_path(path, object) == 0 && access(path, F_OK) == 0)
		err = ENODEV;           /* it is a file, and not below one */
	if (err == ESHUTDOWN)
		line_warn("%s is closed (chmbox --open %s opens it)", object, object);
	else
		line_warn("cannot %s %s: %s", what, object, reason(err));
	return cli_status(err);
}

int
cli_unheard(const char *name)
{
	line_warn("%s: no process reads it", name);
	return CLI_NOT_NOW;
}

void
cli_unread(const char *name, uint64_t unread)
{
	if (unread > 0)
		line_warn("%s: %llu bytes were left unread", name, (unsigned long long)unread);
	else
		cli_fail("write to", name);
}

int
cli_misframed(const char *name, uint64_t offset, const char *why)
{
	line_warn("%s: byte %llu: %s", name, (unsigned long long)offset, why);
	return CLI_DATA;
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
		/* ENXIO: a FIFO without a reader, a socket */
		{ CLI_NO_CHANNEL, { ENOENT, ENOTDIR, ENXIO, ENODEV, ELOOP, ENAMETOOLONG } },
		{ CLI_REMOVED, { EIDRM, ESHUTDOWN, ESTALE } },
		{ CLI_CANNOT_CREATE, { EEXIST } },
		{ CLI_PERMISSION, { EACCES, EPERM, EREMOTE } },
		{ CLI_SYSTEM, { E2BIG, EDEADLK, EFAULT, EINTR, EINVAL, EMFILE, ENFILE, ENOLCK, ENOMEM, ENOSYS, EOPNOTSUPP,
		    EOVERFLOW, EPROTO, EPROTONOSUPPORT, EXDEV } },
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
	line_print(usage, format, args);
	va_end(args);
	cli_exit(CLI_USAGE);
}

_Noreturn void
cli_refuse(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line_print("", format, args);
	va_end(args);
	cli_exit(CLI_USAGE);
}

int
cli_print(const char *const *parts)
{
	for (; *parts != NULL; parts++) {
		if (io_write(STDOUT_FILENO, *parts, strlen(*parts)) == -1)
			return errno == EPIPE ? cli_reader_gone() : cli_fail("write to", "standard output");
	}
	return CLI_OK;
}

/*
 * path_parts -- the folder, perhaps an empty one, in front of a channel's name.
 * Returns the bytes of its path, with '/' and NUL; 0 with errno of cli_path.
 */
static size_t
path_parts(const char *name, struct slice *folder)
{
	const char *dir = getenv("MBOX_DIR");
	size_t name_len = strlen(name);

	*folder = slice_of("");
	if (dir != NULL && strchr(name, '/') == NULL && strcmp(name, "-") != 0)
		*folder = slice_of(dir);
	if (name_len > 0 && name_len < PATH_MAX && folder->len < PATH_MAX - 1 - name_len)
		return folder->len + name_len + 2;
	errno = name_len == 0 ? ENOENT : ENAMETOOLONG;
	return 0;
}

/* path_put -- write it. */
static void
path_put(char *path, const char *name, struct slice folder)
{
	memcpy(path, folder.p, folder.len);
	path += folder.len;
	if (folder.len > 0)
		*path++ = '/';
	memcpy(path, name, strlen(name) + 1);
}

int
cli_path(char *path, const char *name)
{
	struct slice folder;

	if (path_parts(name, &folder) == 0)
		return -1;
	path_put(path, name, folder);
	return 0;
}

const char *
cli_path_new(const char *name)
{
	struct slice folder;
	size_t size = path_parts(name, &folder);
	char *path = size > 0 ? memory_new(size) : NULL;

	if (path != NULL)
		path_put(path, name, folder);
	return path;
}

/* plain -- get what path names, "-" the standard stream fd.  Returns whether it is a plain file. */
static bool
plain(const char *path, int fd, struct stat *st)
{
	return (strcmp(path, "-") == 0 ? fstat(fd, st) : stat(path, st)) == 0 && S_ISREG(st->st_mode);
}

bool
cli_feeds_itself(const char *name, const char *in, const char *out)
{
	struct stat from, to;

	if (!plain(in, STDIN_FILENO, &from) || !plain(out, STDOUT_FILENO, &to) || from.st_dev != to.st_dev
	    || from.st_ino != to.st_ino)
		return false;
	line_warn("%s: input file is output file", name);
	return true;
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
		used = num_decimal(buf, getauxval(AT_UID));
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
	if (!frame_name_ok(slice_of(given)))
		cli_refuse("%s: '%s' is not a source (1 to 255 bytes, no white space, no control bytes)", from, given);
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
		line_warn("%s: part of it was damaged: set aside there in files named *.damaged", name);
	else if (damage->n == 1)
		line_warn("%s: message %llu is damaged: %s", name, (unsigned long long)damage->first,
		    damage->kept ? "set aside there in a file named *.damaged" : "nothing is left of it");
	else
		line_warn("%s: %llu messages from %llu to %llu are damaged: %s", name, (unsigned long long)damage->n,
		    (unsigned long long)damage->first, (unsigned long long)damage->last,
		    damage->kept ? "set aside there in files named *.damaged" : "nothing is left of them");
	*damage = (struct damage){ 0 };
}
