/* SPDX-License-Identifier: ISC */
/*
 * cli: what all tools share: exit statuses, error messages, channel names.
 *
 * Only this room prints and exits.
 */
#ifndef TOOL_CLI_H
#define TOOL_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/memory.h"
#include "mailbox/mailbox.h"

enum cli_status {
	CLI_OK = 0,
	CLI_NOT_NOW = 1,        /* nothing matched, no room */
	CLI_TIMEOUT = 124,
	CLI_USAGE = 64,
	CLI_DATA = 65,          /* bad frame or data */
	CLI_NO_CHANNEL = 66,
	CLI_REMOVED = 69,       /* mailbox removed while waiting, or closed, or now of another kind */
	CLI_SYSTEM = 71,
	CLI_CANNOT_CREATE = 73,
	CLI_IO = 74,
	CLI_PERMISSION = 77,
	CLI_OWN_FAILURE = 125,  /* in a tool that exits with a command's status */
	CLI_CANNOT_EXECUTE = 126,
	CLI_NOT_FOUND = 127,
};

struct tool {
	const char *name;               /* "msend" */
	const char *synopsis;           /* "msend [-0lnFv] [-H key=value] ... channel [message...]" */
	const struct args_option *options;      /* args.h */
	const char *examples[2];        /* for --help */
	enum {
		CLI_PLAIN,
		CLI_CARRIES,            /* it carries messages: a pipe whose reader has gone is an error (EPIPE) rather than a
					   signal, and SIGUSR1 is answered (progress.h) */
		CLI_RECEIVES,           /* and signals to stop are held back, for what is done at once (io_hold_too) */
	} kind;
};

/*
 * cli_begin -- the first call of main.  No file opened later gets the number of a standard stream, and a file that may
 * not grow is an error (EFBIG), as a full disk is, rather than a signal.
 */
void cli_begin(const struct tool *tool);

/* cli_at_exit -- have f called with the exit status, from now on, before cli_exit or cli_stopped ends the process. */
void cli_at_exit(void (*f)(int status));

/* cli_exit -- exit with this status.  Does not return. */
_Noreturn void cli_exit(int status);

/*
 * cli_fail -- print "TOOL: cannot WHAT OBJECT: reason of errno\n"; where it is closed, "TOOL: OBJECT is closed ...\n"; where a mailbox stayed locked (EBUSY of txn_lock),
 * "TOOL: OBJECT is locked by process 1234 (NAME): time ran out\n".
 * Returns the exit status for errno.
 */
COLD int cli_fail(const char *what, const char *object);

/* cli_unjudged -- report that messages in drop/ stay, for their sender cannot be identified (mbox.h). */
void cli_unjudged(const char *name);

/* cli_held -- report which process holds a message of mailbox name, if any does (mailbox_tell_why). */
void cli_held(const char *name, const struct snapshot_message *m);

/*
 * cli_only_sends -- refuse -n, -S or -u, or --close (option 0), for a user who may only send to mailbox name.
 * Returns CLI_PERMISSION.
 */
int cli_only_sends(const char *name, char option);

/* cli_unheard -- report that no process reads the named pipe.  Returns CLI_NOT_NOW. */
int cli_unheard(const char *name);

/* cli_unread -- report that a stream was left before all was read: so many bytes, or errno where that is unknown (0). */
void cli_unread(const char *name, uint64_t unread);

/* cli_misframed -- report what is no frame: at which byte of the stream, and why.  Returns CLI_DATA. */
COLD int cli_misframed(const char *name, uint64_t offset, const char *why);

/* cli_status -- the exit status for an errno of the library. */
int cli_status(int err);

/*
 * A wrong command line, in one of two ways.  Both print the reason on standard error and exit with CLI_USAGE.
 *
 * cli_usage -- the words are not those of the synopsis, which is printed behind the reason: an option that there is not,
 * or without its value, or with one that it does not take; an operand that is missing, or one too many.
 * cli_refuse -- the synopsis has them, and the reason alone, one line, says what is wrong: a value, options that do not
 * go together, a channel that does not go with an option.
 */
_Noreturn COLD void cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn COLD void cli_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* cli_print -- print strings, up to a NULL, on standard output.  Returns the exit status; a failure is reported. */
int cli_print(const char *const *parts);

/*
 * cli_path -- the path of the channel that the user calls name: $MBOX_DIR/NAME for a name without a slash, but for "-".
 * path: PATH_MAX bytes.
 * Returns 0, or -1 with ENAMETOOLONG, or ENOENT for an empty name.
 * cli_path_new -- the same in new memory, which stays.  Returns NULL in place of -1, with ENOMEM, too.
 */
int cli_path(char *path, const char *name);
const char *cli_path_new(const char *name);

/*
 * cli_feeds_itself -- report where the channels at these paths, "-" for standard input and standard output, are one
 * plain file: what is read would grow as it is written, without end.  Returns whether they are.
 */
bool cli_feeds_itself(const char *name, const char *in, const char *out);

/*
 * cli_source -- the source of a message: given, or where that is NULL $MBOX_SOURCE, else LOGIN.PPID.
 * buf: FRAME_NAME_MAX + 1 bytes.  Returns buf; a wrong source is reported, with exit status 64.
 */
const char *cli_source(char *buf, const char *given);

/*
 * cli_reader_gone -- whoever read standard output has left: end by SIGPIPE, or, where whoever started us ignores that,
 * report it.  Returns the exit status.
 */
int cli_reader_gone(void);

/* cli_stopped -- end the process by a signal that it caught (128+N to a shell).  Does not return. */
_Noreturn void cli_stopped(int signal);

/* cli_damage -- report, once, the damaged messages found in mailbox name.  damage: may be NULL. */
void cli_damage(const char *name, struct damage *damage);

#endif
