/* SPDX-License-Identifier: ISC */
/*
 * fan: each message to many channels.
 *
 * Small messages are gathered until fan_flush, or until there are many.  A channel that fails is left out, and the
 * others go on.
 */
#ifndef CHANNEL_FAN_H
#define CHANNEL_FAN_H

#include <sys/stat.h>

#include "channel/serve.h"

struct fan_channel {
	struct sink sink;
	struct stat st;                 /* of what stands there */
	bool is_out;                    /* standard output: it has no filter, and `one` and `nonblock` leave it alone */
	bool dead;                      /* it failed, and was left out */
	bool begun;                     /* the large message at hand has been begun there */
	bool wanted;                    /* the message at hand goes there */
	struct fan_channel *leader;     /* where the large message at hand is written, to be linked here; NULL: here */
	uint64_t missed;                /* messages for which it was full */
};

struct fan {
	bool one;                       /* each message to one channel: the first with room */
	bool nonblock;                  /* channels that are full miss the message */
	/*
	 * failed -- called with errno for a channel that fails.  It stays after EMSGSIZE, and where the receiver of a
	 * message failed: ECANCELED, or EPIPE where it may have a next one (sink_begins_again).
	 */
	void (*failed)(void *user, const struct sink *sink);
	void *user;
	struct fan_channel *channels;   /* each once, whatever names lead to it */
	struct spread *spread;          /* for each of them, in a large message that goes by reference */
	struct serve serve;             /* what each of them is still to get */
	unsigned n;
	bool streams;                   /* not all of them are mailboxes */
	size_t gather_max, gathered;    /* bytes of frames */
};

/* fan_init -- for at most n channels.  Returns 0, or -1 with ENOMEM. */
int fan_init(struct fan *f, unsigned n);

/*
 * fan_open -- open the channel at path ("-" is standard output), unless it is open: a process's locks do not tell two
 * openings apart.  number: gets its place among the channels.
 * Returns 0, or -1 as sink_open.
 */
int fan_open(struct fan *f, const char *name, const char *path, bool truncate, unsigned *number);

/* fan_copy -- send a message to the channels that are wanted.  Returns 0, or -1: it could not be read, none has it. */
int fan_copy(struct fan *f, struct message *m);

/* fan_flush -- send all that is gathered, to each channel as it takes it. */
void fan_flush(struct fan *f);

/* fan_any_left -- whether there is still a channel that has not failed. */
bool fan_any_left(const struct fan *f);

/* fan_close -- wait until a FIFO has been read, with nonblock for a second, and let go.  Returns as sink_close. */
int fan_close(const struct fan *f, struct fan_channel *c);

#endif
