/* SPDX-License-Identifier: ISC */
/*
 * dropdir: drop/ in a mailbox, where users who may only send put messages, and `identity` beside it.
 *
 *     drop/ID         a drop: one frame with to= in its header; ID: 24 random hexadecimal digits and 16 of the time
 *     drop/tmp.ID     a drop that is being written; its writer holds flock(2) on it
 *     drop/bell       the FIFO that the writer then writes to, to wake the receiver that listens (listen.h)
 *     identity        what to= must say: which mailbox, and whose
 *     closed          the mailbox is closed: where drop/ is shut, that is why
 *
 * drop/ belongs to the owner of the mailbox and has the sticky bit, and senders cannot list it: they can neither find
 * each other's files nor remove or rename them.  A crash leaves a drop that was begun, which a receiver removes once it
 * is old and not locked.
 */
#ifndef MAILBOX_DISK_DROPDIR_H
#define MAILBOX_DISK_DROPDIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	DROPDIR_RANDOM = 12,            /* random bytes of an ID, the same for all drops of a process, */
	DROPDIR_ID = DROPDIR_RANDOM + 8,        /* and those of the time in microseconds, the highest first */
	DROPDIR_NAME_BYTES = 48,        /* "tmp.", an ID in digits, a NUL */
	DROPDIR_TO_BYTES = 32,
	DROPDIR_TO_OWNER = 17,          /* bytes of to= before the owner's number */
};

/* dropdir_name -- the name of a drop, complete or only begun.  name: DROPDIR_NAME_BYTES. */
void dropdir_name(char *name, const unsigned char *id, bool begun);

/* dropdir_parse -- whether this is the name of a complete drop, and its ID. */
bool dropdir_parse(const char *name, unsigned char *id);

/* dropdir_begun -- whether this is the name of a drop that was begun. */
bool dropdir_begun(const char *name);

/* dropdir_to -- what to= says for the mailbox of that owner.  to: DROPDIR_TO_BYTES.  Returns its length. */
size_t dropdir_to(char *to, uint64_t identity, uid_t owner);

/* dropdir_names -- whether `to' names that owner. */
bool dropdir_names(const char *to, size_t len, uid_t owner);

/*
 * dropdir_identity -- read `identity`, which must be a file of that owner, whichever owner it names.
 * to: DROPDIR_TO_BYTES.  Returns 0, or -1: EBADMSG another user's file, or not of that form; or errno of open(2).
 */
int dropdir_identity(int dir_fd, uid_t owner, char *to, size_t *len);

/* dropdir_make -- make drop/ and `identity` in a mailbox of this mode, or make them complete.  Returns 0, or -1. */
int dropdir_make(int dir_fd, unsigned mode, uint64_t identity);

/*
 * dropdir_give -- the same in a mailbox of that owner and group that stands, where drops may wait: all three have the
 * rights that its mode gives.  closed: drops are stopped, and the file `closed' says why.
 * dropdir_take_away -- no class may send only any more: what was begun goes, and an empty drop/, shut, is all that
 * stays.
 * Return 0, or -1.
 */
int dropdir_give(int dir_fd, unsigned mode, uint64_t identity, uid_t owner, gid_t group, bool closed);
int dropdir_take_away(int dir_fd, uid_t owner);

/* dropdir_bits -- the permission bits of `identity` and `closed'. */
mode_t dropdir_bits(unsigned mode);

/* dropdir_identify -- write `identity` anew: it is lost, or the mailbox has another owner.  Returns 0, or -1. */
int dropdir_identify(int dir_fd, unsigned mode, uint64_t identity, uid_t owner);

/* dropdir_remove -- remove drop/ and what can be removed in it.  Returns 0, or -1: EPERM something stays. */
int dropdir_remove(int dir_fd);

/* dropdir_open -- open drop/, which must be that owner's.  Returns the descriptor, or -1: EBADMSG it is not. */
int dropdir_open(int dir_fd, uid_t owner);

/* dropdir_shut, dropdir_unshut -- stop new drops; allow them again, for this mode.  Return 0, or -1. */
int dropdir_shut(int drop_fd);
int dropdir_unshut(int drop_fd, unsigned mode);

/*
 * dropdir_mark, dropdir_unmark -- make the file `closed', or remove it.  Return 0, or -1.
 * dropdir_marked -- whether it is there.
 */
int dropdir_mark(int dir_fd, unsigned mode);
int dropdir_unmark(int dir_fd);
bool dropdir_marked(int dir_fd);

/* dropdir_count -- count the complete drops, but for the one with the ID taken.  Returns 0, or -1. */
int dropdir_count(int drop_fd, const unsigned char *taken, uint64_t *n);

/* dropdir_ring -- wake the receiver that listens. */
void dropdir_ring(int drop_fd);

#endif
