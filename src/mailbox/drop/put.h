/* SPDX-License-Identifier: ISC */
/*
 * put: messages into drop/, of a mailbox that we may send to and nothing else.
 *
 * A message is written to a file of its own, which gets its name once it is whole: from then on it is kept.  A crash
 * leaves a file that has been begun (dropdir.h).
 */
#ifndef MAILBOX_DROP_PUT_H
#define MAILBOX_DROP_PUT_H

#include "mailbox/disk/dropdir.h"
#include "stream/writer.h"

struct put {
	int dir_fd, drop_fd;            /* the mailbox and its drop/, opened with O_PATH */
	int fd;                         /* of the message begun; -1 */
	unsigned char id[DROPDIR_ID];   /* of that one, or of the last */
	uint64_t time_us;               /* when; no two of a process are of the same microsecond */
	uid_t owner;                    /* of the mailbox, named by `to' */
	char to[DROPDIR_TO_BYTES];
	size_t to_len;
};

/*
 * put_open -- open the mailbox at path for putting messages into its drop/.
 * Returns 0, or -1: EACCES where that is not permitted, EBADMSG where what is there is not its owner's, EREMOTE where
 * `identity` names another owner, or none that has a number here (users.h), or errno.
 */
int put_open(struct put *p, const char *path);

/*
 * put_begin -- begin a message with w, which goes on with writer_data.
 * put_end -- it is whole: now it is there.
 * Return 0, or -1: EMSGSIZE, EIDRM where the mailbox was removed, ESHUTDOWN where it is closed, EREMOTE where it has another owner now, EACCES, or
 * errno of write(2).
 */
int put_begin(struct put *p, struct writer *w, const struct message *head);
int put_end(struct put *p, struct writer *w);

/* put_abort -- give up the message begun; w: its writer, unless that has failed.  errno stays. */
void put_abort(struct put *p, struct writer *w);

/* put_withdraw -- take the last message back.  Returns 1, 0 it has been taken in, or -1. */
int put_withdraw(struct put *p);

/* put_close -- give up the message begun, and close the mailbox.  errno stays. */
void put_close(struct put *p);

#endif
