/* SPDX-License-Identifier: ISC */
/*
 * drop: drop/ in a mailbox, where those who may only send leave messages, and `identity` beside it.
 *
 *     drop/ID         a message: one frame, with to= in its header; ID: 24 random hexadecimal digits and 16 of the time
 *     drop/tmp.ID     one that is being written; its writer holds flock(2) on it
 *     drop/bell       the FIFO that its writer rings then, for the one receiver that listens (listen.h)
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
	DROPDIR_RANDOM = 12,               /* bytes of an ID that are random, the same for all of one process, */
	DROPDIR_ID = DROPDIR_RANDOM + 8,      /* and those of the time, in microseconds, the highest first */
	DROPDIR_NAME_BYTES = 48,           /* "tmp." and an ID in digits, and its NUL */
	DROPDIR_TO_BYTES = 32,
	DROPDIR_TO_OWNER = 17,             /* bytes of to= before the owner's number */
};

/* drop_name -- the name of a drop that is complete, or only begun.  name: DROPDIR_NAME_BYTES. */
void dropdir_name(char *name, const unsigned char *id, bool begun);

/* drop_parse -- whether name is that of a complete drop; its ID. */
bool dropdir_parse(const char *name, unsigned char *id);

/* drop_begun -- whether name is that of a drop that has been begun. */
bool dropdir_begun(const char *name);

/* drop_to -- what to= says for the mailbox of that owner.  to: DROPDIR_TO_BYTES.  Returns its length. */
size_t dropdir_to(char *to, uint64_t identity, uid_t owner);

/* drop_names -- whether `to' names that owner. */
bool dropdir_names(const char *to, size_t len, uid_t owner);

/*
 * drop_identity -- read `identity` of the mailbox of that owner, whose file it must be.  to: DROPDIR_TO_BYTES.
 * Whether it names him is not asked.  Returns 0, or -1: EBADMSG it is not his, or of another form; or errno of open(2).
 */
int dropdir_identity(int dir_fd, uid_t owner, char *to, size_t *len);

/* drop_make -- make drop/ and `identity` in a mailbox's directory, for this mode.  Returns 0, or -1. */
int dropdir_make(int dir_fd, unsigned mode, uint64_t identity);

/* drop_identify -- write `identity` anew: it is lost, or the mailbox has another owner.  Returns 0, or -1. */
int dropdir_identify(int dir_fd, unsigned mode, uint64_t identity, uid_t owner);

/* drop_remove -- remove drop/ and all that can be removed in it.  Returns 0, or -1: EPERM where something stays. */
int dropdir_remove(int dir_fd);

/* drop_open -- open drop/ of a mailbox whose owner that is, to list it.  Returns the descriptor, or -1. */
int dropdir_open(int dir_fd, uid_t owner);

/* drop_shut -- let nobody leave messages, or let them again.  Returns 0, or -1. */
int dropdir_shut(int drop_fd);
int dropdir_unshut(int drop_fd, unsigned mode);

/* drop_count -- how many messages are there, the one named taken (DROPDIR_ID bytes) aside.  Returns 0, or -1. */
int dropdir_count(int drop_fd, const unsigned char *taken, uint64_t *n);

/* drop_ring -- ring the bell, for who listens. */
void dropdir_ring(int drop_fd);

#endif
