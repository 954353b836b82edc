/* SPDX-License-Identifier: ISC */
/*
 * drop: drop/ in a mailbox, where those who may only send leave messages, and `identity` beside it.
 *
 *     drop/ID         a message: one frame, with to= in its header; ID: 24 random hexadecimal digits and 16 of the time
 *     drop/tmp.ID     one that is being written; its writer holds flock(2) on it
 *     drop/bell       the FIFO that its writer rings then, for the one receiver that listens (door.h)
 *     identity        what to= must say: which mailbox, and whose
 *
 * drop/ belongs to the mailbox's owner, has the sticky bit, and those who leave messages cannot list it: they can
 * neither find each other's files, nor remove or rename them.  A crash leaves a file that is begun, which goes when a
 * receiver finds it old and not locked.
 */
#ifndef MAILBOX_DISK_DROPDIR_H
#define MAILBOX_DISK_DROPDIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	DROP_RANDOM = 12,               /* bytes of an ID that are random, the same for all of one process, */
	DROP_ID = DROP_RANDOM + 8,      /* and those of the time, in microseconds, the highest first */
	DROP_NAME_BYTES = 48,           /* "tmp." and an ID in digits, and its NUL */
	DROP_TO_BYTES = 32,
	DROP_TO_OWNER = 17,             /* bytes of to= before the owner's number */
};

/* drop_name -- the name of a drop that is complete, or only begun.  name: DROP_NAME_BYTES. */
void drop_name(char *name, const unsigned char *id, bool begun);

/* drop_parse -- whether name is that of a complete drop; its ID. */
bool drop_parse(const char *name, unsigned char *id);

/* drop_begun -- whether name is that of a drop that has been begun. */
bool drop_begun(const char *name);

/* drop_to -- what to= says for the mailbox of that owner.  to: DROP_TO_BYTES.  Returns its length. */
size_t drop_to(char *to, uint64_t identity, uid_t owner);

/* drop_names -- whether `to' names that owner. */
bool drop_names(const char *to, size_t len, uid_t owner);

/*
 * drop_identity -- read `identity` of the mailbox of that owner, whose file it must be.  to: DROP_TO_BYTES.
 * Whether it names him is not asked.  Returns 0, or -1: EBADMSG it is not his, or of another form; or errno of open(2).
 */
int drop_identity(int dir_fd, uid_t owner, char *to, size_t *len);

/* drop_make -- make drop/ and `identity` in a mailbox's directory, for this mode.  Returns 0, or -1. */
int drop_make(int dir_fd, unsigned mode, uint64_t identity);

/* drop_identify -- write `identity` anew: it is lost, or the mailbox has another owner.  Returns 0, or -1. */
int drop_identify(int dir_fd, unsigned mode, uint64_t identity, uid_t owner);

/* drop_remove -- remove drop/ and all that can be removed in it.  Returns 0, or -1: EPERM where something stays. */
int drop_remove(int dir_fd);

/* drop_open -- open drop/ of a mailbox whose owner that is, to list it.  Returns the descriptor, or -1. */
int drop_open(int dir_fd, uid_t owner);

/* drop_shut -- let nobody leave messages, or let them again.  Returns 0, or -1. */
int drop_shut(int drop_fd);
int drop_unshut(int drop_fd, unsigned mode);

/* drop_count -- how many messages are there, the one named taken (DROP_ID bytes) aside.  Returns 0, or -1. */
int drop_count(int drop_fd, const unsigned char *taken, uint64_t *n);

/* drop_ring -- ring the bell, for who listens. */
void drop_ring(int drop_fd);

#endif
