/* SPDX-License-Identifier: ISC */
/*
 * pending: messages on their way to an engine, in the order in which they came, until it has them.
 *
 * A message is acknowledged on standard output once it and all before it are settled.
 */
#ifndef LINK_PENDING_H
#define LINK_PENDING_H

#include "base/outbuf.h"
#include "link/intake.h"

enum { PENDING_MAX = 16384 };                    /* messages */

#define PENDING_BYTES (UINT64_C(64) << 20)       /* of their payloads: then no more are taken */

enum entry_state { ENTRY_WAITS, ENTRY_SENT, ENTRY_STORED, ENTRY_REFUSED };

struct entry {
	enum entry_state state;
	uint64_t id;
	size_t line_len, len;           /* bytes of the header line, and of the payload */
	char *text;                     /* both; NULL: refused unseen */
	uint64_t tag;                   /* for the adapter; 0 at first */
};

struct pending {
	struct entry ring[PENDING_MAX];
	uint64_t first;                 /* how many have been acknowledged */
	unsigned count;
	uint64_t bytes;
	struct outbuf acks;
};

void pending_init(struct pending *p, int fd);

/* pending_entry -- the i-th of p->count messages. */
static inline struct entry *
pending_entry(struct pending *p, unsigned i)
{
	return &p->ring[(p->first + i) % PENDING_MAX];
}

static inline bool
pending_full(const struct pending *p)
{
	return p->count == PENDING_MAX || p->bytes >= PENDING_BYTES;
}

/*
 * pending_take -- add what stands there by now, up to some hundred messages.  One that is larger than the intake's limit
 * is refused.
 * *more: there may be further ones, once there is room.  Returns 0, or the adapter's exit status: said.
 */
int pending_take(struct pending *p, struct intake *in, bool *more);

/*
 * pending_settle -- acknowledge and forget what is settled, with all before it.
 * Returns how many, or -1: said.
 */
int pending_settle(struct pending *p);

#endif
