/* SPDX-License-Identifier: ISC */
/* handler: a command that is run on a message. */
#ifndef HANDLER_H
#define HANDLER_H

#include "message.h"

/* What became of a command. */
enum handler_end {
	HANDLER_DONE,           /* exit 0 */
	HANDLER_BACK,           /* exit 75, or a signal: the message goes back as it was */
	HANDLER_FAILED,         /* any other status: a try */
	HANDLER_CANNOT,         /* it could not be run: 126 or 127, nothing is consumed */
};

/*
 * handler_run -- run argv with the message's payload on standard input and its headers in MBOX_*; wait for its end.
 * channel: MBOX_NAME.  status: gets the exit status, as a shell has it (128+N for signal N; 126, 127).
 * A first signal to stop (io_stop) lets the command finish, a second is passed to it.
 * Returns what became of it, or -1 with errno: pipe(2), ENOMEM, or a payload that is cut short (EBADMSG).
 */
int handler_run(char *const *argv, const char *channel, struct message *m, int *status);

#endif
