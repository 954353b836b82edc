/* SPDX-License-Identifier: ISC */
/*
 * adapter: what all adapters share: the command line, exit statuses, one line for each trouble.  mlink(1) has the
 * contract.
 *
 *     link-NAME form                  "stream"
 *     link-NAME out URL               frames on standard input, acknowledgements on standard output
 *     link-NAME in URL COMMAND...     frames to a command, acknowledgements from it
 *
 * An adapter is a program of its own, with its engine's library.  It prints and exits, the modules below do not.
 */
#ifndef LINK_ADAPTER_H
#define LINK_ADAPTER_H

#include <stdbool.h>

#include "link/netrc.h"
#include "link/url.h"

enum adapter_status {
	ADAPTER_OK = 0,
	ADAPTER_URL = 64,       /* the command line, or the URL */
	ADAPTER_REFUSED = 65,   /* what was to be carried can't be */
	ADAPTER_SETUP = 69,     /* set up wrong: it is of no use to try again soon */
	ADAPTER_LATER = 75,     /* the connection is lost, the engine away, or full */
};

struct adapter {
	const char *name;                       /* "link-amqp" */
	const char *const *schemes;             /* of its URLs, up to a NULL */
	const char *const *options;             /* of its URLs (?KEY=VALUE), up to a NULL */
	bool users;                             /* its URLs may name a user */
	unsigned port;                          /* where a URL has none; 0: of the scheme, the adapter knows */
	int (*out)(const struct url *u);                        /* both return the exit status */
	int (*in)(const struct url *u, char *const *command);
};

/*
 * adapter_run -- all of main: read the command line and do it.  Returns the exit status; 0 of `in', where a signal has
 * ended it, is 128 and that signal, as a shell has it: for mlink(1) 0 is the end of all.
 * SIGPIPE and SIGXFSZ are ignored.  `in' ends by SIGTERM when its parent dies (prctl(2), PR_SET_PDEATHSIG).
 */
int adapter_run(const struct adapter *a, int argc, char **argv);

/* adapter_say -- print "NAME: MESSAGE\n" on standard error in one write; what is not printable ASCII as \xHH. */
void adapter_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* adapter_linked -- print the line "linked" on standard error: connected, and ready. */
void adapter_linked(void);

/*
 * adapter_login -- the name and the password for host from the netrc file (netrc.h).
 * Returns 1, 0 where it has none, or -1 after it has said what is wrong with it: ADAPTER_SETUP.
 */
int adapter_login(const char *host, struct netrc *login);

#endif
