/* SPDX-License-Identifier: ISC */
/*
 * show: see show.h.
 *
 * A form is a list of columns.  A row is written to the output buffer; that of a table moves on to `rows`, since the
 * widths are known only at the end of the block.
 */
#include "tool/show.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "tool/setting.h"

typedef unsigned long long number;      /* what printf(3) takes for uint64_t */

enum column {
	NAME, TAG, MESSAGES, BYTES, CAPACITY, OVERFLOW, DURABLE, STATE, OLDEST, WAITING, CLAIMED, DELAYED, SENT, RECEIVED, FAILED,
	DROPPED, DEAD, DAMAGED, FORGOTTEN, OUTSIDE, REFUSED, RATE_IN, RATE_OUT, FAILURES, DRAIN, HELD, WANTS, LINKS,
	BUSY, IDLE, BLOCKED, LATER, DEPTH, COLUMNS,
};

static const struct {
	const char *heading;            /* in a table */
	const char *member;             /* in JSON */
	bool right;                     /* aligned to the right */
	bool optional;                  /* hidden in a table where no mailbox has anything to show */
	unsigned char rank;             /* of table.h */
} columns[COLUMNS] = {
	[NAME] = { "NAME", "name", false, false, 0 },
	[TAG] = { "TAG", "tag", false, false, 0 },
	[MESSAGES] = { "MESSAGES", "messages", true, false, 0 },
	[BYTES] = { "BYTES", "bytes", true, false, 32 },
	[CAPACITY] = { "CAPACITY", "capacity_messages", false, false, TABLE_SPARE + 1 },
	[OVERFLOW] = { NULL, "overflow", false, false, 0 },
	[DURABLE] = { "DURABLE", "durable", false, true, TABLE_SPARE },
	[STATE] = { "STATE", "closed", false, true, 10 },
	[OLDEST] = { "OLDEST", "oldest", false, false, 6 },
	[WAITING] = { "WAITING", "receivers_waiting", false, false, 3 },
	[CLAIMED] = { "CLAIMED", "claimed", true, false, 2 },
	[DELAYED] = { "DELAYED", "delayed", true, true, 9 },
	[SENT] = { "SENT", "sent", true, false, 31 },
	[RECEIVED] = { "RECEIVED", "received", true, false, 30 },
	[FAILED] = { "FAILED", "failed", true, true, 8 },
	[DROPPED] = { "DROPPED", "dropped", true, true, 25 },
	[DEAD] = { "DEAD", "dead", true, true, 13 },
	[DAMAGED] = { "DAMAGED", "damaged", true, true, 24 },
	[FORGOTTEN] = { "FORGOTTEN", "forgotten", true, true, 28 },
	[OUTSIDE] = { "OUTSIDE", "outside", true, true, 27 },
	[REFUSED] = { NULL, "refused", false, false, 0 },
	[RATE_IN] = { "IN/s", "in_per_second", true, false, 5 },
	[RATE_OUT] = { "OUT/s", "out_per_second", true, false, 5 },
	[FAILURES] = { "FAIL/m", "failures_per_minute", true, true, 8 },
	[DRAIN] = { "DRAIN", "drains_in", true, true, 12 },
	[HELD] = { "HELD", "held_for", false, true, 7 },
	[WANTS] = { NULL, "wants", false, false, 0 },
	[LINKS] = { "LINKS", "links", true, true, 26 },
	[BUSY] = { "BUSY", NULL, true, false, 2 },
	[IDLE] = { "IDLE", NULL, true, false, 3 },
	[BLOCKED] = { "BLOCKED", NULL, true, true, 11 },
	[LATER] = { "LATER", NULL, true, true, 9 },
	[DEPTH] = { "DEPTH", NULL, false, true, 29 },
};

/* The forms; each ends with COLUMNS. */
static const unsigned char plain_form[] = { NAME, MESSAGES, BYTES, CAPACITY, DURABLE, STATE, OLDEST, WAITING, CLAIMED, DELAYED, FAILED,
	SENT, RECEIVED, DROPPED, DEAD, DAMAGED, FORGOTTEN, OUTSIDE, LINKS, COLUMNS };
static const unsigned char followed_form[] = { NAME, MESSAGES, RATE_IN, RATE_OUT, BYTES, CAPACITY, DURABLE, STATE, OLDEST, WAITING,
	CLAIMED, DELAYED, FAILED, SENT, RECEIVED, DROPPED, DEAD, DAMAGED, FORGOTTEN, OUTSIDE, LINKS, COLUMNS };
static const unsigned char live_form[] = { NAME, MESSAGES, RATE_IN, RATE_OUT, DRAIN, OLDEST, BUSY, IDLE, BLOCKED, LATER, HELD, FAILURES,
	STATE, DEPTH, BYTES, DEAD, DROPPED, DAMAGED, LINKS, OUTSIDE, SENT, RECEIVED, DURABLE, CAPACITY, COLUMNS };
static const unsigned char tags_form[] = { NAME, TAG, MESSAGES, BYTES, OLDEST, COLUMNS };
static const unsigned char json_form[] = { NAME, MESSAGES, BYTES, CAPACITY, OVERFLOW, DURABLE, STATE, OLDEST, WAITING, CLAIMED, DELAYED,
	SENT, RECEIVED, DROPPED, DEAD, DAMAGED, FORGOTTEN, FAILED, OUTSIDE, REFUSED, RATE_IN, RATE_OUT, FAILURES, DRAIN, HELD,
	WANTS, LINKS, COLUMNS };

struct row {
	const char *name, *tag;
	const struct snapshot *snapshot;
	const struct rate *rates;
	uint64_t n[COLUMNS];            /* of the columns that are a number; else whether there is something to show */
};

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

/* put_bound -- a capacity. */
static void
put_bound(struct outbuf *b, uint64_t n, bool json, bool units)
{
	char text[SETTING_BOUND];

	outbuf_text(b, json && n == MAILBOX_UNBOUNDED ? "null" : setting_bound(text, n, units && !json));
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

/* put_state -- whether it is closed, paused, of dead letters; in JSON the value of `closed', and the next members. */
static void
put_state(struct outbuf *b, const struct snapshot *s, bool as_json)
{
	static const struct {
		const char *word, *json;
	} states[] = { { "closed", "" }, { "paused", ",\"paused\":" }, { "deadbox", ",\"dead_letters\":" } };
	const bool is[] = { s->settings.closed, s->settings.paused, s->dead_letters };
	const char *before = "";

	for (size_t i = 0; i < sizeof is / sizeof is[0]; i++) {
		if (as_json) {
			outbuf_text(b, states[i].json);
			outbuf_text(b, is[i] ? "true" : "false");
		} else if (is[i]) {
			outbuf_text(b, before);
			outbuf_text(b, states[i].word);
			before = ",";
		}
	}
	if (!as_json && *before == '\0')
		outbuf_text(b, "-");
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

const char *
show_link_state(enum link_state state)
{
	static const char *const words[] = { "starts", "linked", "lost", "waits" };

	return words[state];
}

static void
put_links(struct outbuf *b, const struct snapshot *s)
{
	const char *before = "";

	outbuf_text(b, "[");
	for (const struct snapshot_link *l = s->links; l < s->links + s->links_n; l++, before = ",") {
		outbuf_printf(b, "%s{\"%s\":", before, l->inward ? "from" : "to");
		json_value(b, slice_of(l->target));
		outbuf_text(b, ",\"name\":");
		json_value(b, slice_of(l->name));
		outbuf_printf(b, ",\"pid\":%d,\"state\":\"%s\",\"for\":", (int)l->pid, show_link_state(l->state));
		show_age(b, s->now_us, l->since_us, true);
		outbuf_text(b, "}");
	}
	outbuf_text(b, "]");
}

/* put_rate -- one of the numbers that are known only from the second look on. */
static void
put_rate(struct outbuf *b, const struct rate *rates, enum column c, bool as_json)
{
	const double n = c == RATE_IN ? rates->in : c == RATE_OUT ? rates->out : c == FAILURES ? rates->failures : rates->drain_s;

	if (!rates->known || n < 0)
		outbuf_text(b, as_json ? "null" : "-");
	else if (c == DRAIN && !as_json)
		show_age(b, (uint64_t)(n * 1e6), 0, false);
	else
		outbuf_printf(b, "%.*f", as_json ? 3 : c != FAILURES && n < 10 ? 1 : 0, n);
}

/* put_held -- how long the message that is held longest has been, and by whom. */
static void
put_held(struct outbuf *b, const struct snapshot *s, bool as_json)
{
	show_age(b, s->now_ns / 1000, s->held_ns == 0 ? SNAPSHOT_EMPTY : s->held_ns / 1000, as_json);
	if (as_json)
		outbuf_printf(b, s->holder > 0 ? ",\"holder\":%d" : ",\"holder\":null", (int)s->holder);
	else if (s->held_ns != 0)
		outbuf_printf(b, s->holder > 0 ? "/%d" : s->holder == 0 ? "/?" : "/dead", (int)s->holder);
}

void
show_size(struct outbuf *b, uint64_t n)
{
	static const char units[] = "KMGTPE";
	double size = (double)n;
	int i = -1;

	for (; size >= 1024; i++)
		size /= 1024;
	if (i == -1)
		outbuf_printf(b, "%llu", (number)n);
	else
		outbuf_printf(b, "%.*f%c", size < 10, size, units[i]);
}

static void
put_text(struct outbuf *b, struct slice text, enum column c, bool as_json)
{
	if (as_json)
		json_member(b, slice_of(columns[c].member), text);
	else
		show_name(b, text);
}

static void
put_value(struct outbuf *b, const struct row *row, enum column c, const struct show *show)
{
	static const char *const no_yes[] = { "-", "yes", "false", "true" };
	const struct snapshot *s = row->snapshot;
	const struct mailbox_settings *is = &s->settings;
	const bool json = show->json;

	switch (c) {
	case NAME:
	case TAG:
		put_text(b, slice_of(c == NAME ? row->name : row->tag), c, json);
		break;
	case CAPACITY:
		put_bound(b, is->cap_messages, json, false);
		outbuf_text(b, json ? ",\"capacity_bytes\":" : "/");
		put_bound(b, is->cap_bytes, json, true);
		break;
	case OVERFLOW:
		outbuf_printf(b, "\"%s\"", setting_policy_name(is->policy));
		break;
	case DURABLE:
		outbuf_text(b, no_yes[2 * json + is->durable]);
		break;
	case STATE:
		put_state(b, s, json);
		break;
	case OLDEST:
		show_age(b, s->now_us, row->n[c], json);
		break;
	case WAITING:
		put_waiting(b, s, json);
		break;
	case RATE_IN:
	case RATE_OUT:
	case FAILURES:
	case DRAIN:
		put_rate(b, row->rates, c, json);
		break;
	case HELD:
		put_held(b, s, json);
		break;
	case DEPTH:
		rates_bars(b, row->rates->depth, row->rates->bars, show->utf8);
		break;
	case WANTS:
		put_wants(b, s);
		break;
	case LINKS:
		if (json)
			put_links(b, s);
		else
			outbuf_printf(b, "%zu", s->links_n);
		break;
	default:
		if (row->n[c] == SNAPSHOT_UNKNOWN)
			outbuf_text(b, "-");
		else if (c == BYTES && show->screen > 0)
			show_size(b, row->n[c]);
		else
			outbuf_printf(b, "%llu", (number)row->n[c]);
	}
}

/* ---- rows ---- */

/* form -- the columns of a row. */
static const unsigned char *
form(const struct show *show)
{
	return show->tags ? tags_form : show->json ? json_form : show->live ? live_form : show->rates ? followed_form : plain_form;
}

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

/* left_out -- whether a member of JSON is not there at all. */
static bool
left_out(const struct show *show, const struct row *row, enum column c)
{
	return (c >= RATE_IN && c <= DRAIN && !show->rates)
	    || ((c == OUTSIDE || c == REFUSED) && row->n[c] == SNAPSHOT_UNKNOWN);
}

static void
put_row(struct show *show, const struct row *row)
{
	struct outbuf *b = &show->out;
	const char *before = show->json ? SHOW_JSON : "";
	enum column c;

	for (const unsigned char *at = form(show); (c = *at) != COLUMNS; at++) {
		bool missing = left_out(show, row, c);

		if (show->json && missing)
			continue;
		outbuf_text(b, before);
		if (show->json && c != NAME && c != TAG)
			outbuf_printf(b, "\"%s\":", columns[c].member);
		put_value(b, row, c, show);
		show->seen |= row->n[c] > 0 && row->n[c] != SNAPSHOT_UNKNOWN ? UINT64_C(1) << c : 0;
		before = show->json ? "," : "\t";
	}
	outbuf_text(b, show->json ? "}\n" : "\n");
	if (!show->json)
		keep(show);
}

/* ---- blocks ---- */

void
show_begin(struct show *show)
{
	const char *before = "";

	if (show->blocks == 0)
		outbuf_init(&show->out, STDOUT_FILENO);
	free(show->rows);
	show->mailboxes = 0;
	show->rows = NULL;
	show->rows_len = 0;
	/* what a live table has shown stays, so that nothing jumps */
	if (!show->live)
		show->seen = 0;
	if (show->json)
		return;
	for (const unsigned char *c = form(show); *c != COLUMNS; c++, before = "\t") {
		outbuf_text(&show->out, before);
		outbuf_text(&show->out, columns[*c].heading);
	}
	outbuf_text(&show->out, "\n");
	keep(show);
}

void
show_mailbox(struct show *show, const char *name, const struct snapshot *s, const struct rate *rates)
{
	struct row row = { name, "", s, rates, { [MESSAGES] = s->messages, [BYTES] = s->bytes, [OLDEST] = s->oldest_us,
	    [DURABLE] = s->settings.durable, [STATE] = s->settings.closed || s->settings.paused || s->dead_letters,
	    [CLAIMED] = s->claimed, [DELAYED] = s->delayed, [SENT] = s->sent, [RECEIVED] = s->received, [FAILED] = s->failed,
	    [DROPPED] = s->dropped, [DEAD] = s->buried, [DAMAGED] = s->damaged, [FORGOTTEN] = s->forgotten,
	    [LINKS] = s->links_n, [OUTSIDE] = s->outside,
	    [REFUSED] = mode_drops(s->settings.mode) ? s->refused : SNAPSHOT_UNKNOWN,
	    [FAILURES] = rates->failures > 0, [DRAIN] = rates->drain_s > 0, [HELD] = s->held_ns, [BUSY] = s->claimed,
	    [IDLE] = s->receivers, [BLOCKED] = s->senders, [LATER] = s->delayed + s->kept_back, [DEPTH] = rates->known } };

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

void
show_layout(const struct show *show, struct table *t)
{
	const unsigned char *at = form(show);

	*t = (struct table){ .gap = 2 };
	for (; at[t->n] != COLUMNS; t->n++)
		t->column[t->n] = (struct table_column){ columns[at[t->n]].right,
		    columns[at[t->n]].optional && !(show->seen >> at[t->n] & 1), at[t->n] <= TAG, columns[at[t->n]].rank, 0 };
	table_measure(t, show->rows, show->rows_len);
	if (show->screen > 0)
		table_fit(t, show->screen);
}

int
show_end(struct show *show, bool headings)
{
	struct table t;

	if (!show->failed && !show->json && !show->live && (show->mailboxes > 0 || headings)) {
		if (show->blocks > 0)
			outbuf_text(&show->out, "\n");
		show_layout(show, &t);
		table_put(&t, &show->out, show->rows, show->rows_len, "\n");
	}
	show->blocks++;
	if (show->failed)
		errno = ENOMEM;
	if (show->failed || outbuf_result(&show->out) == -1)
		return -1;
	return outbuf_flush(&show->out);
}
