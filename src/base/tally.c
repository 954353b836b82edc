/* SPDX-License-Identifier: ISC */
/* tally: see tally.h. */
#include "base/tally.h"

#include <signal.h>
#include <stdatomic.h>

/* The number is n[now]: the other one is written, and then is now. */
static struct count {
	uint64_t n[2];
	volatile sig_atomic_t now;
} counts[TALLY_NOTHING];

static void
set(struct count *c, uint64_t n)
{
	const int next = !c->now;

	c->n[next] = n;
	atomic_signal_fence(memory_order_seq_cst);
	c->now = next;
}

void
tally_add(enum tally what, uint64_t n)
{
	struct count *c = &counts[what];

	set(c, c->n[c->now] + n);
}

void
tally_payload(uint64_t len)
{
	set(&counts[TALLY_END], len == UINT64_MAX ? 0 : tally_of(TALLY_WRITTEN) + len);
}

uint64_t
tally_of(enum tally what)
{
	return what < TALLY_NOTHING ? counts[what].n[counts[what].now] : 0;
}
