/* SPDX-License-Identifier: ISC */
/*
 * deliver: what was received goes to the output, or to a command, and only then counts as received.
 */
#ifndef DELIVER_H
#define DELIVER_H

#include "output.h"
#include "sink.h"
#include "source.h"

struct deliver {
	struct sources *sources;
	struct output *output;          /* used where there is no command */
	char *const *command;           /* NULL: none */
	bool follow;                    /* for ever: a command's failure does not end it */
	uint32_t max_tries;             /* after so many a message is a dead letter; 0 never */
	struct sink *dead;              /* where dead letters go, and messages that expired; NULL: nowhere */
	int status;                     /* of the last command that failed, as a shell has it; 0 none */
	const char *failed_at;          /* after a failure: "write", "run" or "read" ... */
	const char *failed_on;          /* ... and the object */
};

/*
 * deliver_run -- deliver what sources_next gave.
 * n: gets how many messages were delivered.
 * Returns 1 go on, 0 end here (a command put its message back, or could not be run, or was stopped),
 * or -1 with errno, failed_at and failed_on; what was not delivered is put back.
 */
int deliver_run(struct deliver *d, uint64_t *n);

#endif
