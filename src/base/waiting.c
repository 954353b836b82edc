/* SPDX-License-Identifier: ISC */
/* waiting: see waiting.h. */
#include "base/waiting.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "base/clock.h"

/* Bits of `told': we have asked whether standard error is a terminal; it is. */
#define ASKED (1U << WAITING_KINDS)
#define WATCHED (2U << WAITING_KINDS)

static waiting_tell *teller;            /* NULL: none */
static struct waiting waiting;
static int slept_ms;
static unsigned told;                   /* a bit for each kind, and what follows */

void
waiting_teller(waiting_tell *f)
{
	teller = f;
}

void
waiting_for(enum waiting_kind kind, const char *name)
{
	/* a handler may look in between: what it sees of a kind is of that kind */
	waiting.kind = WAITING_NOTHING;
	atomic_signal_fence(memory_order_seq_cst);
	waiting.paused = false;
	waiting.number = waiting.most = 0;
	waiting.name = name;
	atomic_signal_fence(memory_order_seq_cst);
	waiting.kind = kind;
}

void
waiting_facts(bool paused, uint64_t number, uint64_t most)
{
	waiting.paused = paused;
	waiting.number = number;
	waiting.most = most;
}

void
waiting_over(void)
{
	waiting.kind = WAITING_NOTHING;
	slept_ms = 0;
}

bool
waiting_now(struct waiting *w)
{
	*w = waiting;
	return w->kind != WAITING_NOTHING && (w->name != NULL || w->kind == WAITING_INPUT);
}

/* is_told -- whether there is nothing to tell, now. */
static bool
is_told(void)
{
	return teller == NULL || waiting.kind == WAITING_NOTHING || (told & 1U << waiting.kind) != 0
	    || (waiting.name == NULL && waiting.kind != WAITING_INPUT);
}

bool
waiting_watched(void)
{
	int err = errno;

	if (!(told & ASKED))
		told |= isatty(STDERR_FILENO) ? ASKED | WATCHED : ASKED;
	errno = err;
	return (told & WATCHED) != 0;
}

void
waiting_say(void)
{
	int err = errno;

	if (is_told())
		return;
	told |= 1U << waiting.kind;
	teller(&waiting);
	errno = err;
}

void
waiting_slept(int ms)
{
	if (is_told())
		return;
	slept_ms += ms;
	if (slept_ms >= WAITING_LONG_MS && waiting_watched())
		waiting_say();
}

int
waiting_cap_ms(int most)
{
	return is_told() || slept_ms >= WAITING_LONG_MS ? most : WAITING_LONG_MS - slept_ms;
}

uint64_t
waiting_until(uint64_t deadline_ns)
{
	uint64_t soon_ns;

	if (is_told() || !waiting_watched())
		return deadline_ns;
	soon_ns = clock_after((uint64_t)(slept_ms < WAITING_LONG_MS ? WAITING_LONG_MS - slept_ms : 0) * 1000000);
	return soon_ns < deadline_ns ? soon_ns : deadline_ns;
}
