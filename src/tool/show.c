/* SPDX-License-Identifier: ISC */
/*
 * show: see show.h.  A block that fits in the buffer goes out in one write, so that a terminal never shows half of it.
 *
 * One list of columns serves both forms.  A row is written to the output buffer; that of a table moves on to `rows`,
 * since the widths are known only at the end of the block.
 */
#include "tool/show.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"

typedef unsigned long long number;      /* what printf(3) takes for uint64_t */

enum column {
	NAME, TAG, MESSAGES, BYTES, CAPACITY, OVERFLOW, DURABLE, STATE, OLDEST, WAITING, CLAIMED, DELAYED, SENT, RECEIVED, DROPPED,
	DEAD, DAMAGED,
	OUTSIDE, REFUSED, RATE_IN, RATE_OUT, WANTS, COLUMNS,
};

static const struct {
	const char *heading;            /* in the table; NULL: not there */
	const char *member;             /* in JSON */
	bool right;                     /* aligned to the right */
	bool optional;                  /* hidden in the table where no mailbox has anything to show */
} columns[COLUMNS] = {
	[NAME] = { "NAME", "name", false, false },
	[TAG] = { "TAG", "tag", false, false },
	[MESSAGES] = { "MESSAGES", "messages", true, false },
	[BYTES] = { "BYTES", "bytes", true, false },
	[CAPACITY] = { "CAPACITY", "capacity_messages", false, false },
	[OVERFLOW] = { NULL, "overflow", false, false },
	[DURABLE] = { "DURABLE", "durable", false, true },
	[STATE] = { "STATE", "closed", false, true },
	[OLDEST] = { "OLDEST", "oldest", false, false },
	[WAITING] = { "WAITING", "receivers_waiting", false, false },
	[CLAIMED] = { "CLAIMED", "claimed", true, false },
	[DELAYED] = { "DELAYED", "delayed", true, true },
	[SENT] = { "SENT", "sent", true, false },
	[RECEIVED] = { "RECEIVED", "received", true, false },
	[DROPPED] = { "DROPPED", "dropped", true, true },
	[DEAD] = { "DEAD", "dead", true, true },
	[DAMAGED] = { "DAMAGED", "damaged", true, true },
	[OUTSIDE] = { "OUTSIDE", "outside", true, true },
	[REFUSED] = { NULL, "refused", false, false },
	[RATE_IN] = { "IN/s", "in_per_second", true, true },
	[RATE_OUT] = { "OUT/s", "out_per_second", true, true },
	[WANTS] = { NULL, "wants", false, false },
};

struct row {
	const char *name, *tag;
	const struct snapshot *snapshot;
	const struct rate *rates;
	uint64_t n[COLUMNS];            /* of the columns that are a number */
};

/* next_column -- the column behind c in a row of this form. */
static enum column
next_column(const struct show *show, enum column c)
{
	do
		c++;
	while (c < COLUMNS && ((show->tags ? c > BYTES && c != OLDEST : c == TAG) || (!show->json && columns[c].heading == NULL)));
	return c;
}

/* ---- values ---- */

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
		json_value(b, slice_of(p + 1));
		before = ",";
	}
	outbuf_text(b, "]");
}

void
show_want(struct outbuf *b, const struct snapshot_waiter *w)
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
		if (w->wide)
			outbuf_text(b, ",\"wide\":true");
		outbuf_text(b, "}");
	}
}

void
show_name(struct outbuf *b, struct slice text)
{
	size_t len;

	for (const char *p = text.p, *end = p + text.len; p < end; p += len > 0 ? len : 1) {
		len = json_plain(p, (size_t)(end - p));
		if (len > 0 && *p != ' ')
			outbuf_bytes(b, p, len);
		else
			outbuf_printf(b, "\\x%02x", (unsigned char)*p);
	}
}

/* put_bound -- a capacity; with units, in the largest one that divides it. */
static void
put_bound(struct outbuf *b, uint64_t n, bool json, bool units)
{
	static const char *const unit[] = { "", "K", "M", "G" };
	int i = 0;

	if (n == MAILBOX_UNBOUNDED) {
		outbuf_text(b, json ? "null" : "inf");
		return;
	}
	for (; !json && units && i < 3 && n > 0 && n % 1024 == 0; i++)
		n /= 1024;
	outbuf_printf(b, "%llu%s", (number)n, unit[i]);
}

void
show_age(struct outbuf *b, uint64_t now_us, uint64_t since_us, bool json)
{
	static const unsigned units[] = { 86400, 3600, 60, 1 };
	uint64_t age = now_us > since_us ? now_us - since_us : 0, seconds = age / 1000000;
	int i = 0;

	while (i < 3 && seconds < UINT64_C(2) * units[i])
		i++;
	if (since_us == SNAPSHOT_EMPTY)
		outbuf_text(b, json ? "null" : "-");
	else if (json)
		outbuf_printf(b, "%llu.%06u", (number)seconds, (unsigned)(age % 1000000));
	else
		outbuf_printf(b, "%llu%c", (number)(seconds / units[i]), "dhms"[i]);
}

/* put_state -- whether it is closed, and whether it is paused; in JSON the value of `closed', and the next member. */
static void
put_state(struct outbuf *b, const struct mailbox_settings *is, bool json)
{
	static const char *const states[] = { "-", "closed", "paused", "closed,paused" };

	if (json)
		outbuf_printf(b, "%s,\"paused\":%s", is->closed ? "true" : "false", is->paused ? "true" : "false");
	else
		outbuf_text(b, states[is->closed + 2 * is->paused]);
}

static void
put_waiting(struct outbuf *b, const struct snapshot *s, bool json)
{
	if (json)
		outbuf_printf(b, "%u,\"senders_waiting\":%u", s->receivers, s->senders);
	else if (s->receivers > 0 && s->senders > 0)
		outbuf_printf(b, "%ur %us", s->receivers, s->senders);
	else if (s->waiters_n > 0)
		outbuf_printf(b, "%zu%c", s->waiters_n, s->receivers > 0 ? 'r' : 's');
	else
		outbuf_text(b, "-");
}

static void
put_wants(struct outbuf *b, const struct snapshot *s)
{
	outbuf_text(b, "[");
	for (size_t i = 0; i < s->waiters_n; i++) {
		outbuf_text(b, i > 0 ? "," : "");
		show_want(b, &s->waiters[i]);
	}
	outbuf_text(b, "]");
}

static void
put_value(struct outbuf *b, const struct row *row, enum column c, bool json)
{
	static const char *const policies[] = { "block", "oldest", "latest" }, *const no_yes[] = { "-", "yes", "false", "true" };
	const struct snapshot *s = row->snapshot;
	const struct mailbox_settings *is = &s->settings;
	double rate;

	switch (c) {
	case NAME:
	case TAG:
		if (json)
			json_member(b, slice_of(columns[c].member), slice_of(c == NAME ? row->name : row->tag));
		else
			show_name(b, slice_of(c == NAME ? row->name : row->tag));
		break;
	case CAPACITY:
		put_bound(b, is->cap_messages, json, false);
		outbuf_text(b, json ? ",\"capacity_bytes\":" : "/");
		put_bound(b, is->cap_bytes, json, true);
		break;
	case OVERFLOW:
		outbuf_printf(b, "\"%s\"", is->policy <= MAILBOX_LATEST ? policies[is->policy] : "unknown");
		break;
	case DURABLE:
		outbuf_text(b, no_yes[2 * json + is->durable]);
		break;
	case STATE:
		put_state(b, is, json);
		break;
	case OLDEST:
		show_age(b, s->now_us, row->n[c], json);
		break;
	case WAITING:
		put_waiting(b, s, json);
		break;
	case RATE_IN:
	case RATE_OUT:
		rate = c == RATE_IN ? row->rates->in : row->rates->out;
		if (row->rates->known)
			outbuf_printf(b, "%.*f", json ? 3 : rate < 10 ? 1 : 0, rate);
		else
			outbuf_text(b, json ? "null" : "-");
		break;
	case WANTS:
		put_wants(b, s);
		break;
	default:
		if (row->n[c] == SNAPSHOT_UNKNOWN)
			outbuf_text(b, "-");
		else
			outbuf_printf(b, "%llu", (number)row->n[c]);
	}
}

/* ---- rows ---- */

/* keep -- move what is in the buffer to the rows.  The buffer is larger than any row. */
static void
keep(struct show *show)
{
	size_t len = show->rows_len + show->out.used;
	char *bigger = realloc(show->rows, len + 1);

	if (bigger == NULL) {
		show->failed = true;
	} else {
		memcpy(bigger + show->rows_len, show->out.buf, show->out.used);
		bigger[len] = '\0';
		show->rows = bigger;
		show->rows_len = len;
	}
	show->out.used = 0;
}

static void
put_row(struct show *show, const struct row *row)
{
	struct outbuf *b = &show->out;
	const char *before = show->json ? "{" : "";

	for (enum column c = NAME; c < COLUMNS; c = next_column(show, c)) {
		bool missing = row->n[c] == SNAPSHOT_UNKNOWN && (c == OUTSIDE || c == REFUSED);

		if (show->json && (missing || ((c == RATE_IN || c == RATE_OUT) && !show->rates)))
			continue;
		outbuf_text(b, before);
		if (show->json && c != NAME && c != TAG)
			outbuf_printf(b, "\"%s\":", columns[c].member);
		put_value(b, row, c, show->json);
		show->seen |= row->n[c] > 0 && !missing ? 1U << c : 0;
		before = show->json ? "," : "\t";
	}
	outbuf_text(b, show->json ? "}\n" : "\n");
	if (!show->json)
		keep(show);
}

/* ---- the table ---- */

int
show_width(const char *cell, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)cell[i] & 0xc0) != 0x80;
	return n;
}

/* screen_lines -- how many lines fit on the terminal, less one for the cursor. */
static unsigned
screen_lines(const struct show *show)
{
	struct winsize size;

	if (!show->redraw || ioctl(show->out.fd, TIOCGWINSZ, &size) == -1 || size.ws_row < 2)
		return UINT_MAX;
	return size.ws_row - 1U;
}

/* put_table -- print the rows, cells aligned. */
static void
put_table(struct show *show)
{
	const char *newline = show->redraw ? "\033[K\n" : "\n";
	enum column c = NAME;
	int width[COLUMNS] = { 0 }, n, pad, gap = 0;
	unsigned lines = screen_lines(show);
	size_t len;

	for (const char *p = show->rows; *p != '\0'; p += len + 1) {
		len = strcspn(p, "\t\n");
		n = show_width(p, len);
		width[c] = n > width[c] ? n : width[c];
		c = p[len] == '\n' ? NAME : next_column(show, c);
	}
	for (const char *p = show->rows; *p != '\0' && lines > 0; p += len + 1) {
		len = strcspn(p, "\t\n");
		if (!columns[c].optional || (show->seen & 1U << c) != 0) {
			pad = width[c] - show_width(p, len);
			outbuf_printf(&show->out, "%*s", gap + (columns[c].right ? pad : 0), "");
			outbuf_bytes(&show->out, p, len);
			gap = 2 + (columns[c].right ? 0 : pad);
		}
		c = next_column(show, c);
		if (p[len] == '\n') {
			outbuf_text(&show->out, newline);
			c = NAME;
			gap = 0;
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
	show->seen = show->rates ? 1U << RATE_IN | 1U << RATE_OUT : 0;
	show->rows = NULL;
	show->rows_len = 0;
	if (show->json)
		return;
	for (enum column c = NAME; c < COLUMNS; c = next_column(show, c)) {
		outbuf_text(&show->out, c > NAME ? "\t" : "");
		outbuf_text(&show->out, columns[c].heading);
	}
	outbuf_text(&show->out, "\n");
	keep(show);
}

void
show_mailbox(struct show *show, const char *name, const struct snapshot *s, const struct rate *rates)
{
	struct row row = { name, "", s, rates, { [MESSAGES] = s->messages, [BYTES] = s->bytes, [OLDEST] = s->oldest_us,
	    [DURABLE] = s->settings.durable, [STATE] = s->settings.closed || s->settings.paused, [CLAIMED] = s->claimed,
	    [DELAYED] = s->delayed, [SENT] = s->sent, [RECEIVED] = s->received, [DROPPED] = s->dropped, [DEAD] = s->buried,
	    [DAMAGED] = s->damaged, [OUTSIDE] = s->outside,
	    [REFUSED] = mode_drops(s->settings.mode) ? s->refused : SNAPSHOT_UNKNOWN } };

	show->mailboxes++;
	if (!show->tags)
		put_row(show, &row);
	for (const struct snapshot_tag *t = s->tags; t < s->tags + s->tags_n; t++) {
		row.tag = t->tag;
		row.n[MESSAGES] = t->messages;
		row.n[BYTES] = t->bytes;
		row.n[OLDEST] = t->oldest_us;
		put_row(show, &row);
	}
}

int
show_end(struct show *show, bool headings)
{
	if (!show->failed && !show->json && (show->mailboxes > 0 || headings)) {
		/* no line wraps while the table is drawn, since it would push those below down */
		if (show->redraw)
			outbuf_text(&show->out, "\033[?7l\033[H");
		else if (show->blocks > 0)
			outbuf_text(&show->out, "\n");
		put_table(show);
		if (show->redraw)
			outbuf_text(&show->out, "\033[J\033[?7h");
	}
	free(show->rows);
	show->blocks++;
	if (show->failed)
		errno = ENOMEM;
	if (show->failed || outbuf_result(&show->out) == -1)
		return -1;
	return outbuf_flush(&show->out);
}
