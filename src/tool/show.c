/* SPDX-License-Identifier: ISC */
/* show: see show.h.  A block goes out in one write where it fits in the buffer, so that a terminal is never left half-way. */
#include "tool/show.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"

typedef unsigned long long number;      /* what printf(3) takes for uint64_t */

/* ---- JSON ---- */

/* json_age -- seconds since the oldest message was sent. */
static void
json_age(struct outbuf *b, uint64_t now_us, uint64_t sent_us)
{
	uint64_t age = now_us > sent_us ? now_us - sent_us : 0;

	if (sent_us == SNAPSHOT_EMPTY)
		outbuf_text(b, "null");
	else
		outbuf_printf(b, "%llu.%06u", (number)(age / 1000000), (unsigned)(age % 1000000));
}

static void
json_bound(struct outbuf *b, const char *name, uint64_t bound)
{
	if (bound == MAILBOX_UNBOUNDED)
		outbuf_printf(b, ",\"%s\":null", name);
	else
		outbuf_printf(b, ",\"%s\":%llu", name, (number)bound);
}

/* json_patterns -- the patterns of one kind in a want's filter. */
static void
json_patterns(struct outbuf *b, const char *name, const struct filter *f, char kind)
{
	const char *p = f->text, *before = "";

	outbuf_printf(b, ",\"%s\":[", name);
	for (; p < f->text + f->len; p += strlen(p) + 1) {
		if (*p != kind)
			continue;
		outbuf_text(b, before);
		json_string(b, slice_of(p + 1));
		before = ",";
	}
	outbuf_text(b, "]");
}

static void
json_want(struct outbuf *b, const struct snapshot_waiter *w)
{
	if (w->what == SNAPSHOT_ROOM) {
		outbuf_printf(b, "{\"for\":\"room\",\"bytes\":%llu}", (number)w->object);
	} else if (w->what == SNAPSHOT_END) {
		outbuf_printf(b, "{\"for\":\"end\",\"id\":%llu}", (number)w->object);
	} else {
		outbuf_printf(b, "{\"for\":\"message\",\"peek\":%s", w->what == SNAPSHOT_PEEK ? "true" : "false");
		json_patterns(b, "tags", &w->filter, 't');
		json_patterns(b, "sources", &w->filter, 's');
		json_patterns(b, "not_tags", &w->filter, 'T');
		json_patterns(b, "not_sources", &w->filter, 'S');
		outbuf_text(b, "}");
	}
}

static void
json_rates(struct outbuf *b, const struct rate *rates)
{
	if (rates->known)
		outbuf_printf(b, ",\"in_per_second\":%.3f,\"out_per_second\":%.3f", rates->in, rates->out);
	else
		outbuf_text(b, ",\"in_per_second\":null,\"out_per_second\":null");
}

static void
json_mailbox(struct show *show, const char *name, const struct snapshot *s, const struct rate *rates)
{
	static const char *const policies[] = { "block", "oldest", "latest" };
	const struct mailbox_settings *is = &s->settings;
	struct outbuf *b = &show->out;

	outbuf_text(b, "{\"name\":");
	json_string(b, slice_of(name));
	outbuf_printf(b, ",\"messages\":%llu,\"bytes\":%llu", (number)s->messages, (number)s->bytes);
	json_bound(b, "capacity_messages", is->cap_messages);
	json_bound(b, "capacity_bytes", is->cap_bytes);
	outbuf_printf(b, ",\"overflow\":\"%s\"", is->policy <= MAILBOX_LATEST ? policies[is->policy] : "unknown");
	outbuf_printf(b, ",\"durable\":%s", is->durable ? "true" : "false");
	outbuf_text(b, ",\"oldest\":");
	json_age(b, s->now_us, s->oldest_us);
	outbuf_printf(b, ",\"receivers_waiting\":%u,\"senders_waiting\":%u,\"claimed\":%llu", s->receivers, s->senders,
	    (number)s->claimed);
	outbuf_printf(b, ",\"sent\":%llu,\"received\":%llu,\"dropped\":%llu,\"damaged\":%llu",
	    (number)s->sent, (number)s->received, (number)s->dropped, (number)s->damaged);
	if (s->outside != SNAPSHOT_UNKNOWN)
		outbuf_printf(b, ",\"outside\":%llu", (number)s->outside);
	if (mode_drops(is->mode))
		outbuf_printf(b, ",\"refused\":%llu", (number)s->refused);
	if (show->rates)
		json_rates(b, rates);
	outbuf_text(b, ",\"wants\":[");
	for (unsigned i = 0; i < s->waiters_n; i++) {
		outbuf_text(b, i > 0 ? "," : "");
		json_want(b, &s->waiters[i]);
	}
	outbuf_text(b, "]}\n");
}

static void
json_tag(struct show *show, const char *name, const struct snapshot *s, const struct snapshot_tag *t)
{
	struct outbuf *b = &show->out;

	outbuf_text(b, "{\"name\":");
	json_string(b, slice_of(name));
	outbuf_text(b, ",\"tag\":");
	json_string(b, slice_of(t->tag));
	outbuf_printf(b, ",\"messages\":%llu,\"bytes\":%llu,\"oldest\":", (number)t->messages, (number)t->bytes);
	json_age(b, s->now_us, t->oldest_us);
	outbuf_text(b, "}\n");
}

/* ---- rows of the table ---- */

/* rows_printf -- add to the rows; where there is no memory for it, they have failed. */
static void __attribute__((format(printf, 2, 3)))
rows_printf(struct rows *r, const char *format, ...)
{
	char *bigger;
	size_t room;
	va_list args;
	int len;

	for (;;) {
		va_start(args, format);
		len = vsnprintf(r->text == NULL ? NULL : r->text + r->len, r->room - r->len, format, args);
		va_end(args);
		if (len < 0 || (size_t)len < r->room - r->len)
			break;
		room = 2 * (r->room + (size_t)len + 1);
		bigger = realloc(r->text, room);
		if (bigger == NULL) {
			r->failed = true;
			return;
		}
		r->text = bigger;
		r->room = room;
	}
	r->len += len > 0 ? (size_t)len : 0;
}

/* cell_text -- what somebody else named: what is no printable character is \xHH, a byte at a time. */
static void
cell_text(struct rows *r, const char *text)
{
	size_t len;

	for (const char *p = text, *end = p + strlen(p); p < end; p += len > 0 ? len : 1) {
		len = json_plain(p, (size_t)(end - p));
		if (len > 0)
			rows_printf(r, "%.*s", (int)len, p);
		else
			rows_printf(r, "\\x%02x", (unsigned char)*p);
	}
}

/* cell_bound -- a capacity; with units, in the largest one that divides it. */
static void
cell_bound(struct rows *r, uint64_t n, bool units)
{
	static const char *const unit[] = { "", "K", "M", "G" };
	int i = 0;

	if (n == MAILBOX_UNBOUNDED) {
		rows_printf(r, "inf");
		return;
	}
	for (; units && i < 3 && n > 0 && n % 1024 == 0; i++)
		n /= 1024;
	rows_printf(r, "%llu%s", (number)n, unit[i]);
}

/* cell_age -- in the largest unit that there are two of. */
static void
cell_age(struct rows *r, uint64_t now_us, uint64_t sent_us)
{
	static const unsigned units[] = { 86400, 3600, 60, 1 };
	uint64_t seconds = now_us > sent_us ? (now_us - sent_us) / 1000000 : 0;
	int i = 0;

	if (sent_us == SNAPSHOT_EMPTY) {
		rows_printf(r, "\t-");
		return;
	}
	while (i < 3 && seconds < UINT64_C(2) * units[i])
		i++;
	rows_printf(r, "\t%llu%c", (number)(seconds / units[i]), "dhms"[i]);
}

static void
cell_rate(struct rows *r, bool known, double rate)
{
	if (known)
		rows_printf(r, "\t%.*f", rate < 10 ? 1 : 0, rate);
	else
		rows_printf(r, "\t-");
}

static void
row_mailbox(struct rows *r, const char *name, const struct snapshot *s, const struct rate *rates)
{
	const struct mailbox_settings *is = &s->settings;

	cell_text(r, name);
	rows_printf(r, "\t%llu\t%llu\t", (number)s->messages, (number)s->bytes);
	cell_bound(r, is->cap_messages, false);
	rows_printf(r, "/");
	cell_bound(r, is->cap_bytes, true);
	rows_printf(r, "\t%s", is->durable ? "yes" : "-");
	cell_age(r, s->now_us, s->oldest_us);
	if (s->receivers > 0 && s->senders > 0)
		rows_printf(r, "\t%ur %us", s->receivers, s->senders);
	else if (s->waiters_n > 0)
		rows_printf(r, "\t%u%c", s->waiters_n, s->receivers > 0 ? 'r' : 's');
	else
		rows_printf(r, "\t-");
	rows_printf(r, "\t%llu\t%llu\t%llu\t%llu\t%llu", (number)s->claimed, (number)s->sent,
	    (number)s->received, (number)s->dropped, (number)s->damaged);
	if (s->outside == SNAPSHOT_UNKNOWN)
		rows_printf(r, "\t-");
	else
		rows_printf(r, "\t%llu", (number)s->outside);
	cell_rate(r, rates->known, rates->in);
	cell_rate(r, rates->known, rates->out);
	rows_printf(r, "\n");
}

static void
row_tag(struct rows *r, const char *name, const struct snapshot *s, const struct snapshot_tag *t)
{
	cell_text(r, name);
	rows_printf(r, "\t");
	cell_text(r, t->tag);
	rows_printf(r, "\t%llu\t%llu", (number)t->messages, (number)t->bytes);
	cell_age(r, s->now_us, t->oldest_us);
	rows_printf(r, "\n");
}

/* ---- the table ---- */

enum { COLUMNS = 15, DURABLE = 4, DROPPED = 10, DAMAGED, OUTSIDE, RATES };

static bool
is_hidden(const struct show *show, int column)
{
	return !show->tags && ((column == DROPPED && !show->dropped) || (column == DAMAGED && !show->damaged)
	    || (column == DURABLE && !show->durable) || (column == OUTSIDE && !show->outside)
	    || (column >= RATES && !show->rates));
}

/* cell_width -- how many characters a cell of len bytes has. */
static int
cell_width(const char *cell, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)cell[i] & 0xc0) != 0x80;
	return n;
}

/* screen_lines -- how many lines may be drawn, the one below for the cursor. */
static unsigned
screen_lines(const struct show *show)
{
	struct winsize size;

	if (!show->redraw || ioctl(show->out.fd, TIOCGWINSZ, &size) == -1 || size.ws_row < 2)
		return UINT_MAX;
	return size.ws_row - 1U;
}

/* put_table -- the rows, their cells under each other. */
static void
put_table(struct show *show)
{
	const char *sides = show->tags ? "llrrl" : "lrrllllrrrrrrrr";
	const char *newline = show->redraw ? "\033[K\n" : "\n";
	int width[COLUMNS] = { 0 }, n, pad, gap = 0, column = 0;
	unsigned lines = screen_lines(show);
	size_t len;

	for (const char *p = show->rows.text; *p != '\0'; p += len + 1) {
		len = strcspn(p, "\t\n");
		n = cell_width(p, len);
		width[column] = n > width[column] ? n : width[column];
		column = p[len] == '\n' ? 0 : column + 1;
	}
	for (const char *p = show->rows.text; *p != '\0' && lines > 0; p += len + 1) {
		len = strcspn(p, "\t\n");
		if (!is_hidden(show, column)) {
			pad = width[column] - cell_width(p, len);
			outbuf_printf(&show->out, "%*s", gap + (sides[column] == 'r' ? pad : 0), "");
			outbuf_bytes(&show->out, p, len);
			gap = 2 + (sides[column] == 'l' ? pad : 0);
		}
		column++;
		if (p[len] == '\n') {
			outbuf_text(&show->out, newline);
			column = gap = 0;
			lines--;
		}
	}
}

/* ---- blocks ---- */

void
show_begin(struct show *show)
{
	if (show->blocks == 0)
		outbuf_init(&show->out, STDOUT_FILENO);
	show->mailboxes = 0;
	show->dropped = show->damaged = show->durable = show->outside = false;
	show->rows = (struct rows){ NULL, 0, 0, false };
	rows_printf(&show->rows, "%s\n", show->tags ? "NAME\tTAG\tMESSAGES\tBYTES\tOLDEST"
	    : "NAME\tMESSAGES\tBYTES\tCAPACITY\tDURABLE\tOLDEST\tWAITING\tCLAIMED\tSENT\tRECEIVED\tDROPPED\tDAMAGED\tOUTSIDE\tIN/s\tOUT/s");
}

void
show_mailbox(struct show *show, const char *name, const struct snapshot *s, const struct rate *rates)
{
	show->mailboxes++;
	show->dropped = show->dropped || s->dropped > 0;
	show->damaged = show->damaged || s->damaged > 0;
	show->durable = show->durable || s->settings.durable;
	show->outside = show->outside || s->outside != SNAPSHOT_UNKNOWN;
	if (!show->tags && show->json)
		json_mailbox(show, name, s, rates);
	else if (!show->tags)
		row_mailbox(&show->rows, name, s, rates);
	for (size_t i = 0; i < s->tags_n; i++) {
		if (show->json)
			json_tag(show, name, s, &s->tags[i]);
		else
			row_tag(&show->rows, name, s, &s->tags[i]);
	}
}

int
show_end(struct show *show, bool headings)
{
	bool failed = show->rows.failed;

	if (!failed && !show->json && (show->mailboxes > 0 || headings)) {
		/* no line goes on below while they are drawn: where they would is not known */
		if (show->redraw)
			outbuf_text(&show->out, "\033[?7l\033[H");
		else if (show->blocks > 0)
			outbuf_text(&show->out, "\n");
		put_table(show);
		if (show->redraw)
			outbuf_text(&show->out, "\033[J\033[?7h");
	}
	free(show->rows.text);
	show->blocks++;
	if (failed)
		errno = ENOMEM;
	if (failed || outbuf_result(&show->out) == -1)
		return -1;
	return outbuf_flush(&show->out);
}
