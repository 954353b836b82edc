/* SPDX-License-Identifier: ISC */
/*
 * serve: one message to several channels, each of which takes it in its own time.
 *
 * While we wait for a channel to begin, or to take more, the others go on to the end.  So what is held in one of them
 * (the lock of a pipe or a file, a receiver in the middle of a message) is let go without regard to the rest, and no
 * two processes can wait for each other.  What a slow channel has not taken of a payload that is still coming is kept
 * in a file without a name, once that channel has not moved for a while; until then it sets the pace.
 */
#ifndef CHANNEL_SERVE_H
#define CHANNEL_SERVE_H

#include <sys/types.h>

#include "channel/sink.h"
#include "stream/splice_fan.h"

enum { SERVE_PIECE = 64 * 1024 };       /* bytes of a payload that are read at a time */

/* What is to be done in a channel. */
enum serve_stage {
	SERVE_NOTHING,
	SERVE_FLUSH,                    /* what is gathered there is to go */
	SERVE_BEGIN,                    /* the message is to begin */
	SERVE_BODY,                     /* it has begun: the payload follows, as far as it has come */
	SERVE_END,                      /* it is to end */
};

struct served {
	struct sink *sink;
	struct spread *spread;          /* of a stream: what it has left to take */
	dev_t dev;                      /* which channel it is */
	ino_t ino;
	enum serve_stage stage;         /* set by the caller; SERVE_NOTHING once all of it is done, or has failed */
	uint64_t at;                    /* payload bytes that it has been given */
	uint64_t moved_ns;              /* when it began, or took the last of them */
	bool waits;                     /* it did not take all that it could have been given */
};

struct serve {
	struct served *list;
	unsigned n;
	struct pollfd *polled;          /* two for each, and the input */
	/* failed -- called with errno for a channel that fails; what is begun there is still to be aborted. */
	void (*failed)(void *user, unsigned i);
	void *user;

	const struct message *head;     /* the message at hand: its headers */
	const char *data;               /* of its payload, the bytes from data_at */
	uint64_t data_at, total;        /* to total, which have been read of it */
	bool ended;                     /* and that is all */
	bool large;                     /* its payload is still to come */
	uint64_t begun_ns;              /* when the message began in a channel, the last that it did so far */
	uint64_t patience_ns;           /* how long a channel that does not move makes the others wait */
	int nap_ms;                     /* to the next look at a channel that cannot wake us */
	int kept_fd;                    /* -1 none: of a file that has bytes of the payload, */
	uint64_t kept_at, kept_end;     /* from kept_at to kept_end; none where these are the same */
	bool was_kept;                  /* it was written to for this large message, or the one before */
	bool unkept;                    /* it cannot be written: a slow channel makes the others wait */
	uint64_t again_at;              /* of the payload, again has what was read from the file */
	size_t again_len;
	char piece[SERVE_PIECE], again[SERVE_PIECE];
};

/* serve_init -- for n channels.  Returns 0, or -1 with ENOMEM. */
int serve_init(struct serve *s, unsigned n);

/*
 * serve_message -- have head be the message at hand, len bytes of whose payload are in data.
 * large: it is in a stream, and none of it has been read; else that is all.
 */
void serve_message(struct serve *s, const struct message *head, bool large, const char *data, size_t len);

/* serve_begin -- begin the large message: until all channels have begun, or one has and the others keep it waiting. */
void serve_begin(struct serve *s);

/*
 * serve_read -- give the channels what comes of the large message m, to its end; then none has more to come.
 * Returns 0, or -1: it could not be read, or a signal asked to stop.
 */
int serve_read(struct serve *s, struct message *m);

/* serve_all -- wait until nothing is to be done any more in any channel. */
void serve_all(struct serve *s);

#endif
