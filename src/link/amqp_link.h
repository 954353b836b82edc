/* SPDX-License-Identifier: ISC */
/*
 * amqp_link: a connection to one of several AMQP 0-9-1 brokers, with one channel, for one queue.
 *
 * It says what goes wrong (adapter_say): functions return 0, or the exit status after they have said it.
 */
#ifndef LINK_AMQP_LINK_H
#define LINK_AMQP_LINK_H

#include <amqp.h>
#include <amqp_framing.h>

#include "link/adapter.h"

enum { AMQP_LINK_CHANNEL = 1 };

struct amqp_link {
	amqp_connection_state_t state;
	const char *queue;
	int heartbeat_s;
	int fd;                         /* of the socket, for poll(2) */
};

/*
 * amqp_link_open -- connect to the first of the hosts that lets us, one after the other, log in with what the netrc
 * file has for it, and look whether the queue is there.
 */
int amqp_link_open(struct amqp_link *l, const struct url *u);

/* amqp_link_channel -- open the channel, anew after the broker has closed it. */
int amqp_link_channel(struct amqp_link *l);

/* amqp_link_queue -- whether the queue is there: without making it.  ADAPTER_SETUP where not: then the channel is closed. */
int amqp_link_queue(struct amqp_link *l);

/* amqp_link_answer -- what the broker answered to the last call.  Returns 0, or the exit status. */
int amqp_link_answer(struct amqp_link *l);

/*
 * amqp_link_next -- the next frame that has come, without waiting; sends heartbeats when they are due.
 * Returns 1, 0 there is none, or -1 with *status: the connection is lost, or was closed.
 */
int amqp_link_next(struct amqp_link *l, amqp_frame_t *frame, int *status);

/* amqp_link_wait_ms -- how long poll(2) may wait, so that heartbeats go out in time. */
int amqp_link_wait_ms(const struct amqp_link *l);

/* amqp_link_lost -- say that a call has failed with a status of the library.  Returns ADAPTER_LATER. */
int amqp_link_lost(int library_status);

/* amqp_link_closed -- the exit status for a code of channel.close, after what says why. */
int amqp_link_closed(const amqp_channel_close_t *m);

/* amqp_link_close -- close the connection: with the broker, where it is sound. */
void amqp_link_close(struct amqp_link *l, bool sound);

#endif
