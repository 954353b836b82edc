/* SPDX-License-Identifier: ISC */
/*
 * cli: what every tool has in common: statuses, errors, names of channels.
 *
 * Only this layer and the tools above it print and exit.
 */
#ifndef TOOL_CLI_H
#define TOOL_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "mailbox/mailbox.h"

enum cli_status {
	CLI_OK = 0,
	CLI_NOT_NOW = 1,        /* nothing matched, no room */
	CLI_TIMEOUT = 124,
	CLI_USAGE = 64,
	CLI_DATA = 65,          /* bad frame or data */
	CLI_NO_CHANNEL = 66,
	CLI_REMOVED = 69,       /* mailbox removed while waiting */
	CLI_SYSTEM = 71,
	CLI_CANNOT_CREATE = 73,
	CLI_IO = 74,
	CLI_PERMISSION = 77,
	CLI_OWN_FAILURE = 125,  /* of a tool that returns a command's status */
	CLI_CANNOT_EXECUTE = 126,
	CLI_NOT_FOUND = 127,
};

/* What a program is, to itself and to its user. */
struct tool {
	const char *name;               /* "msend" */
	const char *synopsis;           /* "msend [-0lnFv] [-H key=value] ... channel [message...]" */
	const struct args_option *options;      /* args.h */
};

/*
 * cli_begin -- the first thing in main.  No file that is opened later gets the number of a standard stream; and a file
 * that may grow no more is an error like a full disk, EFBIG, no signal.
 */
void cli_begin(const struct tool *tool);

/* cli_warn -- print "TOOL: MESSAGE\n" on standard error; what is not printable in MESSAGE is escaped as \xHH. */
void cli_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * cli_fail -- print "TOOL: cannot WHAT OBJECT: reason of errno\n"; where a mailbox was locked all the time (EBUSY of
 * txn_lock), "TOOL: OBJECT is locked by process 1234 (NAME): time ran out\n".
 * Returns the exit status that errno stands for (cli_status).
 */
int cli_fail(const char *what, const char *object);

/* cli_locked -- tell who holds the lock of the mailbox name, which is waited for (mailbox_tell). */
void cli_locked(const char *name);

/* cli_unjudged -- tell that something left in the mailbox name stays, for it cannot be told whose it is (mbox.h). */
void cli_unjudged(const char *name);

/* cli_only_sends -- say that option asks of mailbox name what who may only send there cannot know.  Returns CLI_PERMISSION. */
int cli_only_sends(const char *name, char option);

/* cli_reason -- the words for an errno of the library: strerror(3)'s, but for EIDRM, EBADMSG and ETIMEDOUT. */
const char *cli_reason(int err);

/* cli_status -- the exit status that an errno of the library stands for. */
int cli_status(int err);

/* cli_usage -- print the reason (where not NULL) and the synopsis on standard error.  Returns CLI_USAGE. */
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* cli_print -- print parts of text on standard output, up to a NULL.  Returns CLI_OK, or CLI_IO with the failure said. */
int cli_print(const char *const *parts);

/*
 * cli_path -- where the channel that the user calls name lies: $MBOX_DIR/NAME where name has no slash (and is not -).
 * "-" is a name like any other here.  path: PATH_MAX bytes.
 * Returns 0, or -1 with ENAMETOOLONG, or ENOENT for an empty name.
 */
int cli_path(char *path, const char *name);

/*
 * cli_source -- who the sender is: given (where not NULL), else $MBOX_SOURCE, else LOGIN.PPID.
 * buf: FRAME_NAME_MAX + 1 bytes.  Returns buf, or NULL where it is no name (said on standard error).
 */
const char *cli_source(char *buf, const char *given);

/* cli_stopped -- end as the caught signal would have ended the process (128+N to a shell).  Does not return. */
_Noreturn void cli_stopped(int signal);

/*
 * cli_damage -- say which messages of the mailbox that the user calls name were found damaged, if any; once.  damage: may be NULL.
 */
void cli_damage(const char *name, struct damage *damage);

#endif
