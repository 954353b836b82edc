/* SPDX-License-Identifier: ISC */
/*
 * sources: where messages come from: mailboxes, FIFOs, pipes, files, several at once.
 *
 * Of several mailboxes what is wanted most is taken first, and of that what was sent first.  A stream cannot be asked
 * what it has without taking it: streams take turns, with each other and with all the mailboxes together.
 * What was taken from a mailbox stays claimed until the next select_next, which marks it done, or select_settle.
 */
#ifndef CHANNEL_SELECT_H
#define CHANNEL_SELECT_H

#include "channel/inlet.h"

/*
 * select_add -- open the channel at path and add it; s->list has room, all zeros.
 * Returns 0, or -1 with errno: EINVAL for a stream with peek or id.
 */
int select_add(struct select *s, const char *name, const char *path);

/*
 * select_next -- what is in hand is done; get the next: at most `messages`, of about `bytes`.
 * Returns 1: s->from is set, and messages are in s->run, or one is in s->message (s->streamed).
 * Returns 2: event_fd can be read; the next call goes on with the wait.
 * A message of a stream that has begun to come is waited for to its end.
 * Returns 0: nothing now (all, or no patience), every stream has ended, or the message with s->id is gone.
 * Returns -1: ETIMEDOUT, EIDRM, EINTR, EPIPE (the watched output), EBADMSG, or errno; s->from says where, if anywhere.
 */
int select_next(struct select *s, uint32_t messages, size_t bytes);

/*
 * select_more -- what more there is now where the messages in hand came from, which the caller has taken over
 * (s->run.n is 0).  Does not wait for one to begin.  Returns 1, 0 or -1, as select_next.
 */
int select_more(struct select *s, uint32_t messages, size_t bytes);

/* select_park -- nothing is to be taken at present: whoever waits besides us is woken instead.  Returns 0, or -1. */
int select_park(struct select *s);

/* select_settle -- what is in hand from item `from` on is done or put back (receiver_settle).  Returns 0, or -1. */
int select_settle(struct select *s, uint32_t from, enum receiver_end end, uint64_t delay_us);

/* select_close -- put back what is in hand and has not been delivered, take the wants down, and let go. */
void select_close(struct select *s);

#endif
