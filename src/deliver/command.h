/* SPDX-License-Identifier: ISC */
/* command: a command that is run on a message, or on several. */
#ifndef DELIVER_COMMAND_H
#define DELIVER_COMMAND_H

#include "frame/message.h"

/* What the end of a command means. */
enum command_end {
	COMMAND_DONE,           /* exit 0 */
	COMMAND_BACK,           /* exit 75, or a signal that asks to end: the message is put back as it was */
	COMMAND_FAILED,         /* any other status, or a crash: a try is counted */
};

/* What a command is run with. */
struct command {
	char *const *argv;
	const char *channel;            /* MBOX_NAME */
	const struct message *message;  /* for the other MBOX_*; NULL: none of them, ... */
	uint32_t count;                 /* ... but MBOX_COUNT: a batch of so many messages; 0 none */
	uint32_t max_tries;             /* MBOX_TRIES; 0: as many as it takes */
	int in_fd;                      /* its standard input */
	int out_fd;                     /* its standard output; -1: ours */
	int err_fd;                     /* its standard error; 0: ours */
};

/*
 * command_start -- start the command, which the kernel sends SIGTERM where we die before it.
 * Returns 0 with its pid, or -1 with errno of vfork(2) or execvp(3).
 */
int command_start(const struct command *h, pid_t *pid);

/*
 * command_events -- from now on note the ends of commands; once in a process.
 * Returns a non-blocking descriptor that can be read once one has ended, or -1.
 */
int command_events(void);

/* command_cannot -- the exit status for an errno of command_start: 127, 126; 0: the fault is not the command's. */
int command_cannot(int err);

/* command_ended -- what a wait status means.  status: gets the exit status, as a shell has it (128+N for signal N). */
enum command_end command_ended(int waited, int *status);

#endif
