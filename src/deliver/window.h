/* SPDX-License-Identifier: ISC */
/*
 * window: the messages that have been claimed for one consumer, and that it has not acknowledged yet, in the order in
 * which they are written to it.
 */
#ifndef DELIVER_WINDOW_H
#define DELIVER_WINDOW_H

#include "mailbox/mailbox.h"

#define WINDOW_NOT_YET UINT64_MAX       /* a place in the output: it is not written yet */

/* A message; beside it stands the one in flight. */
struct window_message {
	uint64_t id;                    /* 0: it is settled */
	uint64_t at;                    /* the byte of the output that its frame begins at, or WINDOW_NOT_YET */
	uint64_t bytes;                 /* of its payload */
};

/* Zeros to begin with, but for inflight.more. */
struct window {
	struct inflight inflight;
	struct window_message *list;
	bool *marked;                   /* of each: it is to be settled */
	uint32_t n, room;
	uint32_t open;                  /* messages that are not settled, and are not marked, ... */
	uint64_t bytes;                 /* ... and bytes of their payloads */
	uint32_t first;                 /* none before it is open */
	uint32_t hint;                  /* where the next one is likely to be found */
	uint32_t low, high;             /* those that are marked stand from low on, below high */
	uint64_t highest;               /* the highest number that was written */
};

/* window_add -- add the messages of run, which r received; the caller empties it.  Returns 0, or -1 with ENOMEM. */
int window_add(struct window *w, struct receiver *r, const struct run *run);

/* window_begin -- the frame of message i begins at this byte of the output. */
void window_begin(struct window *w, uint32_t i, uint64_t at);

/*
 * window_find -- find the message with this number, of which something must be written: the output has got so many
 * bytes.  i: gets its place, if it is open.
 */
enum window_found {
	WINDOW_OPEN,                    /* there it is */
	WINDOW_PAST,                    /* it is not open any more */
	WINDOW_NEVER,                   /* it was never written, as far as can be told: no number so high was */
};

enum window_found window_find(struct window *w, uint64_t id, uint64_t written, uint32_t *i);

/* window_mark, window_mark_to -- mark message i; it and all that stand before it. */
void window_mark(struct window *w, uint32_t i);
void window_mark_to(struct window *w, uint32_t i);

/* window_settle -- settle those that are marked.  Returns 0, or -1 as inflight_settle; they are not marked then. */
int window_settle(struct window *w, struct receiver *r, enum receiver_end end);

/* window_gone -- message i has been settled, in another way than here. */
void window_gone(struct window *w, uint32_t i);

/*
 * window_back -- put back, as they were, those that are open and begin at the byte `from' of the output, or later.
 * Returns 0, or -1 as inflight_settle.
 */
int window_back(struct window *w, struct receiver *r, uint64_t from);

/* window_oldest -- the first that is open.  Returns whether there is one. */
bool window_oldest(struct window *w, uint32_t *i);

/* window_free -- free what the window holds. */
void window_free(struct window *w);

#endif
