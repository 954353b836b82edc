/* SPDX-License-Identifier: ISC */
/* judge: all notes of all drivers are held against each other. */
#include "storm.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	SMALL_KB = 128,                 /* a mailbox may grow by so much: a segment that is kept */
	RUN_MAX = 1024,                 /* what a receiver claims at a time, at most */
};

struct book {
	struct note *list;
	size_t n;
	uint8_t *killed, *ordered;      /* of receivers, by place_of */
	uint64_t *back;                 /* messages that commands put back */
	size_t backs;
	uint32_t *first;                /* of a driver's instances */
	size_t instances;
	uint64_t *came, *acked;         /* the id with which a message came, and was acknowledged, by message_place; or 0 */
	uint64_t newest[TAGS];          /* the highest id that came, of each tag */
};

static size_t
message_place(const struct note *n)
{
	return (size_t)n->sender * (set.messages / set.senders) + n->seq;
}

static int
by_message(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->sender != y->sender)
		return x->sender < y->sender ? -1 : 1;
	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return x->n < y->n ? -1 : x->n > y->n;
}

static size_t
place_of(const struct book *b, const struct note *n)
{
	return b->first[n->driver] + n->instance;
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* read_backs -- the messages that commands put back. */
static void
read_backs(struct book *b)
{
	char path[PATH_LEN];
	struct stat st;
	FILE *f;

	snprintf(path, sizeof path, "%s/backs", set.dir);
	f = fopen(path, "r");
	if (f == NULL)
		return;
	if (fstat(fileno(f), &st) == 0 && (b->back = realloc(b->back, (size_t)st.st_size + 8)) != NULL)
		b->backs = fread(b->back, sizeof *b->back, (size_t)st.st_size / sizeof *b->back, f);
	qsort(b->back, b->backs, sizeof *b->back, by_number);
	fclose(f);
}

/* read_notes -- all notes of all drivers, in the order of each. */
static void
read_notes(struct book *b)
{
	unsigned drivers = set.senders + set.receivers + set.callers + set.servers + 1;
	char path[PATH_LEN];
	struct stat st;

	b->first = calloc(drivers + 1, sizeof *b->first);
	for (unsigned d = 0; d < drivers; d++) {
		FILE *f;
		size_t more;

		snprintf(path, sizeof path, "%s/notes.%u", set.dir, d);
		f = fopen(path, "r");
		if (f == NULL || fstat(fileno(f), &st) == -1)
			die(path);
		more = (size_t)st.st_size / sizeof *b->list;
		b->list = realloc(b->list, (b->n + more + 1) * sizeof *b->list);
		if (fread(b->list + b->n, sizeof *b->list, more, f) != more)
			die(path);
		b->first[d] = (uint32_t)b->instances;
		for (size_t i = b->n; i < b->n + more; i++)
			if (b->list[i].kind == NOTE_RECEIVER)
				b->instances++;
		b->n += more;
		fclose(f);
	}
	b->killed = calloc(b->instances + 1, 1);
	b->ordered = calloc(b->instances + 1, 1);
	for (size_t i = 0; i < b->n; i++)
		if (b->list[i].kind == NOTE_RECEIVER) {
			b->killed[place_of(b, &b->list[i])] = b->list[i].killed;
			b->ordered[place_of(b, &b->list[i])] = b->list[i].ordered > 0;
		}
}

/* judge_order -- each receiver without preferences got messages in the order of their ids. */
static void
judge_order(const struct book *b)
{
	uint64_t last = 0;
	size_t place = SIZE_MAX;

	for (size_t i = 0; i < b->n; i++) {
		const struct note *n = &b->list[i];

		if (n->kind != NOTE_RECEIVED || !b->ordered[place_of(b, n)] || n->n > 1 || delay_of(n->sender, n->seq) > 0
		    || bsearch(&n->id, b->back, b->backs, sizeof n->id, by_number) != NULL)
			continue;
		if (place_of(b, n) != place)
			last = 0;
		place = place_of(b, n);
		if (n->id <= last)
			wrong(DISORDER, "receiver %u.%u got message %llu after %llu", n->driver, n->instance,
			    (unsigned long long)n->id, (unsigned long long)last);
		last = n->id;
	}
}

/* judge_twice -- notes [from, to) are of one message: only killed receivers may have got it before the last did. */
static unsigned
judge_twice(const struct book *b, size_t from, size_t to, uint32_t *lost_by)
{
	const struct note *n = b->list;

	for (size_t i = from; i < to; i++) {
		if (n[i].id != n[from].id)
			wrong(REPEATED, "message %u of sender %u has two ids", n[i].seq, n[i].sender);
		if (i + 1 == to)
			break;
		lost_by[place_of(b, &n[i])]++;
		if (!b->killed[place_of(b, &n[i])])
			wrong(REPEATED, "message %llu was received twice: by %u.%u (try %u), which was not killed, and by %u.%u (try %u)",
			    (unsigned long long)n[i].id, n[i].driver, n[i].instance, n[i].n, n[i + 1].driver,
			    n[i + 1].instance, n[i + 1].n);
	}
	return (unsigned)(to - from - 1);
}

/* is_kept -- whether a message came, or was replaced by one of its tag. */
static bool
is_kept(const struct book *b, const struct note *n)
{
	uint64_t acked = b->acked[message_place(n)];

	return b->came[message_place(n)] != 0
	    || (set.latest && acked != 0 && acked < b->newest[tag_number(n->sender, n->seq)]);
}

/* judge_run -- what became of a run of messages that one msend was given. */
static void
judge_run(const struct book *b, const struct note *run)
{
	struct note n = *run;
	bool whole = true;

	for (; n.seq < run->seq + run->n; n.seq++) {
		bool kept = is_kept(b, &n);

		if (!kept && !run->killed)
			wrong(LOST, "LOST: message %u of sender %u, acknowledged by exit status 0", n.seq, n.sender);
		/* of those that a killed sender did not tell, the first may have been replaced */
		if (kept && !whole && !set.latest)
			wrong(DISORDER, "message %u of sender %u came, and one before it did not", n.seq, n.sender);
		whole &= kept;
	}
}

/* read_acks -- with which ids messages were acknowledged: those with which they came. */
static void
read_acks(struct book *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct note *n = &b->list[i];
		uint64_t came;

		if (n->kind != NOTE_ACK)
			continue;
		b->acked[message_place(n)] = n->id;
		came = b->came[message_place(n)];
		if (came != 0 && came != n->id)
			wrong(FAULTS_OTHER, "message %u of sender %u was acknowledged with the id %llu, and came with %llu", n->seq,
			    n->sender, (unsigned long long)n->id, (unsigned long long)came);
	}
}

/* judge_acks -- what was acknowledged is there.  Returns how many were replaced by later ones of their tags. */
static size_t
judge_acks(const struct book *b)
{
	size_t replaced = 0;

	for (size_t i = 0; i < b->n; i++) {
		const struct note *n = &b->list[i];

		if (n->kind == NOTE_RUN)
			judge_run(b, n);
		if (n->kind != NOTE_ACK)
			continue;
		if (!is_kept(b, n))
			wrong(LOST, "LOST: message %llu, acknowledged by -v", (unsigned long long)n->id);
		replaced += b->came[message_place(n)] == 0;
	}
	return replaced;
}

/* judge_ids -- no two messages have the same. */
static void
judge_ids(uint64_t *ids, size_t n)
{
	qsort(ids, n, sizeof *ids, by_number);
	for (size_t i = 1; i < n; i++)
		if (ids[i] == ids[i - 1])
			wrong(FAULTS_OTHER, "two messages have the id %llu", (unsigned long long)ids[i]);
}

/* judge_messages -- how often each message came, and in which order.  ids: gets those that came.  Returns how many. */
static size_t
judge_messages(struct book *b, uint64_t *ids, uint32_t *lost_by, unsigned *twice)
{
	uint64_t last = 0;
	size_t n = 0, to;

	for (size_t i = 0; i < b->n; i = to) {
		const struct note *m = &b->list[i];
		uint64_t *newest;

		to = i + 1;
		if (m->kind != NOTE_RECEIVED)
			continue;
		while (to < b->n && b->list[to].kind == NOTE_RECEIVED && b->list[to].sender == m->sender
		    && b->list[to].seq == m->seq)
			to++;
		*twice += judge_twice(b, i, to, lost_by);
		if (n > 0 && m->sender == b->list[i - 1].sender && m->id <= last)
			wrong(DISORDER, "messages of sender %u are out of order: %u has id %llu, one before it %llu", m->sender,
			    m->seq, (unsigned long long)m->id, (unsigned long long)last);
		b->came[message_place(m)] = ids[n++] = last = m->id;
		newest = &b->newest[tag_number(m->sender, m->seq)];
		if (m->id > *newest)
			*newest = m->id;
	}
	return n;
}

void
judge(void)
{
	static struct book b;
	unsigned share = set.messages / set.senders, twice = 0, final = set.senders + set.receivers + set.callers + set.servers;
	uint64_t *ids;
	uint32_t *lost_by;
	size_t n, replaced;

	b.back = calloc(1, sizeof *b.back);
	b.came = calloc((size_t)share * set.senders + 1, sizeof *b.came);
	b.acked = calloc((size_t)share * set.senders + 1, sizeof *b.acked);
	read_notes(&b);
	read_backs(&b);
	judge_order(&b);
	ids = calloc(b.n + 1, sizeof *ids);
	lost_by = calloc(b.instances + 1, sizeof *lost_by);
	qsort(b.list, b.n, sizeof *b.list, by_message);
	n = judge_messages(&b, ids, lost_by, &twice);
	for (size_t i = 0; i < b.first[final]; i++)
		if (lost_by[i] > RUN_MAX)
			wrong(REPEATED, "%u messages of one killed receiver came again, more than it can have had in hand",
			    lost_by[i]);
	judge_ids(ids, n);
	read_acks(&b);
	replaced = judge_acks(&b);
	printf("storm: %zu messages received of %u, %zu replaced, %zu receivers ran, %u tools killed, %u stopped\n", n,
	    share * set.senders, replaced, b.instances, shared->kills, shared->stops);
	printf("storm: %u lost, %u torn, %u out of order, %u repeated without a kill, %u by one\n", shared->faults[LOST],
	    shared->faults[TORN], shared->faults[DISORDER], shared->faults[REPEATED], twice - shared->faults[REPEATED]);
}

unsigned long
kb_of(const char *box)
{
	unsigned long kb = 0;
	const struct dirent *e;
	struct stat st;
	DIR *d = opendir(box);

	if (d == NULL)
		die(box);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && fstatat(dirfd(d), e->d_name, &st, 0) == 0)
			kb += (unsigned long)st.st_blocks / 2;
	closedir(d);
	return kb;
}

void
judge_box(const char *box, unsigned long before_kb)
{
	const char *const look[] = { "mrecv", "-w0.1", box, NULL };
	unsigned segments = 0;
	unsigned long kb;
	const struct dirent *e;
	DIR *d;

	if (finish(start(look, -1, -1, -1)) != 124)     /* who waits clears away what the dead have left */
		wrong(LOST, "%s is not empty in the end", box);
	kb = kb_of(box);
	d = opendir(box);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, "ctl") == 0 || strcmp(e->d_name, "lock") == 0
		    || strcmp(e->d_name, "want") == 0 || strcmp(e->d_name, "due") == 0
		    || strcmp(e->d_name, "once") == 0)
			continue;
		if (strlen(e->d_name) < 20 + 4 || strspn(e->d_name, "0123456789") != 20
		    || (strcmp(e->d_name + strlen(e->d_name) - 4, ".log") != 0 && strcmp(e->d_name + 20, ".idx") != 0)
		    || segments++ == 2)
			wrong(FAULTS_OTHER, "%s keeps a file %s", box, e->d_name);
	}
	closedir(d);
	if (kb > before_kb + SMALL_KB)
		wrong(FAULTS_OTHER, "%s has %lu KB in the end, and had %lu", box, kb, before_kb);
	printf("storm: %s has %lu KB in the end, and had %lu\n", box, kb, before_kb);
}
