/* SPDX-License-Identifier: ISC */
/*
 * waiting: what this process waits for, told once where that takes long and somebody watches: at a terminal, after two
 * seconds.  Nothing is asked of the kernel before that.
 *
 * Those that know what is waited for say so (waiting_for), those that sleep say how long they did (waiting_slept), and
 * the tool has the words (waiting_teller).
 */
#ifndef BASE_WAITING_H
#define BASE_WAITING_H

#include <stdbool.h>
#include <stdint.h>

enum { WAITING_LONG_MS = 2000 };

enum waiting_kind {
	WAITING_NOTHING,
	WAITING_INPUT,                  /* something on standard input */
	WAITING_ROOM,                   /* room in a mailbox: it has number of at most `most' messages, */
	WAITING_ROOM_BYTES,             /* or bytes */
	WAITING_RECEIVER,               /* a receiver that takes the message, */
	WAITING_DONE,                   /* or is done with it */
	WAITING_READER,                 /* a reader of a named pipe */
	WAITING_WRITER,                 /* another writer, in the middle of its message */
	WAITING_MESSAGE,                /* a message to receive */
	WAITING_ANSWER,                 /* the answer to a request */
	WAITING_LOCK,                   /* a mailbox that is locked (reclock.h: reclock_missed has it) */
	WAITING_KINDS,
};

struct waiting {
	enum waiting_kind kind;
	bool paused;                    /* the mailbox is, so nothing is received there */
	const char *name;               /* of the channel, as the user typed it; NULL, but for input: nothing is told */
	uint64_t number, most;          /* as the kind has it */
};

typedef void waiting_tell(const struct waiting *w);

/* waiting_teller -- from now on have f called, once for each kind. */
void waiting_teller(waiting_tell *f);

/* waiting_for -- what is waited for from now on, in which channel.  waiting_facts -- and what else is to be told of it. */
void waiting_for(enum waiting_kind kind, const char *name);
void waiting_facts(bool paused, uint64_t number, uint64_t most);

/* waiting_over -- what was waited for has come: the next wait is another one. */
void waiting_over(void);

/*
 * waiting_now -- what is waited for at this moment.  For signal handlers, too.  Returns whether there is anything that
 * is to be told.
 */
bool waiting_now(struct waiting *w);

/* waiting_watched -- whether standard error is a terminal: asked once. */
bool waiting_watched(void);

/* waiting_slept -- we have slept so long, and nothing came.  Leaves errno as it is. */
void waiting_slept(int ms);

/* waiting_cap_ms -- how long to sleep at a stretch: up to the moment at which it may have to be told, else `most'. */
int waiting_cap_ms(int most);

/* waiting_until -- the deadline, or before it the moment at which somebody who watches is to be told. */
uint64_t waiting_until(uint64_t deadline_ns);

/* waiting_say -- tell at once what is waited for, whether somebody watches or not. */
void waiting_say(void);

#endif
