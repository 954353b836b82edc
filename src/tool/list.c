/* SPDX-License-Identifier: ISC */
/* list: see list.h. */
#include "tool/list.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/json.h"
#include "base/process.h"

typedef unsigned long long number;      /* what printf(3) takes for uint64_t */

enum { ROW_MAX = 8 * PATH_MAX };        /* bytes of a row, at most: four for one of a name, or of a want's patterns */

static const char *const message_headings = "NAME\tID\tSTATE\tTAG\tSOURCE\tBYTES\tAGE\tTRIES\tDUE\tHELD-BY\tFOR\n";

static const char *const waiter_headings = "NAME\tPID\tCOMMAND\tWAITS-FOR\tWANTS\tFOR\n";

static const char *const link_headings = "NAME\tPID\tSTATE\tFOR\tLAG\tDIRECTION\tOTHER-SIDE\tLINK\n";

/* Of the columns behind NAME, those that are aligned to the right, as bits. */
static const unsigned right[] = { [LIST_MESSAGES] = 1U << 0 | 1U << 4 | 1U << 6, [LIST_WAITERS] = 1U << 0,
	[LIST_LINKS] = 1U << 0 | 1U << 3 };

static const char *const states[] = { [SNAPSHOT_WAITS] = "waiting", [SNAPSHOT_DELAYED] = "delayed",
	[SNAPSHOT_FAILED] = "backoff", [SNAPSHOT_EXPIRED] = "expired", [SNAPSHOT_CLAIMED] = "claimed",
	[SNAPSHOT_OFFERED] = "offered" };

/* ---- rows, aligned ---- */

/* print_rows -- print the rows gathered, aligned with those before them. */
static void
print_rows(struct list *l)
{
	table_measure(&l->table, l->rows.buf, l->rows.used);
	table_put(&l->table, &l->out, l->rows.buf, l->rows.used, "\n");
	l->rows.used = 0;
}

/* ---- one message ---- */

/* look_at_holder -- have the name of the process that holds the message. */
static void
look_at_holder(struct list *l, pid_t holder)
{
	if (holder > 0 && holder != l->pid)
		process_look(holder, l->command, &l->stopped);
	l->pid = holder > 0 ? holder : l->pid;
}

static void
put_holder(struct list *l, const struct snapshot_message *m)
{
	struct outbuf *b = &l->rows;

	if (m->state != SNAPSHOT_CLAIMED && m->state != SNAPSHOT_OFFERED) {
		outbuf_text(b, "-");
	} else if (m->holder <= 0) {
		outbuf_text(b, m->holder == 0 ? "?" : "dead");
	} else {
		look_at_holder(l, m->holder);
		outbuf_printf(b, "%d/", (int)m->holder);
		show_name(b, slice_of(l->command));
		outbuf_text(b, l->stopped ? "/stopped" : "");
	}
}

static void
put_row(struct list *l, const struct snapshot_message *m)
{
	struct outbuf *b = &l->rows;

	if (l->named)
		show_name(b, slice_of(l->name));
	outbuf_printf(b, l->named ? "\t%llu\t%s\t" : "%llu\t%s\t", (number)m->id, states[m->state]);
	show_name(b, m->tag);
	outbuf_text(b, "\t");
	show_name(b, m->source);
	if (m->bytes == SNAPSHOT_UNKNOWN)
		outbuf_text(b, "\t-\t");
	else
		outbuf_printf(b, "\t%llu\t", (number)m->bytes);
	show_age(b, m->now_us, m->sent_us, false);
	outbuf_printf(b, "\t%u\t", m->tries);
	show_age(b, m->due_us, m->due_us == 0 ? SNAPSHOT_EMPTY : m->now_us, false);
	outbuf_text(b, "\t");
	put_holder(l, m);
	outbuf_text(b, "\t");
	show_age(b, m->now_ns / 1000, m->since_ns == 0 ? SNAPSHOT_EMPTY : m->since_ns / 1000, false);
	outbuf_text(b, "\n");
}

static void
put_json(struct list *l, const struct snapshot_message *m)
{
	struct outbuf *b = &l->out;

	outbuf_text(b, SHOW_JSON);
	json_member(b, slice_of("name"), slice_of(l->name));
	outbuf_printf(b, ",\"id\":%llu,\"state\":\"%s\",", (number)m->id, states[m->state]);
	json_member(b, slice_of("tag"), m->tag);
	outbuf_text(b, ",");
	json_member(b, slice_of("source"), m->source);
	if (m->bytes == SNAPSHOT_UNKNOWN)
		outbuf_text(b, ",\"bytes\":null,\"age\":");
	else
		outbuf_printf(b, ",\"bytes\":%llu,\"age\":", (number)m->bytes);
	show_age(b, m->now_us, m->sent_us, true);
	outbuf_printf(b, ",\"tries\":%u,\"due_in\":", m->tries);
	show_age(b, m->due_us, m->due_us == 0 ? SNAPSHOT_EMPTY : m->now_us, true);
	outbuf_text(b, ",\"held_for\":");
	show_age(b, m->now_ns / 1000, m->since_ns == 0 ? SNAPSHOT_EMPTY : m->since_ns / 1000, true);
	if (m->holder > 0) {
		look_at_holder(l, m->holder);
		outbuf_printf(b, ",\"holder\":%d,\"stopped\":%s,", (int)m->holder, l->stopped ? "true" : "false");
		json_member(b, slice_of("command"), slice_of(l->command));
	} else if (m->state == SNAPSHOT_CLAIMED || m->state == SNAPSHOT_OFFERED) {
		outbuf_text(b, m->holder == 0 ? ",\"holder\":null" : ",\"holder\":null,\"dead\":true");
	}
	outbuf_text(b, "}\n");
}

/* give -- print a message, or gather its row (snapshot_list). */
static int
give(void *arg, const struct snapshot_message *m)
{
	struct list *l = arg;

	if (l->json) {
		put_json(l, m);
	} else {
		if (l->rows.used > sizeof l->rows.buf - ROW_MAX)
			print_rows(l);
		put_row(l, m);
	}
	return outbuf_result(&l->out);
}

/* ---- one process that waits ---- */

/* put_patterns -- what a receiver waits for: its patterns, in one word. */
static void
put_patterns(struct outbuf *b, const struct filter *f)
{
	const char *before = "";

	for (const char *p = f->text; p < f->text + f->len; p += strlen(p) + 1) {
		outbuf_printf(b, "%s%s%s=", before, *p == 't' || *p == 'T' ? "tag" : "source", *p == 'T' || *p == 'S' ? "!" : "");
		show_name(b, slice_of(p + 1));
		before = ",";
	}
	outbuf_text(b, f->len == 0 ? "-" : "");
}

static void
put_waiter(struct list *l, const struct snapshot_waiter *w, uint64_t now_ns)
{
	static const char *const what[] = { [SNAPSHOT_MESSAGE] = "message", [SNAPSHOT_PEEK] = "peek", [SNAPSHOT_ROOM] = "room",
		[SNAPSHOT_END] = "end" };
	struct outbuf *b = &l->rows;

	look_at_holder(l, w->pid);
	if (l->named) {
		show_name(b, slice_of(l->name));
		outbuf_text(b, "\t");
	}
	if (w->pid > 0) {
		outbuf_printf(b, "%d\t", (int)w->pid);
		show_name(b, slice_of(l->command));
		outbuf_text(b, l->stopped ? "/stopped" : "");
	} else {
		outbuf_text(b, "?\t?");
	}
	outbuf_printf(b, "\t%s\t", what[w->what]);
	if (w->what == SNAPSHOT_ROOM || w->what == SNAPSHOT_END)
		outbuf_printf(b, w->what == SNAPSHOT_ROOM ? "bytes=%llu" : "id=%llu", (number)w->object);
	else
		put_patterns(b, &w->filter);
	outbuf_text(b, w->wide ? ",...\t" : "\t");
	show_age(b, now_ns / 1000, w->since_ns / 1000, false);
	outbuf_text(b, "\n");
}

static void
json_waiter(struct list *l, const struct snapshot_waiter *w, uint64_t now_ns)
{
	struct outbuf *b = &l->out;

	look_at_holder(l, w->pid);
	outbuf_text(b, SHOW_JSON);
	json_member(b, slice_of("name"), slice_of(l->name));
	if (w->pid > 0) {
		outbuf_printf(b, ",\"pid\":%d,\"stopped\":%s,", (int)w->pid, l->stopped ? "true" : "false");
		json_member(b, slice_of("command"), slice_of(l->command));
	} else {
		outbuf_text(b, ",\"pid\":null");
	}
	outbuf_text(b, ",\"waited\":");
	show_age(b, now_ns / 1000, w->since_ns / 1000, true);
	outbuf_text(b, ",\"wants\":");
	show_want(b, w);
	outbuf_text(b, "}\n");
}

void
list_waiters(struct list *l, const struct snapshot *s)
{
	for (size_t i = 0; i < s->waiters_n; i++) {
		if (l->json) {
			json_waiter(l, &s->waiters[i], s->now_ns);
			continue;
		}
		if (l->rows.used > sizeof l->rows.buf - ROW_MAX)
			print_rows(l);
		put_waiter(l, &s->waiters[i], s->now_ns);
	}
}

/* ---- one link ---- */

void
list_links(struct list *l, const struct snapshot *s)
{
	struct outbuf *b = &l->rows;

	for (const struct snapshot_link *k = s->links; k < s->links + s->links_n; k++) {
		if (l->rows.used > sizeof l->rows.buf - ROW_MAX)
			print_rows(l);
		show_name(b, slice_of(l->name));
		outbuf_printf(b, "\t%d\t%s\t", (int)k->pid, show_link_state(k->state));
		show_age(b, s->now_us, k->since_us, false);
		if (k->inward)
			outbuf_text(b, "\t-\tfrom\t");
		else
			outbuf_printf(b, "\t%llu\tto\t", (number)(s->messages - s->delayed));
		show_name(b, slice_of(k->target));
		outbuf_text(b, "\t");
		show_name(b, slice_of(*k->name != '\0' ? k->name : "-"));
		outbuf_text(b, "\n");
	}
}

/* ---- all of them ---- */

void
list_begin(struct list *l)
{
	const char *const headings[] = { message_headings, waiter_headings, link_headings };

	outbuf_init(&l->out, STDOUT_FILENO);
	outbuf_init(&l->rows, -1);
	l->table.gap = 2;
	for (unsigned c = 0; right[l->kind] >> c != 0; c++)
		l->table.column[c + l->named].right = right[l->kind] >> c & 1;
	l->to = (struct snapshot_list){ .filter = &l->filter, .give = give, .arg = l };
	if (!l->json)
		outbuf_text(&l->rows, headings[l->kind] + (l->named ? 0 : sizeof "NAME"));
}

int
list_end(struct list *l)
{
	print_rows(l);
	return outbuf_result(&l->out) == -1 ? -1 : outbuf_flush(&l->out);
}
