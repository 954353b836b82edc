/* SPDX-License-Identifier: ISC */
/*
 * consumer: one command, or whoever reads our standard output, that gets a mailbox's messages as frames and
 * acknowledges each (ack.h).
 *
 * What it has not acknowledged stays claimed, at most so many messages at a time, and is put back at the end.  Nothing
 * here waits for one side while the other could go on: messages, the consumer's reading, its acknowledgements, and its
 * end are waited for together.
 */
#ifndef DELIVER_CONSUMER_H
#define DELIVER_CONSUMER_H

#include "deliver/ack.h"
#include "deliver/deliver.h"
#include "deliver/framer.h"
#include "deliver/window.h"

/* Why no more is written; of several reasons the last in this list. */
enum consumer_why {
	CONSUMER_GOES_ON,
	CONSUMER_ENDED,                 /* it has ended, or acknowledges no more */
	CONSUMER_SHUT,                  /* it reads no more */
	CONSUMER_NOTHING,               /* there is nothing more: select_next gave 0 */
	CONSUMER_ENOUGH,                /* it has got `count' */
	CONSUMER_TIMEOUT,               /* nothing came in time */
	CONSUMER_STOPPED,               /* io_stop */
	CONSUMER_FAILED,                /* error, failed_at and failed_on */
	CONSUMER_SILENT,                /* no acknowledgement for patience_ns */
	CONSUMER_WRONG,                 /* lines.wrong is no acknowledgement, or of what was never written (never) */
};

enum { CONSUMER_POLLED = 3 };

/* Zeros, but for what the caller sets before consumer_begin. */
struct consumer {
	struct deliver *deliver;
	char *const *command;           /* NULL: it is at our standard output and input */
	uint32_t limit;                 /* messages that it may have unacknowledged, from 1 on, ... */
	uint64_t limit_bytes;           /* ... and bytes of their payloads, unless it is one message */
	uint64_t patience_ns;           /* 0: for ever */
	uint64_t count;                 /* messages to write, at most */
	void (*tell_late)(const char *channel, uint64_t id);    /* called once: what was acknowledged is not open any more */

	enum consumer_why why;          /* set by rounds_next */
	int error;                      /* errno of the failure, ... */
	const char *failed_at, *failed_on;      /* ... and what failed, as in struct deliver */
	bool never;                     /* what was acknowledged was never written */
	int cannot;                     /* the command could not be run: 126 or 127; else 0 */
	bool ran;                       /* it was run, and has ended: */
	int status;                     /* as a shell has it */
	uint64_t got;                   /* messages taken for it */
	uint32_t left;                  /* set by rounds_end: those taken for it that it did not acknowledge */

	pid_t pid;                      /* of the command; 0: it does not run */
	int event_fd;                   /* can be read once it has ended; -1 */
	int ack_fd;                     /* -1: nothing comes from there any more */
	bool out_open;                  /* its input is open */
	bool at_once;                   /* its input is closed in the middle of a frame */
	bool asked;                     /* what is there now was asked for */
	bool hopeless;                  /* the mailbox has failed: nothing can be settled */
	bool parked;                    /* other receivers are woken in our place */
	bool cut;                       /* what it has not begun to get is put back */
	int passed;                     /* signals to stop that were handled */
	uint32_t most;                  /* messages that are worth claiming together: their payloads may be large */
	uint64_t sign_ns;               /* when it last read or acknowledged something (CLOCK_MONOTONIC) */
	uint64_t look_ns;               /* when to look whether the command has ended, whatever is told */
	uint64_t kill_ns;               /* when a command that was asked to end is killed; CLOCK_NEVER */
	bool late;                      /* tell_late was called */
	struct run spare;               /* for a dead letter, while there are messages in hand */
	struct also also;
	struct pollfd polled[CONSUMER_POLLED + SELECT_POLLED(1)];
	struct window window;
	struct framer framer;
	struct ack_lines lines;
};

/* consumer_begin -- start the command.  Returns 0, or -1 with errno, cannot, deliver->failed_at and failed_on. */
int consumer_begin(struct consumer *c);

/* consumer_mailbox, consumer_from -- the mailbox, and its name as the user typed it. */
static inline struct receiver *
consumer_mailbox(const struct consumer *c)
{
	return &c->deliver->sources->list[0].receiver;
}

static inline const char *
consumer_from(const struct consumer *c)
{
	return c->deliver->sources->list[0].name;
}

/* consumer_stop -- write nothing more that has not begun, for this reason. */
void consumer_stop(struct consumer *c, enum consumer_why why);

/* consumer_fail -- something has failed, errno says why.  consumer_lose -- it is the mailbox. */
void consumer_fail(struct consumer *c, const char *at, const char *on);
void consumer_lose(struct consumer *c, const char *at);

/* consumer_put_back -- put back what begins at the byte `from' of the output, or later, and is not acknowledged. */
void consumer_put_back(struct consumer *c, uint64_t from);

/* consumer_end_acks -- nothing that comes from it is an acknowledgement any more. */
void consumer_end_acks(struct consumer *c);

/* consumer_close -- it has all that it gets. */
void consumer_close(struct consumer *c);

/* consumer_give_up -- for this reason it gets nothing more, is asked nothing more, and is to end. */
void consumer_give_up(struct consumer *c, enum consumer_why why);

#endif
