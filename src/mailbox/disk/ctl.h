/* SPDX-License-Identifier: ISC */
/*
 * ctl: the counters and settings of a mailbox.  Every change ends with a write of this file.
 *
 * Two copies are written in turn; the valid one with the higher generation counts.  A copy lies within a page, so a
 * writer killed in write(2) leaves it whole or untouched; the checksum is for readers without the lock and for power
 * cuts.  Numbers are in the host's byte order; letterbox(5) has the format.
 *
 * To change the format of any file of a mailbox, raise CTL_VERSION: every tool refuses other versions.
 */
#ifndef MAILBOX_DISK_CTL_H
#define MAILBOX_DISK_CTL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bootid.h"
#include "mailbox/disk/dropdir.h"
#include "mailbox/disk/seg.h"
#include "mailbox/mailbox.h"

#define CTL_MAGIC "MAILBOX\n"

enum {
	CTL_VERSION = 5,
	CTL_COPY = 384,                 /* bytes of a copy */
	CTL_SYNCED = 64,                /* bytes after the copies, in a durable mailbox: see groupsync.c */
};

/* How a message leaves that is not received: ctl's counts. */
enum ctl_leaving { CTL_DROPPED, CTL_DAMAGED, CTL_BURIED };

struct ctl {
	char magic[8];                  /* CTL_MAGIC */
	uint32_t version;               /* CTL_VERSION; 16777216 and the like: another byte order */
	uint32_t mode;                  /* permission bits given to mkmbox: see mode.h */
	uint64_t generation;            /* counts the writes of ctl */
	uint64_t identity;              /* random: which mailbox this is */
	uint64_t cap_messages;          /* bounds; MAILBOX_UNBOUNDED */
	uint64_t cap_bytes;

	uint64_t next;                  /* id of the next message to be sent; the first ever is 1 */
	uint64_t first_seg, last_seg;   /* oldest and newest segment (their first ids); 0: none */
	uint64_t log_len;               /* the newest segment: bytes of its log, */
	uint32_t names, names_len;      /* names in its table, and their bytes */

	uint64_t first;                 /* no message below this id waits */
	uint64_t head;                  /* none below is ready: claimed, delayed or gone */
	uint64_t live;                  /* messages that wait, claimed ones included */
	uint64_t live_bytes;            /* bytes of their payloads; an empty one counts 1 */
	uint64_t claimed;               /* how many of them are claimed */
	uint64_t retrying;              /* how many of them have failed, and are not due again */
	uint64_t dropped;               /* messages that left without being received, neither damaged nor buried */

	uint64_t layout;                /* counts segments removed and rewritten: what is remembered of them is stale */
	uint64_t requeues;              /* counts messages put back: what was passed over may be ready */
	uint64_t ticket;                /* the last one given to a want */
	uint64_t checked_ns;            /* when claimers were last checked for life (CLOCK_MONOTONIC) */
	uint32_t wants;                 /* entries of the want table in use, from its start */
	uint8_t busy;                   /* a change is under way; found set under the lock: recover */
	uint8_t removed;                /* rmmbox has begun */
	uint8_t policy;                 /* enum mailbox_policy */
	uint8_t expires;                /* some of what waits may expire */
	uint64_t boot;                  /* the boot in which the mailbox was last found whole (bootid.h) */
	struct bootid_place place;      /* of ctl then: differs in a copy */
	uint64_t proven;                /* large payloads below this id are older: check them before delivery */
	uint64_t damaged;               /* messages found damaged */
	uint8_t durable;                /* what was sent survives loss of power */
	uint8_t orphans;                /* a file could not be removed: each process that takes the lock tries once */
	uint8_t leaves_as;              /* what `leaving' counts as: enum ctl_leaving */
	uint8_t from_drop;              /* the last message came from drop/ */
	uint32_t refused;               /* files in drop/ that were no messages */
	uint64_t leaving;               /* while busy: a message about to leave unreceived; 0 none */
	uint8_t incarnation[SEG_INCARNATION];   /* random: with an id it names a message; new when messages may be lost */
	uint64_t buried;                /* messages that left as dead letters */
	uint64_t delayed;               /* how many messages are to come later: STATE_DELAYED */
	uint64_t dues;                  /* entries in the file `due`: at least as many */
	uint64_t due_us;                /* the time of the earliest of them; 0: there is none */
	uint64_t keeper;                /* the process that sleeps until then (keeper.h); 0 none */
	uint64_t passed_from, passed_to;        /* no message with an id from one to below the other is ready */
	uint64_t once_taken;            /* the file `once': ids that the window written last has taken in all; */
	uint16_t once_at;               /* which window that is, from 1 on; 0 none */
	uint16_t once_heads;            /* windows in the file, in use or not */
	uint32_t once_evicted;          /* windows that were given up for others */
	uint32_t group;                 /* with rights: the group that they get */
	uint8_t paused;                 /* receivers take nothing */
	uint8_t closed;                 /* no more messages are sent here (shut.h) */
	uint8_t rights;                 /* files may lack what `mode' and `group' ask for (rights.h) */
	uint8_t reserved[9];            /* zeros: what a later version sets, this one must not overlook */
	uint64_t failed;                /* deliveries that failed, of messages that were put back */
	uint8_t taken[DROPDIR_ID];      /* the last drop taken: its file is removed before the next is taken */
	uint32_t sum;                   /* of all that stands before it */
};

_Static_assert(sizeof(struct ctl) == CTL_COPY, "letterbox(5) says so");

/*
 * ctl_read -- read the copy that counts.
 * Returns 0, or -1: EUCLEAN no copy is valid, or that one is not sound; EPROTO another version, or a newer one that has
 * set what is reserved here; EPROTONOSUPPORT a machine of the other byte order wrote it; or errno of read(2).
 */
int ctl_read(int fd, struct ctl *c);

/*
 * ctl_still -- without the lock: whether ctl has not changed since this generation.
 * Returns false also where a copy is damaged or being written.  Source: tests/model/copies.pml.
 */
bool ctl_still(int fd, uint64_t generation);

/* ctl_write -- raise the generation and write the next copy.  Returns 0, or -1 with errno of write(2). */
int ctl_write(int fd, struct ctl *c);

/* ctl_count_left -- count a message that has left unreceived, as leaves_as says. */
static inline void
ctl_count_left(struct ctl *c)
{
	c->dropped += c->leaves_as == CTL_DROPPED;
	c->damaged += c->leaves_as == CTL_DAMAGED;
	c->buried += c->leaves_as == CTL_BURIED;
}

#endif
