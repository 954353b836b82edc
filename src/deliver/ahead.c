/* SPDX-License-Identifier: ISC */
/* ahead: see ahead.h.  A crash leaves what is in it claimed by a dead process: it is given out again. */
#include "deliver/ahead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	MESSAGES = 16,                  /* a run of so many messages, */
	BYTES = 4096,                   /* or so many bytes, is worth the look whether it has been read */
};

void
ahead_begin(struct ahead *a, struct deliver *d)
{
	const struct select *s = d->sources;

	a->deliver = d;
	if (d->output->pipe && s->n == 1 && s->mailboxes == 1 && !s->peek)
		a->receiver = &s->list[0].receiver;
}

int
ahead_keep(struct ahead *a, uint64_t before)
{
	struct select *s = a->deliver->sources;
	struct run kept = s->run;

	if (a->receiver == NULL || s->streamed || kept.n == 0 || kept.delivered < kept.n
	    || (kept.n < MESSAGES && outbuf_end(&a->deliver->output->to) - before < BYTES))
		return 0;
	if (a->ends[a->n] == NULL)
		a->ends[a->n] = malloc(RUN_MESSAGES * sizeof *a->ends[0]);
	if (a->ends[a->n] == NULL || run_make(&a->runs[a->n]) == -1)
		return -1;
	memcpy(a->ends[a->n], a->deliver->ends, kept.n * sizeof *a->ends[0]);
	s->run = a->runs[a->n];
	a->runs[a->n++] = kept;
	return 0;
}

/* read_runs -- how many runs, from the first on, have been read, or are too many. */
static uint32_t
read_runs(const struct ahead *a)
{
	uint64_t read = output_read(a->deliver->output);
	uint32_t n = 0;

	while (n < a->n && (a->n - n == AHEAD_RUNS || a->ends[n][a->runs[n].n - 1] <= read))
		n++;
	return n;
}

/* forget -- the first n runs, n > 0, are settled: they move behind the others. */
static void
forget(struct ahead *a, uint32_t n)
{
	struct run runs[AHEAD_RUNS];
	uint64_t *ends[AHEAD_RUNS];

	if (a->n == 0)
		return;
	for (uint32_t i = 0; i < a->n; i++) {
		runs[(i + a->n - n) % a->n] = a->runs[i];
		ends[(i + a->n - n) % a->n] = a->ends[i];
	}
	memcpy(a->runs, runs, a->n * sizeof *runs);
	memcpy(a->ends, ends, a->n * sizeof *ends);
	a->n -= n;
}

int
ahead_next(struct ahead *a, uint32_t messages, size_t bytes)
{
	struct select *s = a->deliver->sources;
	uint64_t timeout_ns = s->timeout_ns;
	bool glance = s->glance;
	uint32_t n = 0;
	int more;

	if (a->n == 0)
		return select_next(s, messages, bytes);
	/* a run that was not kept is small: there is hardly more to come, and all is settled before we wait */
	s->before = a->runs;
	s->before_n = s->run.n > 0 ? a->n : read_runs(a);
	if (s->before_n < a->n) {
		s->glance = true;
		s->timeout_ns = 0;
	}
	more = select_next(s, messages, bytes);
	s->glance = glance;
	s->timeout_ns = timeout_ns;
	s->before_n = 0;
	while (n < a->n && a->runs[n].n == 0)
		n++;
	if (n > 0)
		forget(a, n);
	if (a->n == 0 || more == 1 || (more == -1 && errno != ETIMEDOUT && errno != EBUSY))
		return more;
	return ahead_done(a) == -1 ? -1 : select_next(s, messages, bytes);
}

/* settle -- settle all: as done what ends at byte `read' of the output or before, and the rest is put back. */
static int
settle(struct ahead *a, uint64_t read)
{
	uint32_t n = a->n, done;

	/* what fails is not tried again: our claims are void once we end */
	a->n = 0;
	for (uint32_t i = 0; i < n; i++) {
		done = a->runs[i].n;
		while (done > 0 && a->ends[i][done - 1] > read)
			done--;
		if ((done < a->runs[i].n && receiver_settle(a->receiver, &a->runs[i], done, RECEIVER_BACK, 0) == -1)
		    || receiver_settle(a->receiver, &a->runs[i], 0, RECEIVER_DONE, 0) == -1)
			return -1;
	}
	return 0;
}

int
ahead_done(struct ahead *a)
{
	return settle(a, UINT64_MAX);
}

int
ahead_left(struct ahead *a)
{
	return a->n == 0 ? 0 : settle(a, output_read(a->deliver->output));
}

void
ahead_free(struct ahead *a)
{
	for (uint32_t i = 0; i < AHEAD_RUNS; i++) {
		run_free(&a->runs[i]);
		free(a->ends[i]);
		a->ends[i] = NULL;
	}
	a->n = 0;
}
