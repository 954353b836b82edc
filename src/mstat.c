/* SPDX-License-Identifier: ISC */
/*
 * mstat: show what is in mailboxes, and who waits for what.
 *
 * A mailbox is looked at under its lock, so that the numbers belong together; nothing is printed before the unlock.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "batch.h"
#include "cli.h"
#include "clock.h"
#include "mbox.h"
#include "output.h"
#include "wake.h"

const char tool_name[] = "mstat";
const char tool_synopsis[] = "mstat [-Jt] [mailbox...]";
const char tool_options[] =
    "  -J, --json             print a line of JSON for each row\n"
    "  -t, --tags             print a row for each tag in each mailbox\n"
    "  -h, --help             print this help\n"
    "  -V, --version          print the version\n";

static const struct option long_options[] = {
	{ "json", no_argument, NULL, 'J' },
	{ "tags", no_argument, NULL, 't' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

#define LOCK_NS UINT64_C(1000000000)    /* how long the mailbox may be locked by others */

enum { BLOCK = 1024 };                  /* slots and states read at a time */

/* What the messages of one tag, or all of them, come to. */
struct tally {
	char *tag;
	uint64_t messages, bytes;
	uint64_t oldest_us;             /* when the oldest was sent; UINT64_MAX: there is none */
};

struct stat_of {                        /* one mailbox, as it was under the lock */
	const char *name;
	struct ctl ctl;
	uint64_t now_us, oldest_us;
	unsigned receivers, senders, wants_n;
	struct want wants[WANT_MAX];    /* of those who wait */
	struct tally *tags;
	size_t tags_n, tags_room;
};

struct show {
	bool json, tags;
	bool shown;                     /* at least one mailbox */
	int error;                      /* errno of an output that failed */
	struct output out;
	FILE *table;                    /* rows of cells, a tab between them */
	char **names;                   /* of all mailboxes, without operands */
};

/* ---- looking ---- */

static int
by_tag(const void *a, const void *b)
{
	return strcmp(((const struct tally *)a)->tag, ((const struct tally *)b)->tag);
}

static void
add_tally(struct tally *to, const struct tally *from)
{
	to->messages += from->messages;
	to->bytes += from->bytes;
	if (from->oldest_us < to->oldest_us)
		to->oldest_us = from->oldest_us;
}

/* merge_tags -- sort the tallies by tag, and make one of those with the same. */
static void
merge_tags(struct stat_of *s)
{
	size_t n = 0;

	if (s->tags_n == 0)
		return;
	qsort(s->tags, s->tags_n, sizeof *s->tags, by_tag);
	for (size_t i = 1; i < s->tags_n; i++) {
		if (strcmp(s->tags[n].tag, s->tags[i].tag) != 0) {
			s->tags[++n] = s->tags[i];
			continue;
		}
		add_tally(&s->tags[n], &s->tags[i]);
		free(s->tags[i].tag);
	}
	s->tags_n = n + 1;
}

/* keep_tag -- add a tally to the mailbox's; the same tag may come from several segments.  Returns 0, or -1. */
static int
keep_tag(struct stat_of *s, const struct tally *t, struct slice tag)
{
	struct tally *bigger;

	if (s->tags_n == s->tags_room) {
		merge_tags(s);
		if (s->tags_n >= s->tags_room / 2) {
			s->tags_room = s->tags_room > 0 ? 2 * s->tags_room : 64;
			bigger = realloc(s->tags, s->tags_room * sizeof *bigger);
			if (bigger == NULL)
				return -1;
			s->tags = bigger;
		}
	}
	s->tags[s->tags_n] = *t;
	s->tags[s->tags_n].tag = strndup(tag.p, tag.len);
	return s->tags[s->tags_n++].tag == NULL ? -1 : 0;
}

/*
 * tally_segment -- go through the segment m->seg from the first message that waits.
 * tallies: one for each name in its table; NULL: the oldest message is all that is looked for.
 * Returns 0, or -1.
 */
static int
tally_segment(struct mbox *m, struct stat_of *s, struct tally *tallies)
{
	static struct slot slots[BLOCK];
	static uint64_t states[BLOCK];
	uint32_t n = mbox_seg_n(m), step;

	for (uint32_t pos = seg_find(&m->seg, n, s->ctl.first); pos < n; pos += step) {
		step = n - pos < BLOCK ? n - pos : BLOCK;
		if (seg_read_states(&m->seg, pos, step, states) == -1 || seg_read_slots(&m->seg, pos, step, slots) == -1)
			return -1;
		for (uint32_t i = 0; i < step; i++) {
			struct tally one = { NULL, 1, batch_cost(slots[i].len), slots[i].time_us };

			if (state_status(states[i]) >= STATE_DONE)
				continue;
			if (s->oldest_us == UINT64_MAX)
				s->oldest_us = one.oldest_us;
			if (tallies == NULL)
				return 0;
			if (slots[i].tag < SEG_NAMES)
				add_tally(&tallies[slots[i].tag], &one);
		}
	}
	return 0;
}

/* tally_tags -- one segment's messages by tag. */
static int
tally_tags(struct mbox *m, struct stat_of *s)
{
	static struct tally tallies[SEG_NAMES];
	static struct names names;
	uint32_t n, len;

	for (size_t i = 0; i < SEG_NAMES; i++)
		tallies[i] = (struct tally){ .oldest_us = UINT64_MAX };
	names.n = names.len = 0;
	mbox_seg_names(m, &n, &len);
	if (names_read(&names, &m->seg, n, len) == -1 || tally_segment(m, s, tallies) == -1)
		return -1;
	for (uint32_t i = 0; i < SEG_NAMES; i++)
		if (tallies[i].messages > 0 && keep_tag(s, &tallies[i], names_get(&names, i)) == -1)
			return -1;
	return 0;
}

/* look_at_messages -- when the oldest was sent; with tags: all of them by tag. */
static int
look_at_messages(struct mbox *m, struct stat_of *s, bool tags)
{
	uint64_t next = s->ctl.live > 0 ? s->ctl.first_seg : 0;

	while (next != 0 && (tags || s->oldest_us == UINT64_MAX)) {
		if (mbox_seg(m, next) == -1 || (tags ? tally_tags(m, s) : tally_segment(m, s, NULL)) == -1)
			return -1;
		next = next != s->ctl.last_seg ? m->seg.h.next : 0;
	}
	merge_tags(s);
	return 0;
}

/* look_at_wants -- who lives and sleeps until something comes. */
static int
look_at_wants(struct mbox *m, struct stat_of *s)
{
	struct want *w;

	for (uint32_t i = 0; i < s->ctl.wants && s->wants_n < WANT_MAX; i++) {
		w = &s->wants[s->wants_n];
		if (want_read(m->want_fd, i, w) == -1)
			return -1;
		if (w->owner == 0 || w->kind == WANT_SPOOL || w->mark == WAKE_AWAKE || !mbox_lives(m, w->owner))
			continue;
		s->wants_n++;
		if (w->kind == WANT_RECEIVE || w->kind == WANT_PEEK)
			s->receivers++;
		else
			s->senders++;
	}
	return 0;
}

/* look -- fill s.  Returns 0, or -1: ETIMEDOUT where the mailbox stayed locked, or errno. */
static int
look(struct stat_of *s, const char *path, bool tags)
{
	struct mbox m;
	int r = -1;

	s->receivers = s->senders = s->wants_n = 0;
	s->oldest_us = UINT64_MAX;
	if (mbox_open(&m, path) == -1)
		return -1;
	if (mbox_lock(&m, clock_after(LOCK_NS)) == 0) {
		s->ctl = m.ctl;
		s->now_us = clock_wall_us();
		r = look_at_wants(&m, s) == 0 ? look_at_messages(&m, s, tags) : -1;
		mbox_unlock(&m);
	}
	mbox_close(&m);
	return r;
}

/* ---- showing ---- */

/* received -- how many messages have left otherwise than by being dropped. */
static unsigned long long
received(const struct ctl *c)
{
	return c->next - 1 - c->live - c->dropped;
}

/* emit -- add text to the JSON. */
static void __attribute__((format(printf, 2, 3)))
emit(struct show *show, const char *format, ...)
{
	char text[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (len > 0 && output_bytes(&show->out, text, (size_t)len) == -1)
		show->error = errno;
}

static void
emit_string(struct show *show, struct slice s)
{
	if (output_json_string(&show->out, s) == -1)
		show->error = errno;
}

/* emit_age -- seconds since the oldest message was sent. */
static void
emit_age(struct show *show, uint64_t now_us, uint64_t sent_us)
{
	uint64_t age = now_us > sent_us ? now_us - sent_us : 0;

	if (sent_us == UINT64_MAX)
		emit(show, "null");
	else
		emit(show, "%llu.%06u", (unsigned long long)(age / 1000000), (unsigned)(age % 1000000));
}

static void
emit_bound(struct show *show, const char *name, uint64_t bound)
{
	if (bound == CTL_UNBOUNDED)
		emit(show, ",\"%s\":null", name);
	else
		emit(show, ",\"%s\":%llu", name, (unsigned long long)bound);
}

/* emit_patterns -- the patterns of one kind in a want's filter. */
static void
emit_patterns(struct show *show, const char *name, const struct filter *f, char kind)
{
	const char *p = f->text, *before = "";

	emit(show, ",\"%s\":[", name);
	for (; p < f->text + f->len; p += strlen(p) + 1) {
		if (*p != kind)
			continue;
		emit(show, "%s", before);
		emit_string(show, slice_of(p + 1));
		before = ",";
	}
	emit(show, "]");
}

static void
emit_want(struct show *show, const struct want *w)
{
	if (w->kind == WANT_ROOM) {
		emit(show, "{\"for\":\"room\",\"bytes\":%llu}", (unsigned long long)w->object);
		return;
	}
	emit(show, "{\"for\":\"message\",\"peek\":%s", w->kind == WANT_PEEK ? "true" : "false");
	emit_patterns(show, "tags", &w->filter, 't');
	emit_patterns(show, "sources", &w->filter, 's');
	emit_patterns(show, "not_tags", &w->filter, 'T');
	emit_patterns(show, "not_sources", &w->filter, 'S');
	emit(show, "}");
}

static void
emit_mailbox(struct show *show, const struct stat_of *s)
{
	const struct ctl *c = &s->ctl;

	emit(show, "{\"name\":");
	emit_string(show, slice_of(s->name));
	emit(show, ",\"messages\":%llu,\"bytes\":%llu", (unsigned long long)c->live, (unsigned long long)c->live_bytes);
	emit_bound(show, "capacity_messages", c->cap_messages);
	emit_bound(show, "capacity_bytes", c->cap_bytes);
	emit(show, ",\"oldest\":");
	emit_age(show, s->now_us, s->oldest_us);
	emit(show, ",\"receivers_waiting\":%u,\"senders_waiting\":%u,\"claimed\":%llu,\"sent\":%llu,\"received\":%llu",
	    s->receivers, s->senders, (unsigned long long)c->claimed, (unsigned long long)(c->next - 1), received(c));
	emit(show, ",\"wants\":[");
	for (unsigned i = 0; i < s->wants_n; i++) {
		emit(show, i > 0 ? "," : "");
		emit_want(show, &s->wants[i]);
	}
	emit(show, "]}\n");
}

static void
emit_tag(struct show *show, const struct stat_of *s, const struct tally *t)
{
	emit(show, "{\"name\":");
	emit_string(show, slice_of(s->name));
	emit(show, ",\"tag\":");
	emit_string(show, slice_of(t->tag));
	emit(show, ",\"messages\":%llu,\"bytes\":%llu,\"oldest\":", (unsigned long long)t->messages,
	    (unsigned long long)t->bytes);
	emit_age(show, s->now_us, t->oldest_us);
	emit(show, "}\n");
}

/* cell_text -- a cell with what somebody else named: what is no printable character is \xHH, a byte at a time. */
static void
cell_text(FILE *f, const char *text)
{
	size_t len;

	for (const char *p = text, *end = p + strlen(p); p < end; p += len) {
		const unsigned char c = (unsigned char)*p;

		len = output_utf8(p, (size_t)(end - p));
		if (len > 0 && c >= 0x20 && c != 0x7f && !(c == 0xc2 && (unsigned char)p[1] < 0xa0)) {
			fprintf(f, "%.*s", (int)len, p);
		} else {
			fprintf(f, "\\x%02x", c);
			len = 1;
		}
	}
}

/* cell_bound -- a capacity; with units, in the largest one that divides it. */
static void
cell_bound(FILE *f, uint64_t n, bool units)
{
	int unit = 0;

	if (n == CTL_UNBOUNDED) {
		fputs("inf", f);
		return;
	}
	for (; units && unit < 3 && n > 0 && n % 1024 == 0; unit++)
		n /= 1024;
	fprintf(f, "%llu%.*s", (unsigned long long)n, unit > 0, &"KMG"[unit > 0 ? unit - 1 : 0]);
}

static void
cell_age(FILE *f, uint64_t now_us, uint64_t sent_us)
{
	uint64_t seconds = now_us > sent_us ? (now_us - sent_us) / 1000000 : 0;

	if (sent_us == UINT64_MAX)
		fputs("\t-", f);
	else if (seconds < 120)
		fprintf(f, "\t%us", (unsigned)seconds);
	else if (seconds < UINT64_C(120) * 60)
		fprintf(f, "\t%um", (unsigned)(seconds / 60));
	else if (seconds < UINT64_C(48) * 3600)
		fprintf(f, "\t%uh", (unsigned)(seconds / 3600));
	else
		fprintf(f, "\t%llud", (unsigned long long)(seconds / 86400));
}

static void
row_mailbox(FILE *f, const struct stat_of *s)
{
	const struct ctl *c = &s->ctl;

	cell_text(f, s->name);
	fprintf(f, "\t%llu\t%llu\t", (unsigned long long)c->live, (unsigned long long)c->live_bytes);
	cell_bound(f, c->cap_messages, false);
	fputc('/', f);
	cell_bound(f, c->cap_bytes, true);
	cell_age(f, s->now_us, s->oldest_us);
	if (s->receivers > 0 && s->senders > 0)
		fprintf(f, "\t%ur %us", s->receivers, s->senders);
	else if (s->wants_n > 0)
		fprintf(f, "\t%u%c", s->wants_n, s->receivers > 0 ? 'r' : 's');
	else
		fputs("\t-", f);
	fprintf(f, "\t%llu\t%llu\t%llu\n", (unsigned long long)c->claimed, (unsigned long long)(c->next - 1), received(c));
}

static void
row_tag(FILE *f, const struct stat_of *s, const struct tally *t)
{
	cell_text(f, s->name);
	fputc('\t', f);
	cell_text(f, t->tag);
	fprintf(f, "\t%llu\t%llu", (unsigned long long)t->messages, (unsigned long long)t->bytes);
	cell_age(f, s->now_us, t->oldest_us);
	fputc('\n', f);
}

static void
show_mailbox(struct show *show, struct stat_of *s)
{
	if (!show->tags && show->json)
		emit_mailbox(show, s);
	else if (!show->tags)
		row_mailbox(show->table, s);
	for (size_t i = 0; i < s->tags_n; i++) {
		if (show->json)
			emit_tag(show, s, &s->tags[i]);
		else
			row_tag(show->table, s, &s->tags[i]);
	}
	show->shown = true;
}

/* ---- the table ---- */

enum { COLUMNS = 9 };

/* cell_width -- how many characters a cell of len bytes has. */
static int
cell_width(const char *cell, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)cell[i] & 0xc0) != 0x80;
	return n;
}

/* print_table -- the rows, their cells under each other.  sides: for each column 'l' or 'r', where its cells stand. */
static void
print_table(struct show *show, const char *rows, const char *sides)
{
	int width[COLUMNS] = { 0 }, n, pad, column = 0;
	size_t len;

	for (const char *p = rows; *p != '\0'; p += len + 1) {
		len = strcspn(p, "\t\n");
		n = cell_width(p, len);
		width[column] = n > width[column] ? n : width[column];
		column = p[len] == '\n' ? 0 : column + 1;
	}
	for (const char *p = rows; *p != '\0'; p += len + 1) {
		len = strcspn(p, "\t\n");
		pad = width[column] - cell_width(p, len);
		emit(show, "%*s", sides[column] == 'r' ? pad : 0, "");
		if (output_bytes(&show->out, p, len) == -1)
			show->error = errno;
		if (p[len] == '\n')
			emit(show, "\n");
		else
			emit(show, "%*s", (sides[column] == 'r' ? 0 : pad) + 2, "");
		column = p[len] == '\n' ? 0 : column + 1;
	}
}

/* ---- all of them ---- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* is_mailbox -- whether the mailbox called name can be opened. */
static bool
is_mailbox(const char *name)
{
	char path[PATH_MAX];
	struct mbox m;

	if (cli_path(path, name) == -1 || mbox_open(&m, path) == -1)
		return false;
	mbox_close(&m);
	return true;
}

/*
 * list -- the names of all mailboxes in the directory, sorted.
 * names: gets them, allocated.  Returns how many, or -1.
 */
static long
list(const char *dir, char ***names)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	size_t n = 0, room = 0;
	char **bigger;

	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || !is_mailbox(e->d_name))
			continue;
		if (n == room) {
			room = room > 0 ? 2 * room : 64;
			bigger = realloc(*names, room * sizeof *bigger);
			if (bigger == NULL)
				break;
			*names = bigger;
		}
		(*names)[n] = strdup(e->d_name);
		if ((*names)[n++] == NULL)
			break;
	}
	closedir(d);
	if (e != NULL)
		return -1;
	if (n > 0)
		qsort(*names, n, sizeof **names, by_name);
	return (long)n;
}

/* show_named -- one mailbox.  listed: it was there a moment ago.  Returns the exit status, the reason printed. */
static int
show_named(struct show *show, const char *name, bool listed)
{
	static struct stat_of s;
	char path[PATH_MAX];
	int status = CLI_OK;

	s.name = name;
	if (cli_path(path, name) == 0 && look(&s, path, show->tags) == 0) {
		show_mailbox(show, &s);
	} else if (errno == ETIMEDOUT) {
		cli_warn("%s: others keep it locked", name);
		status = CLI_TIMEOUT;
	} else {
		errno = errno == EIDRM ? ENOENT : errno;
		status = listed && errno == ENOENT ? CLI_OK : cli_fail("look into", name);
	}
	while (s.tags_n > 0)
		free(s.tags[--s.tags_n].tag);
	return status;
}

/* finish -- print what was gathered: headings too where nothing failed.  Returns the exit status. */
static int
finish(struct show *show, char **rows, bool headings)
{
	if (fclose(show->table) == EOF)
		return cli_fail("print", "the table");
	if (!show->json && (show->shown || headings))
		print_table(show, *rows, show->tags ? "llrrl" : "lrrlllrrr");
	if (show->error == 0 && output_flush(&show->out) == 0)
		return CLI_OK;
	errno = show->error != 0 ? show->error : errno;
	return cli_fail("write to", "standard output");
}

/* options -- read the command line.  Returns -1 to go on, or the exit status. */
static int
options(struct show *show, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "JthV", long_options, NULL)) != -1) {
		switch (opt) {
		case 'J':
			show->json = true;
			break;
		case 't':
			show->tags = true;
			break;
		case 'h':
			return cli_help();
		case 'V':
			return cli_version();
		default:
			return cli_usage(NULL);
		}
	}
	return -1;
}

int
main(int argc, char **argv)
{
	static struct show show;
	const char *dir = getenv("MBOX_DIR");
	char *rows = NULL;
	size_t rows_len;
	long n = 0;
	int status = options(&show, argc, argv), one;

	if (status != -1)
		return status;
	status = CLI_OK;
	output_init(&show.out, STDOUT_FILENO, OUTPUT_RAW, NULL);
	show.table = open_memstream(&rows, &rows_len);
	if (show.table == NULL)
		return cli_fail("print", "the table");
	fputs(show.tags ? "NAME\tTAG\tMESSAGES\tBYTES\tOLDEST\n"
	    : "NAME\tMESSAGES\tBYTES\tCAPACITY\tOLDEST\tWAITING\tCLAIMED\tSENT\tRECEIVED\n", show.table);
	if (dir == NULL || *dir == '\0')
		dir = ".";
	if (optind == argc)
		n = list(dir, &show.names);
	if (n == -1)
		return cli_fail("list", dir);
	for (long i = 0; i < (optind < argc ? argc - optind : n); i++) {
		one = show_named(&show, optind < argc ? argv[optind + i] : show.names[i], optind == argc);
		if (status == CLI_OK)
			status = one;
	}
	one = finish(&show, &rows, status == CLI_OK);
	free(rows);
	return status == CLI_OK ? one : status;
}
