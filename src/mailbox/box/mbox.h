/* SPDX-License-Identifier: ISC */
/*
 * mbox: a mailbox that is open.
 *
 * A process is a number: whatever it leaves in the mailbox carries it, and is void once nobody holds the record lock on
 * the byte of that number.
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

enum { TXN_RINGS = 64 };                /* wake FIFOs that one change holds open until the unlock */

/* The locked section, and the change in it (txn.h). */
struct txn {
	bool locked;
	bool proven;                    /* it has been through no boot since it was last found whole, and is no copy */
	bool changing;                  /* ctl is marked busy by us */
	bool tidied;                    /* we have tried once to remove orphans; what stays is for another process */
	int failed;                     /* errno of a change that failed half-way since the lock, 0 */
	mailbox_tell *told;             /* where not NULL: called once with the mailbox's name when the lock takes long */
	int rings[TXN_RINGS];           /* wake FIFOs to be closed at the unlock */
	unsigned ringing;
};

/* What this process waits for here (wait.h). */
struct waiter {
	int bell_fd;                    /* our own wake FIFO, -1 */
	bool behind;                    /* we wait behind another sender, whose death changes no byte */
	bool kinds_known;               /* in this locked section: crowd.kinds */
	bool cleared;                   /* we have looked for wants of the dead */
	bool posted;                    /* our want stands in the table, asleep or not, */
	uint32_t index;                 /* in this entry */
	struct want want;
	struct want_crowd crowd;        /* what the table of wants had when it was looked through last */
};

/* Listening for drops (listen.h). */
struct listen {
	int bell_fd, own_fd;            /* drop/bell, where we listen, and a writing end of ours; -1 */
	unsigned vain;                  /* rings for nothing since vain_ns */
	uint64_t vain_ns;
};

/* What a single message touches stands first: each page is a fault in a one-shot. */
struct mbox {
	struct mbox *next;              /* of those that this process has open */
	const char *name;               /* as the user typed it */
	int dir_fd, lock_fd, ctl_fd, want_fd;
	dev_t dev;                      /* which directory */
	ino_t ino;
	uid_t uid;                      /* whose it is */
	gid_t gid;
	bool look;                      /* opened by mbox_look: no lock, and nothing is written */
	bool shared;                    /* there are members besides the owner */
	uint64_t number;                /* this process's; 0 until it needs one */
	struct damage damage;           /* what was found damaged and is to be told */

	struct txn txn;
	struct ctl ctl;                 /* as of the last lock */
	struct seg seg;                 /* the segment used last (mbox_seg), ... */
	uint64_t layout;                /* ... and the layout of the mailbox when it was opened */

	bool drops;                     /* some may only send, to drop/ */
	bool unjudged;                  /* something in drop/ stays: its sender has no number here (users.h) */
	mailbox_tell *tell_unjudged;    /* told of that, once; or NULL */
	int drop_fd;                    /* drop/, -1 */
	struct listen listen;
	struct waiter waiter;
};

/* Bytes of `lock`: the mailbox lock, the sync lock (groupsync.h), the door (listen.h); process numbers begin after them. */
enum { MBOX_LOCK = 0, MBOX_GROUPSYNC, MBOX_LISTEN, MBOX_NUMBERS };

#define MBOX_CLOSED { .dir_fd = -1, .lock_fd = -1, .ctl_fd = -1, .want_fd = -1, .seg = SEG_CLOSED, \
	.drop_fd = -1, .listen = { .bell_fd = -1, .own_fd = -1 }, .waiter = { .bell_fd = -1 } }

/*
 * mbox_open -- open the mailbox at path.
 * Returns 0, or -1: EALREADY where this process has it open already, ENOTDIR where path is no directory, ENOENT where it is none with a mailbox in it,
 * EPROTO for a mailbox of another version, EUCLEAN for a damaged one, or errno of open(2).
 */
int mbox_open(struct mbox *m, const char *path);

/*
 * mbox_look -- open the mailbox at path for looking only, as somebody may who has read permission alone: no lock is
 * taken, none can be, and nothing is written.  Returns as mbox_open.
 */
int mbox_look(struct mbox *m, const char *path);

/*
 * mbox_open_any -- mbox_open; where that is not permitted, mbox_look.  Returns as mbox_open.
 */
int mbox_open_any(struct mbox *m, const char *path);

/* mbox_drop -- drop/, opened at the first call.  Returns its descriptor, or -1: there is none, or errno of open(2). */
int mbox_drop(struct mbox *m);

/* mbox_close -- let go of everything. */
void mbox_close(struct mbox *m);

/* mbox_number -- see to it that the process has its number, and holds its byte.  Returns 0, or -1. */
int mbox_number(struct mbox *m);

/* mbox_lives -- whether the process with this number lives. */
bool mbox_lives(const struct mbox *m, uint64_t number);

/* mbox_settings -- the settings that c has. */
void mbox_settings(const struct ctl *c, struct mailbox_settings *settings);

/* mbox_fits -- whether a message that counts cost bytes has room; it always has in an empty mailbox. */
bool mbox_fits(const struct ctl *c, uint64_t cost);

/*
 * mbox_moved -- without the lock: whether anything has changed since generation, or may without ctl telling
 * (claims whose owner may have died, messages that fall due).
 * Returns 1 or 0, or -1: EIDRM where the mailbox was removed.
 */
int mbox_moved(struct mbox *m, uint64_t generation);

/*
 * mbox_seg -- m->seg made to be the segment named first, opened only where it is not already.
 * With the lock held.  Returns 0, or -1.
 */
int mbox_seg(struct mbox *m, uint64_t first);

/* mbox_seg_log -- have m->seg.log_fd open.  With the lock held.  Returns 0, or -1 with errno, of mbox_missing too. */
int mbox_seg_log(struct mbox *m);

/* mbox_wants -- have m->want_fd open, the table of wants.  With the lock held.  Returns as mbox_seg_log. */
int mbox_wants(struct mbox *m);

/* mbox_removed -- whether the directory or its lock was removed while we held it open. */
bool mbox_removed(const struct mbox *m);

/*
 * mbox_missing -- tell why a file that must be there is not: rm -r takes the files of a mailbox one by one.  Waits up to
 * a second for it to take the lock file too; who only looks does not wait.  With or without the lock held.
 * Returns -1: EIDRM where the mailbox was removed, EBADMSG where it stays, or EINTR.
 */
int mbox_missing(const struct mbox *m);

/* mbox_seg_next -- the segment after m->seg; 0 after the newest. */
uint64_t mbox_seg_next(const struct mbox *m);

/* mbox_seg_n -- how many messages m->seg has; mbox_seg_names: what its table of names has. */
uint32_t mbox_seg_n(const struct mbox *m);
void mbox_seg_names(const struct mbox *m, uint32_t *names, uint32_t *len);

#endif
