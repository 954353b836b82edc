/* SPDX-License-Identifier: ISC */
/*
 * writer: messages into a stream of frames: an ordinary pipe, a FIFO, a plain file.
 *
 * Every writer locks the channel with fcntl(2) for the whole of a message, so that frames never mix; and on a FIFO
 * writes at most PIPE_BUF bytes at a time, each write whole frames or chunks, so that a writer that dies leaves a
 * message that is told from a whole one.
 */
#ifndef STREAM_WRITER_H
#define STREAM_WRITER_H

#include "frame/message.h"
#include "stream/transmit.h"

/* writer_init -- write frames to fd, which the writer does not close.  Finds the kind with fstat(2). */
int writer_init(struct writer *w, int fd);

/*
 * writer_put -- write a whole message whose payload is in memory.
 * Small ones are gathered: writer_flush sends them on.
 * Returns 0, or -1: EMSGSIZE for a header that is too long, ETIMEDOUT, EINTR, EPIPE, or errno of write(2).
 * EMSGSIZE leaves what was gathered as it is.  After another error nothing is gathered any more, the lock is free, and
 * w->torn tells whether part of a message stands in the channel; a plain file is cut back to what it was before.
 */
int writer_put(struct writer *w, const struct message *head, const char *data, size_t len);

/*
 * writer_begin, writer_data, writer_end -- write a message in pieces, in constant memory, under the lock.
 * head->len is its length, or MESSAGE_LEN_UNKNOWN: then each piece goes at once, as a chunk of its own or several.
 * head need not live longer than the call.
 * Return as writer_put; EMSGSIZE also for more payload than head->len, EBADMSG from writer_end for less.
 */
int writer_begin(struct writer *w, const struct message *head);
int writer_data(struct writer *w, const char *data, size_t len);
int writer_end(struct writer *w);

/* writer_start -- have the header of the message just begun go out before any of its payload.  Returns as they do. */
int writer_start(struct writer *w);

/*
 * writer_takes_pieces -- whether the caller may put the payload of the message begun into w->fd itself, on a FIFO too,
 * if it writes each piece with what stands around it at one stroke.
 * writer_piece -- what stands in front of a piece of n bytes, and whether a newline behind it.
 * head: FRAME_HEADER_MAX bytes.  Returns the bytes of head.
 */
bool writer_takes_pieces(const struct writer *w);
size_t writer_piece(struct writer *w, char *head, size_t n, bool *newline);

/*
 * writer_room -- with w->ask, and nothing gathered: how many bytes writer_data may be given; it gathers them.
 * With w->ask, writer_begin and writer_flush return -1 with EAGAIN where they would wait, for the lock or for the
 * reader, and so does writer_end: the same call again goes on.  A frame that is to go in one write goes at its end.
 * writer_events -- what poll(2) is to look for at w->fd while such a call is to be made again: POLLOUT, or 0: it cannot.
 */
size_t writer_room(const struct writer *w);
short writer_events(const struct writer *w);

/* writer_abort -- give the current message up and let go of the lock: where it came from, it was cut short. */
void writer_abort(struct writer *w);

/* writer_flush -- write what has been gathered, and between messages let go of the lock.  Returns as writer_put. */
int writer_flush(struct writer *w);

/* writer_rest -- between messages: others may write now, though it is our turn. */
void writer_rest(struct writer *w);

/*
 * writer_drain -- wait until a FIFO's readers have read all that is in it, or it is clear that a socket's peer has not
 * left; other kinds need no wait.
 * Comes after writer_flush.  With w->turn nobody else with the lock has written behind us, unless we rested.
 * unread: gets the bytes left unread.
 * Returns as fifo_read_out.
 */
int writer_drain(struct writer *w, uint64_t *unread);

#endif
