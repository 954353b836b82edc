/* SPDX-License-Identifier: ISC */
/*
 * mbox: a mailbox that is open.
 *
 * A process has a number.  All that it writes for itself in the mailbox carries the number, and is void once no process
 * has the record lock on the byte of that number.
 */
#ifndef MAILBOX_BOX_MBOX_H
#define MAILBOX_BOX_MBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "mailbox/disk/ctl.h"
#include "mailbox/disk/damage.h"
#include "mailbox/disk/seg.h"
#include "mailbox/disk/want.h"

enum {
	TXN_RINGS = 64,                 /* wake FIFOs that a change keeps open until the unlock, */
	TXN_REMOVED = 4,                /* and files that it has removed */
};

/* The locked section, and the change in it (txn.h). */
struct txn {
	bool locked;
	bool taken;                     /* the lock is ours, and the section has not begun (txn_soon, txn_insist), */
	bool read;                      /* and m->ctl is as of now, of a mailbox opened now */
	bool asks;                      /* the caller of the next txn_lock asks itself whether the mailbox was removed */
	bool there;                     /* the mailbox was there when the section began, or was opened just before */
	uint64_t left;                  /* the generation of ctl that we wrote, or read, last; 0: not known */
	bool proven;                    /* found whole in this boot of the machine, and no copy */
	bool changing;                  /* we have marked ctl busy */
	bool tidied;                    /* we have tried once to remove orphans; what stays is for another process */
	int failed;                     /* errno of a change that failed half-way since the lock, 0 */
	int rings[TXN_RINGS];           /* wake FIFOs to close at the unlock */
	unsigned ringing;
	int removed[TXN_REMOVED];       /* files to close at the unlock */
	unsigned removing;
};

/* What this process waits for here (wait.h). */
struct waiter {
	int fifo_fd;                    /* our wake FIFO, -1 */
	int told_fd;                    /* once nobody reads it, waiting is of no use; -1 */
	bool behind;                    /* we wait behind another sender, whose death changes no byte */
	bool kinds_known;               /* crowd.kinds is of this locked section */
	bool cleared;                   /* we have looked for wants of the dead */
	bool posted;                    /* our want is in the table, asleep or not, */
	uint32_t index;                 /* in this entry */
	struct want want;
	const struct filter *filter;    /* our own, of which want has what has place there; NULL: none */
	struct want_crowd crowd;        /* as of the last look through the table of wants */
};

/* Listening for drops (listen.h). */
struct listen {
	int bell_fd, own_fd;            /* drop/bell, where we listen, and a writing end of ours; -1 */
	uint64_t byte;                  /* of `lock', which we hold while we listen */
	unsigned vain;                  /* wake-ups for nothing since vain_ns */
	uint64_t vain_ns;
};

/* What a single message touches comes first: each page is a fault in a one-shot. */
struct mbox {
	struct mbox *next;              /* of those that this process has open */
	const char *name;               /* as the user typed it; NULL: nothing is told of it (waiting.h) */
	int dir_fd, lock_fd, ctl_fd, want_fd;
	dev_t dev;                      /* which directory */
	ino_t ino;
	uid_t uid;                      /* its owner */
	gid_t gid;
	bool look;                      /* only to look at: no lock, and nothing is written */
	bool shared;                    /* there are members besides the owner */
	uint64_t number;                /* this process's; 0 until it needs one */
	struct damage damage;           /* found damaged, and still to be told */

	struct txn txn;
	struct ctl ctl;                 /* as of the last lock */
	struct seg seg;                 /* the segment used last (mbox_seg), */
	uint64_t layout;                /* and the layout of the mailbox when it was opened */
	bool keeps;                     /* others stay open as well (kept.h) */

	bool drops;                     /* some users may only send, to drop/ */
	bool unjudged;                  /* something in drop/ stays: its sender has no number here (users.h) */
	mailbox_tell *tell_unjudged;    /* called once for that; may be NULL */
	int due_fd;                     /* the file `due` (delay.h); -1 */
	int drop_fd;                    /* drop/, -1 */
	struct listen listen;
	struct waiter waiter;
};

/*
 * Bytes of `lock`: mailbox lock, sync lock (groupsync.h), the listener's (listen.h), then process numbers of 48 bits, and
 * from MBOX_LISTEN_MORE on those of more listeners; MBOX_NEXTSYNC: of the process that syncs next, and four for the rounds
 * of syncs (groupsync.h).
 */
enum { MBOX_LOCK = 0, MBOX_GROUPSYNC, MBOX_LISTEN, MBOX_NUMBERS };
#define MBOX_LISTEN_MORE (UINT64_C(1) << 48)
#define MBOX_NEXTSYNC (UINT64_C(1) << 62)
#define MBOX_SYNCROUND (MBOX_NEXTSYNC + 1)

#define MBOX_CLOSED { .dir_fd = -1, .lock_fd = -1, .ctl_fd = -1, .want_fd = -1, .seg = SEG_CLOSED, \
	.due_fd = -1, .drop_fd = -1, .listen = { .bell_fd = -1, .own_fd = -1 }, .waiter = { .fifo_fd = -1, .told_fd = -1 } }

/*
 * mbox_open -- open the mailbox at path.
 * Returns 0, or -1: EALREADY this process has it open, ENOTDIR, ENODEV it is no mailbox, or errno of open(2).
 */
int mbox_open(struct mbox *m, const char *path);

/*
 * mbox_open_any -- mbox_open; where that is not permitted, open it only to look at, as read permission allows: no lock
 * can be taken, and nothing is written.  Returns as mbox_open.
 */
int mbox_open_any(struct mbox *m, const char *path);

/*
 * mbox_dir -- open the directory at path: ENOTDIR tells that no mailbox can be there, and nothing was touched.
 * mbox_open_in -- the two above, by its descriptor, which is the mailbox's from now on, and closed where that fails;
 * where it is -1, by errno.  any: as mbox_open_any.
 * Return it, and 0, or -1.
 */
int mbox_dir(const char *path);
int mbox_open_in(struct mbox *m, int dir_fd, bool any);

/* mbox_drop -- drop/, opened at the first call.  Returns its descriptor, or -1: there is none, or errno of open(2). */
int mbox_drop(struct mbox *m);

/* mbox_close -- close the mailbox, open or not; errno stays. */
void mbox_close(struct mbox *m);

/* mbox_number -- take a number and lock its byte, unless the process has one.  Returns 0, or -1. */
int mbox_number(struct mbox *m);

/* mbox_holder -- the process with this number: its pid, 0 where that is not known, -1 where it is dead. */
pid_t mbox_holder(const struct mbox *m, uint64_t number);

/* mbox_lives -- whether the process with this number lives. */
bool mbox_lives(const struct mbox *m, uint64_t number);

/* mbox_settings -- the settings in c. */
void mbox_settings(const struct ctl *c, struct mailbox_settings *settings);

/* mbox_fits -- whether a message that counts cost bytes has room; it always has in an empty mailbox. */
bool mbox_fits(const struct ctl *c, uint64_t cost);

/*
 * mbox_moved -- without the lock: whether anything has changed since generation, or may without a change of ctl
 * (claimers may have died, messages fallen due).  Returns 1 or 0, or -1: EIDRM the mailbox was removed.
 */
int mbox_moved(struct mbox *m, uint64_t generation);

/* The functions below that return int return 0, or -1 with errno, of mbox_missing too; with the mailbox locked. */

/* mbox_seg -- make m->seg the segment named first; it is opened only if it is not already. */
int mbox_seg(struct mbox *m, uint64_t first);

/* mbox_seg_stale -- another process has changed what stands in it.  mbox_seg_close -- close it, and those that are kept. */
void mbox_seg_stale(struct mbox *m);
void mbox_seg_close(struct mbox *m);

/* mbox_seg_before -- the name of the segment that begins last, of those that are open, at id or before; 0: none does. */
uint64_t mbox_seg_before(const struct mbox *m, uint64_t id);

/* mbox_seg_log -- have m->seg.log_fd open.  mbox_wants -- have m->want_fd open, the table of wants. */
int mbox_seg_log(struct mbox *m);
int mbox_wants(struct mbox *m);

/* mbox_removed -- whether the directory or its lock was removed while we had it open. */
bool mbox_removed(const struct mbox *m);

/*
 * mbox_missing -- say why a file that must be there is not: rm -r removes the files of a mailbox one by one.  Waits up
 * to a second for it to remove the lock file too, unless the mailbox is only to look at.  With or without the lock.
 * Returns -1: EIDRM the mailbox was removed, EBADMSG it was not, or EINTR.
 */
int mbox_missing(const struct mbox *m);

/* mbox_seg_next -- the segment after m->seg; 0 after the newest. */
uint64_t mbox_seg_next(const struct mbox *m);

/* mbox_seg_n -- how many messages m->seg has; mbox_seg_names: what its table of names has. */
uint32_t mbox_seg_n(const struct mbox *m);
void mbox_seg_names(const struct mbox *m, uint32_t *names, uint32_t *len);

#endif
