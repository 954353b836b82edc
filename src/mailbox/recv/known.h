/* SPDX-License-Identifier: ISC */
/*
 * known: what an open receiver knows of the backlog, and the states and slots that its search looks at: read many at a
 * time, and slots, which never change, only once.
 */
#ifndef MAILBOX_RECV_KNOWN_H
#define MAILBOX_RECV_KNOWN_H

#include "base/clock.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/names.h"
#include "mailbox/queue/settle.h"
#include "mailbox/wait/wake.h"

enum {
	KNOWN_MESSAGES = 4096,         /* states and slots read at a time */
	KNOWN_FEW = 16,                /* that need no page of their own, */
	RUN_FEW_LOG = 512,             /* nor bytes of their frames */
};

/* Where claimed messages stand. */
struct place {
	uint64_t seg, layout;           /* their segment, and the mailbox's layout epoch when they were claimed */
	bool sure;                      /* their claims were committed, and no change of them has failed */
};

/* The rest of a run. */
struct run_body {
	struct place at;
	int offer_fd;                   /* of an offer: the FIFO that its payload comes through; else -1 */
	int kept_fd;                    /* of an offer whose payload was kept: the file; else -1 */
	uint64_t salt;                  /* the segment's */
	unsigned char incarnation[SEG_INCARNATION];     /* and its incarnation */
	uint64_t log_at;                /* log[0] is this byte of the segment's log */
	uint32_t log_len;
	char *log;                      /* few_log, or many_log, which would be a page fault of its own */
	char few_log[RUN_FEW_LOG];
	struct item items[RUN_MESSAGES];
	char many_log[RUN_BYTES + MAILBOX_INLINE + FRAME_HEADER_MAX];
};

/* How soon a name is wanted (filter_rank_tag, filter_rank_source). */
struct name_rank { uint32_t tag, source; };

/* What a claim of any of few messages does not need. */
struct claim_many {
	struct name_rank rank[SEG_NAMES];       /* of a name, as a tag and as a source */
	struct names names;
	uint64_t states[KNOWN_MESSAGES], expiries[KNOWN_MESSAGES];
	struct slot slots[KNOWN_MESSAGES];
};

/* An open receiver: what it knows of the backlog. */
struct claim {
	struct mbox m;
	const struct receiver *receiver;        /* its settings */
	struct take *take;                      /* of a mailbox with a drop/ */
	int offer_fd;                           /* of the offer in hand, its header read; -1 */
	bool asked;                             /* has looked for dead claimers once */
	uint64_t below;                         /* only ids below this one; UINT64_MAX: any */
	uint64_t began_us;                      /* when this was opened (clock_wall_us) */
	uint64_t piece_next;                    /* of piece_drops, in this turn */
	uint64_t end_from;                      /* of end_reached: nothing for us is left below */
	bool ended;                             /* nothing for us comes any more */
	bool left_to_it;                        /* asleep: our last look left what was there to a receiver that was woken for it */
	bool drops_left;                        /* it would be so, but that something is in drop/ */
	uint64_t *cursor;                       /* per rank: nothing for us stands below; and those of before */
	uint64_t only_cursor[2];                /* of the one rank there usually is */
	uint32_t ranks, source_ranks;
	bool *has_tag, *has_source;             /* per rank of a tag, or source: whether a name that was ranked has it */
	bool only_has[2];                       /* of the one rank there usually is */
	uint64_t requeues;                      /* ctl.requeues that the cursors hold for */
	uint64_t due_us;                        /* when the first that failed is due again (clock_wall_us); 0 none */
	uint64_t alarm_us;                      /* when to look for what has fallen due (keeper.h); 0 another does */
	uint64_t names_of, names_layout;        /* the segment that rank and names are of */
	uint64_t slots_of, slots_layout;        /* the segment that slots are of; a slot once written stays so */
	uint32_t slots_at, slots_n;             /* slots[0] is the one at this place; how many there are */
	uint32_t ranked;
	uint64_t *states;                       /* few_states, or many->states, which would be a page fault of its own */
	struct slot *slots;                     /* the same */
	uint64_t few_states[KNOWN_FEW];
	struct slot few_slots[KNOWN_FEW];
	struct claim_many *many;
};

/* claim_deadline -- when a wait for the lock that begins now must end, where nothing is to be settled. */
static inline uint64_t
claim_deadline(const struct claim *c)
{
	return clock_after(c->receiver->timeout_ns > WAKE_LOOK_NS ? c->receiver->timeout_ns : WAKE_LOOK_NS);
}

/* known_from -- how many slots from pos on are in memory. */
uint32_t known_from(const struct claim *c, uint32_t pos);

/* known_slots -- have the slots of n messages from pos on in c->slots.  Returns the first, or NULL. */
const struct slot *known_slots(struct claim *c, uint32_t pos, uint32_t n);

/*
 * known_states -- have the states of n messages from pos on in c->states; of few, their slots too, where that is no call
 * more.  Returns 0, or -1.
 */
int known_states(struct claim *c, uint32_t pos, uint32_t n);

/*
 * known_ahead -- read the slots behind a run that was found, as far as they are known to exist, so that the next search
 * finds them in memory.  Without the lock.  What can not be read is left to that search.
 */
void known_ahead(struct claim *c, const struct run *run);

#endif
