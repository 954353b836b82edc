/* SPDX-License-Identifier: ISC */
/* live: see live.h.  A block that fits in the buffer goes out in one write, so that a terminal never shows half of it. */
#include "tool/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "tool/screen.h"

enum {
	HEAD_LINES = 3,                         /* above the headings, */
	HEAD_FROM = 10,                         /* on a screen of so many lines */
};

typedef unsigned long long number;      /* what printf(3) takes for uint64_t */

/* The orders, the greatest first but for names, and their keys. */
enum order { BY_NAME, BY_MESSAGES, BY_IN, BY_OUT, BY_AGE, BY_BUSY, BY_HELD, BY_FAILURES };

static const struct {
	char key;
	const char *word;
} orders[LIVE_ORDERS] = { { 'n', "name" }, { 'm', "messages" }, { 'i', "in" }, { 'o', "out" }, { 'a', "age" }, { 'b', "busy" },
	{ 'h', "held" }, { 'f', "failures" } };

void
live_begin(struct live *l, const struct show *show)
{
	l->end = show->rows_len;
	l->rows_n = 0;
	l->unread = 0;
	l->sum = (struct snapshot){ .holder = SNAPSHOT_NOBODY };
	l->rate = (struct rate){ .known = false };
}

/* sum_up -- add a mailbox to the totals. */
static void
sum_up(struct live *l, const char *name, const struct snapshot *s, const struct rate *rates)
{
	struct snapshot *sum = &l->sum;

	sum->messages += s->messages;
	sum->bytes += s->bytes;
	sum->claimed += s->claimed;
	sum->delayed += s->delayed + s->kept_back;
	sum->receivers += s->receivers;
	sum->senders += s->senders;
	l->rate.in += rates->in;
	l->rate.out += rates->out;
	l->rate.failures += rates->failures;
	if (s->held_ns != 0 && (sum->held_ns == 0 || s->held_ns < sum->held_ns)) {
		sum->held_ns = s->held_ns;
		sum->holder = s->holder;
		snprintf(l->holder, sizeof l->holder, "%s", name);
	}
	sum->now_ns = s->now_ns;
}

int
live_add(struct live *l, const struct show *show, const char *name, const struct snapshot *s, const struct rate *rates)
{
	const double by[LIVE_ORDERS] = { [BY_MESSAGES] = (double)s->messages, [BY_IN] = rates->in, [BY_OUT] = rates->out,
		[BY_AGE] = s->oldest_us == SNAPSHOT_EMPTY ? 0 : (double)(s->now_us - s->oldest_us), [BY_BUSY] = (double)s->claimed,
		[BY_HELD] = s->held_ns == 0 ? 0 : (double)(s->now_ns - s->held_ns), [BY_FAILURES] = rates->failures };
	struct live_row *bigger;
	size_t len;

	sum_up(l, name, s, rates);
	/* with tags it has several rows, or none */
	for (; l->end < show->rows_len; l->end += len) {
		len = strcspn(show->rows + l->end, "\n") + 1;
		if (l->rows_n == l->rows_room) {
			bigger = realloc(l->rows, (2 * l->rows_room + 16) * sizeof *bigger);
			if (bigger == NULL)
				return -1;
			l->rows = bigger;
			l->rows_room = 2 * l->rows_room + 16;
		}
		l->rows[l->rows_n] = (struct live_row){ NULL, len, l->end, { 0 }, s->dead_letters };
		memcpy(l->rows[l->rows_n++].by, by, sizeof by);
	}
	return 0;
}

void
live_unread(struct live *l, const char *name)
{
	l->unread++;
	l->error = errno;
	snprintf(l->name, sizeof l->name, "%s", name);
}

void
live_end(struct live *l, uint64_t now_ns)
{
	struct rates_look now = { .identity = 1, .now_ns = now_ns, .past = { { 0, l->sum.messages, 0 } } };
	struct rate rate = rates_of(l->looks.now_ns == 0 ? NULL : &l->looks, &now);

	l->rate.known = rate.known;
	l->rate.drain_s = rate.drain_s;
	l->rate.bars = rate.bars;
	memcpy(l->rate.depth, rate.depth, sizeof rate.depth);
	l->looks = now;
}

/* ---- drawing ---- */

static unsigned ordered_by;             /* for by_order */
static bool turned;

static int
by_order(const void *a, const void *b)
{
	const struct live_row *x = a, *y = b;
	double dx = x->by[ordered_by], dy = y->by[ordered_by];
	int r = dx > dy ? -1 : dx < dy ? 1 : x->at < y->at ? -1 : x->at > y->at;

	return turned ? -r : r;
}

/* put_head -- print the lines above the table. */
static void
put_head(const struct live *l, struct show *show, const char *newline)
{
	const struct snapshot *s = &l->sum;
	struct outbuf *b = &show->out;
	const time_t now = (time_t)(clock_wall_us() / 1000000);
	char clock[16] = "";
	struct tm tm;

	if (localtime_r(&now, &tm) != NULL)
		strftime(clock, sizeof clock, "%H:%M:%S", &tm);
	outbuf_printf(b, "%s  %u mailbox%s  %llu message%s  ", clock, show->mailboxes, show->mailboxes == 1 ? "" : "es",
	    (number)s->messages, s->messages == 1 ? "" : "s");
	show_size(b, s->bytes);
	outbuf_printf(b, "  in %.0f/s  out %.0f/s  ", l->rate.in, l->rate.out);
	rates_bars(b, l->rate.depth, l->rate.bars, show->utf8);
	outbuf_printf(b, "%s%u busy  ", newline, (unsigned)s->claimed);
	outbuf_printf(b, "%u idle  %u blocked  %llu later  %.0f failed/min", s->receivers, s->senders, (number)s->delayed,
	    l->rate.failures);
	if (s->held_ns != 0) {
		outbuf_text(b, "  held ");
		show_age(b, s->now_ns / 1000, s->held_ns / 1000, false);
		outbuf_printf(b, s->holder > 0 ? " by %d in " : " in ", (int)s->holder);
		show_name(b, slice_of(l->holder));
	}
	if (l->rate.drain_s > 0) {
		outbuf_text(b, "  empty in ");
		show_age(b, (uint64_t)(l->rate.drain_s * 1e6), 0, false);
	}
	if (l->unread > 0)
		outbuf_printf(b, "  %u not readable", l->unread);
	outbuf_text(b, newline);
}

/* put_keys -- print the line that tells the keys, and where we are. */
static void
put_keys(const struct live *l, struct outbuf *b, const char *newline)
{
	size_t last = l->top + l->page < l->rows_n ? l->top + l->page : l->rows_n;

	if (l->rows_n > l->page)
		outbuf_printf(b, "%zu-%zu of %zu  ", l->top + 1, last, l->rows_n);
	outbuf_text(b, "q quit  sort:");
	for (unsigned i = 0; i < LIVE_ORDERS; i++)
		outbuf_printf(b, i == l->order ? " [%s]" : " %s", orders[i].word);
	outbuf_text(b, newline);
}

int
live_draw(struct live *l, struct show *show)
{
	struct outbuf *b = &show->out;
	/* a line is cleared before it is written: behind a character in the last column that would take the character */
	const char *const newline = "\n\033[K", *const end = l->plain ? "" : "\033[m";
	/* where a line is too long the terminal has its last character in the last column */
	const char *const cut = "\033[999G\033[K\n\033[K";
	int lines = 24;
	size_t head;
	struct table t;

	show->screen = screen_columns(&lines);
	if (show->screen <= 0)
		show->screen = 80;
	head = lines >= HEAD_FROM ? HEAD_LINES : 0;
	l->page = lines > (int)head + 2 ? (size_t)lines - head - 1 : 1;
	if (l->top + l->page > l->rows_n)
		l->top = l->rows_n > l->page ? l->rows_n - l->page : 0;
	for (size_t i = 0; i < l->rows_n; i++)
		l->rows[i].text = show->rows + l->rows[i].at;
	ordered_by = l->order;
	turned = l->turned;
	if (l->rows_n > 1)
		qsort(l->rows, l->rows_n, sizeof *l->rows, by_order);
	show_layout(show, &t);
	/* no line wraps while the table is drawn, since it would push those below down */
	outbuf_text(b, "\033[?7l\033[H\033[K");
	if (head > 0) {
		put_head(l, show, cut);
		put_keys(l, b, cut);
	}
	outbuf_text(b, l->plain ? "" : "\033[1m");
	table_put(&t, b, show->rows, strcspn(show->rows, "\n") + 1, end);
	for (size_t i = l->top; i < l->rows_n && i < l->top + l->page; i++) {
		outbuf_text(b, newline);
		outbuf_text(b, l->rows[i].letters && !l->plain ? "\033[31m" : "");
		table_put(&t, b, l->rows[i].text, l->rows[i].len, end);
	}
	for (size_t i = l->rows_n - l->top; i < l->page; i++)
		outbuf_text(b, newline);
	outbuf_text(b, "\033[?7h");
	return outbuf_result(b) == -1 ? -1 : outbuf_flush(b);
}

/* ---- keys ---- */

/* choose -- order the rows as a key says; the same again turns the order. */
static void
choose(struct live *l, int key)
{
	for (unsigned i = 0; i < LIVE_ORDERS; i++) {
		if (orders[i].key != key)
			continue;
		l->turned = l->order == i && !l->turned;
		l->order = i;
		l->top = 0;
	}
}

bool
live_key(struct live *l, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case SCREEN_UP:
	case 'k':
		l->top -= l->top > 0;
		break;
	case SCREEN_DOWN:
	case 'j':
		l->top++;
		break;
	case SCREEN_PAGE_UP:
		l->top -= l->top < l->page ? l->top : l->page;
		break;
	case SCREEN_PAGE_DOWN:
	case ' ':
		l->top += l->page;
		break;
	case SCREEN_HOME:
	case 'g':
		l->top = 0;
		break;
	case SCREEN_END:
	case 'G':
		l->top = l->rows_n;
		break;
	default:
		choose(l, key);
	}
	return true;
}
