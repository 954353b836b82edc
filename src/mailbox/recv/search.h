/* SPDX-License-Identifier: ISC */
/*
 * search: which messages of the backlog a receiver wants next.
 *
 * A message has a rank: how soon its tag, and then its source, is wanted.  For each rank the receiver remembers how
 * far it has looked, so that no message is looked at twice; and a segment whose names hold no match is passed over.
 */
#ifndef MAILBOX_RECV_SEARCH_H
#define MAILBOX_RECV_SEARCH_H

#include "frame/filter.h"
#include "mailbox/disk/batch.h"
#include "mailbox/queue/settle.h"

enum { SEARCH_MESSAGES = 2048 };                /* states and slots read at a time */

/* The rest of a run, all from one segment. */
struct run_body {
	bool sure;                              /* its claims were committed, and no change of them has failed */
	int offer_fd;                            /* it is one offer, whose payload is to be read here; else -1 */
	int kept_fd;                            /* it is one offer, whose payload was kept in this file; else -1 */
	uint64_t seg, layout;                    /* the segment, and the mailbox's layout when it was claimed */
	uint64_t salt;                          /* the segment's */
	uint64_t log_at;                        /* log[0] is this byte of the segment's log */
	uint32_t log_len;
	struct item items[RUN_MESSAGES];
	char log[RUN_BYTES + MAILBOX_INLINE + FRAME_HEADER_MAX];
};

/* How soon a name is wanted (filter_rank_tag, filter_rank_source). */
struct rank { unsigned char tag, source; };

/* A receiver at one mailbox: its selection, and what it knows of the backlog.  Small things stand first: see receive.h. */
struct claim {
	struct mbox *m;
	struct filter filter;
	bool peek;                              /* take nothing */
	bool take_expired;                      /* expired messages are given out too, marked as such */
	uint64_t piece_next;                    /* of piece_drops, in this turn */
	bool asked;                             /* has asked for dead claimers once */
	bool brief;                             /* its messages are nobody's work: to settle them is not waited for long */
	uint64_t timeout_ns;                   /* how long to wait for the lock, but to settle what was claimed */
	uint64_t *cursor;                       /* per rank: nothing for us stands below; and those of before */
	uint64_t only_cursor[2];                /* of the one rank there usually is */
	uint32_t ranks, source_ranks;
	uint64_t requeues;                         /* ctl.requeues that the cursors hold for */
	uint64_t due_us;                        /* when the next delayed message falls due (clock_wall_us); 0 none */
	uint64_t names_of, names_layout;         /* the segment that rank and names are of */
	uint64_t slots_of, slots_layout;         /* the segment that slots are of; a slot once written stays what it is */
	uint32_t slots_at, slots_n;             /* slots[0] is the one at this place; how many are held */
	uint32_t ranked;
	struct rank rank[SEG_NAMES];            /* of a name, as a tag and as a source */
	struct names names;
	uint64_t states[SEARCH_MESSAGES], expiries[SEARCH_MESSAGES];
	struct slot slots[SEARCH_MESSAGES];
};

struct claim_limits {
	uint32_t messages;                      /* at most, 1 to RUN_MESSAGES */
	uint32_t bytes;                         /* of frames, unless the first message is longer */
	uint64_t from, below;                   /* only ids from this one on, and below that; UINT64_MAX: any */
	uint64_t deadline_ns;                   /* for the lock */
	uint64_t until_us;                      /* after the first only those sent until then; 0: any */
	bool wait;                              /* nothing there: post our want, to sleep */
	bool probe;                             /* only see what comes next: claim nothing, and write no position */
};

/*
 * search_backlog -- find what comes next: messages of the best rank there is, all from one segment, into run.
 * With the lock held.  Where messages were found m->seg is their segment, and ctl.head is moved for their claim.
 * Returns 0 (run->n tells how many), or -1 with errno of read(2).
 */
int search_backlog(struct claim *c, struct run *run, const struct claim_limits *limits);

/*
 * search_ahead -- read the slots behind a run that was found, as far as they are known to exist, so that the next search
 * finds them in memory.  Without the lock.  What cannot be read is left to that search.
 */
void search_ahead(struct claim *c, const struct run *run);

/* search_names -- have the names of m->seg, and their ranks, in c.  Returns 0, or -1. */
int search_names(struct claim *c);

#endif
