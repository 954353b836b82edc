/* SPDX-License-Identifier: ISC */
/*
 * mbox: a mailbox that is open, its lock, and the frame of every change.
 *
 *     mbox_lock; look at m->ctl; mbox_begin; change files and m->ctl; mbox_commit; mbox_unlock
 *
 * An append needs no mbox_begin: the commit alone makes its messages exist.  Everything else begins, which marks ctl
 * `busy`; who finds it so recounts.  A process is a number: whatever it leaves in the mailbox carries it, and is void
 * once nobody holds the record lock on the byte of that number.
 */
#ifndef MBOX_H
#define MBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ctl.h"
#include "damage.h"
#include "seg.h"
#include "want.h"

enum { MBOX_RINGS = 64 };               /* bells that one change holds open until the unlock */

/* Tells somebody that another process (lock_missed) holds the lock of the mailbox that he calls name. */
typedef void mbox_held(const char *name);

struct mbox {
	int dir_fd, lock_fd, ctl_fd, want_fd;
	dev_t dev;                      /* which directory: a process opens a mailbox once, */
	ino_t ino;                      /* for closing any descriptor of `lock` drops all its locks */
	uid_t uid;                      /* whose it is */
	gid_t gid;
	bool look;                      /* opened by mbox_look: no lock, and nothing is written */
	mbox_held *held;                /* where not NULL: called once with `name` when it has been locked for long */
	const char *name;
	uint64_t number;                /* this process's; 0 until it needs one */
	bool locked;
	bool proven;                    /* it has been through no boot since it was last found whole, and is no copy */
	bool changing;                  /* ctl is marked busy by us */
	int failed;                     /* errno of a change that failed half-way since the lock, 0 */
	struct ctl ctl;                 /* as of the last lock */
	struct seg seg;                 /* the segment used last ... */
	uint64_t shape;                 /* ... and the shape of the mailbox it was opened in */
	int rings[MBOX_RINGS];          /* bells to be rung at the unlock */
	unsigned ringing;
	int bell_fd;                    /* our own bell, -1 */
	bool shared;                    /* there are members besides the owner */
	bool drops;                     /* there are some who may only send, to drop/ */
	int drop_fd;                    /* drop/, -1 */
	struct door {
		int bell_fd, own_fd;    /* drop/bell, where we keep the door, and a writing end of ours; -1 */
		unsigned vain;          /* rings for nothing since vain_ns */
		uint64_t vain_ns;
	} door;
	bool behind;                    /* we wait behind another sender, whose death changes no byte */
	bool kinds_known;               /* in this locked section: crowd.kinds */
	struct want_crowd crowd;        /* what the table of wants had when it was looked through last */
	bool tidied;                    /* we have tried once to remove litter; what stays is for another process */
	bool cleared;                   /* we have looked for wants of the dead */
	bool posted;                    /* our want stands in the table, asleep or not */
	uint32_t want_index;
	struct want want;
	struct damage damage;           /* what was found damaged and is to be told */
};

/* Bytes of `lock`: the mailbox lock, the sync lock (stable.h), the door (door.h); process numbers begin after them. */
enum { MBOX_LOCK = 0, MBOX_SYNC, MBOX_DOOR, MBOX_NUMBERS };

#define MBOX_CLOSED { .dir_fd = -1, .lock_fd = -1, .ctl_fd = -1, .want_fd = -1, .seg = SEG_CLOSED, .bell_fd = -1, \
	.drop_fd = -1, .door = { .bell_fd = -1, .own_fd = -1 } }

/*
 * mbox_open -- open the mailbox at path.
 * Returns 0, or -1: ENOTDIR where path is no directory, ENOENT where it is none with a mailbox in it,
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

/*
 * mbox_lock -- lock the mailbox, read ctl, and make whole what a killed process left; after a boot of the machine, and
 * in a copy, look at every message first (audit.h), what is damaged being noted in m->damage.
 * A mailbox to look at is not locked: ctl is read at a moment when nothing is being changed, or after a second.
 * Returns 0, or -1: EIDRM where the mailbox was removed, EBUSY where it is locked by another until the deadline
 * (lock.h: lock_missed), EINTR, EUCLEAN ctl is damaged, EBADMSG, or errno.
 */
int mbox_lock(struct mbox *m, uint64_t deadline_ns);

/*
 * mbox_held_still -- whether what was read since mbox_lock belongs together: always so under the lock; in a mailbox
 * to look at, where ctl is as it was.
 */
bool mbox_held_still(const struct mbox *m);

/* mbox_begin -- mark the mailbox busy: from now on a kill is mended by recount.  Returns 0, or -1. */
int mbox_begin(struct mbox *m);

/* mbox_note -- write m->ctl in the middle of a change: a recount from now on goes by it.  Returns 0, or -1. */
int mbox_note(struct mbox *m);

/*
 * mbox_fail -- a change has failed half-way, with errno: until the unlock no other is begun, and none committed, so that
 * whoever locks next makes whole what it left.  Returns -1.
 */
int mbox_fail(struct mbox *m);

/* mbox_commit -- write m->ctl: what was changed now counts.  Returns 0, or -1. */
int mbox_commit(struct mbox *m);

/*
 * mbox_ring -- the bell that was opened, fd, is to ring at the unlock.  Where too many are open it rings at once: whoever
 * wakes waits for the lock.
 */
void mbox_ring(struct mbox *m, int fd);

/* mbox_unlock -- unlock, then ring the bells that were opened.  A change not committed is left to recount. */
void mbox_unlock(struct mbox *m);

/* mbox_number -- see to it that the process has its number, and holds its byte.  Returns 0, or -1. */
int mbox_number(struct mbox *m);

/* mbox_lives -- whether the process with this number lives. */
bool mbox_lives(const struct mbox *m, uint64_t number);

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
