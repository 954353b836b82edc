/* SPDX-License-Identifier: ISC */
/*
 * select: messages from several channels at once: mailboxes, FIFOs, pipes, files.
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
 * select_next -- mark what is in hand done, and get the next: at most `messages`, of about `bytes`.
 * A message that has begun to come from a stream is waited for to its end.
 * Returns 1 with s->from and messages in s->run, or one in s->message (s->streamed);
 * 2 where `also' ends the wait: the next call goes on with it;
 * 0 nothing now (all, or no time to wait), every stream has ended, or the message with s->id is gone;
 * -1: ETIMEDOUT, EIDRM, EINTR, EPIPE (the watched output), EBADMSG, or errno; s->from says where, if anywhere.
 */
int select_next(struct select *s, uint32_t messages, size_t bytes);

/*
 * select_more -- get what more there is now where the messages in hand came from, which the caller has taken over
 * (s->run.n is 0).  Does not wait for one to begin.  Returns 1, 0 or -1, as select_next.
 */
int select_more(struct select *s, uint32_t messages, size_t bytes);

/* select_message -- receiver_message for message i in hand, which tells where its answer goes (inlet_place). */
int select_message(struct select *s, uint32_t i, struct message *m, char *scratch);

/* select_park -- take nothing at present: other waiting processes are woken in our place.  Returns 0, or -1. */
int select_park(struct select *s);

/* select_settle -- settle what is in hand from item `from` on (receiver_settle), if of a mailbox.  Returns 0, or -1. */
int select_settle(struct select *s, uint32_t from, enum receiver_end end, uint64_t delay_us);

/*
 * select_close -- put back what is in hand and has not been delivered, withdraw the wants, and let go.
 * select_finish -- the same at the end of the process, with which files and memory go.
 */
void select_close(struct select *s);
void select_finish(struct select *s);

#endif
