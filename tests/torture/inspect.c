/* SPDX-License-Identifier: ISC */
/*
 * inspect: whether a mailbox's counters say what its files hold.
 *
 *     inspect [-e] MAILBOX
 *     inspect -c MAILBOX
 *     inspect -n NUMBER MAILBOX
 *
 * For tests, while nobody uses the mailbox: it takes no lock and mends nothing.  It counts anew from the states of all
 * messages and compares with ctl, follows the chain of segments both ways, compares each frame with its checksum, and
 * says which files nothing names.  -e: the mailbox should be empty, with at most one small segment and no waiter.
 * Each complaint is a line; the status is 1 where there was one.  -c: print how many messages ctl counts, and whether a
 * change is under way.  -n: let the first message of a mailbox that never had one be this number.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/ctl.h"
#include "mailbox/disk/dropdir.h"
#include "mailbox/disk/due.h"
#include "mailbox/disk/seg.h"
#include "mailbox/disk/want.h"

enum { SEGMENTS = 1024, DUES = 1 << 18, SMALL = 256 * 1024 };

static const char *box;
static int complaints;

struct found {
	uint64_t live, bytes, claimed, retrying, first, ready;
	struct due delayed[DUES];               /* the delayed messages, by their ids */
	uint64_t delayed_n;
	uint64_t seg[SEGMENTS];
	uint32_t variant[SEGMENTS];
	size_t segs;
	uint64_t files[4096];                   /* ids of messages with a .big or .meet that wait */
	size_t files_n;
};

static void __attribute__((format(printf, 1, 2)))
complain(const char *format, ...)
{
	va_list args;

	complaints++;
	printf("%s: ", box);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

static void
check_frame(struct seg *s, uint64_t id, const struct slot *slot)
{
	static char frame[1 << 20];
	size_t len = slot_frame_len(slot);
	int fd = seg_log(s);

	if (fd == -1 || len > sizeof frame || pread(fd, frame, len, slot->off) != (ssize_t)len)
		complain("message %" PRIu64 ": its frame is not there", id);
	else if (seg_bind(hash_sum(frame, len), s->h.salt, id) != slot->sum)
		complain("message %" PRIu64 ": its frame is not what was sent", id);
}

static void
count_message(const struct ctl *c, struct found *f, struct seg *s, uint32_t pos, uint32_t *done)
{
	struct slot slot;
	uint64_t state, id = seg_id(s, pos);

	if (seg_read(s, SEG_STATES, pos, 1, &state) == -1 || seg_read_slots(s, pos, 1, &slot) == -1) {
		complain("segment %" PRIu64 ": entry %" PRIu32 " is missing", s->h.first, pos);
		return;
	}
	if (state_status(state) > STATE_DROPPED)
		complain("message %" PRIu64 " has status %d", id, (int)state_status(state));
	if (state_status(state) >= STATE_DONE) {
		++*done;
		return;
	}
	if (f->live++ == 0)
		f->first = id;
	f->bytes += batch_cost(slot.len);
	f->claimed += state_status(state) == STATE_CLAIMED;
	f->retrying += state_status(state) == STATE_RETRY;
	if (state_status(state) != STATE_CLAIMED && state_status(state) != STATE_DELAYED) {
		if (id < f->ready)
			f->ready = id;
		if (id >= c->passed_from && id < c->passed_to)
			complain("message %" PRIu64 " is ready, and passed over", id);
	}
	if (state_status(state) == STATE_DELAYED && f->delayed_n < DUES) {
		f->delayed[f->delayed_n].id = id;
		if (seg_read(s, SEG_DUE, pos, 1, &f->delayed[f->delayed_n++].time_us) == -1)
			complain("message %" PRIu64 ": its due time is missing", id);
	}
	if ((slot.flags & (SLOT_BIG | SLOT_OFFER)) && f->files_n < sizeof f->files / sizeof f->files[0])
		f->files[f->files_n++] = id;
	check_frame(s, id, &slot);
}

static void
walk(int dir_fd, const struct ctl *c, struct found *f)
{
	uint64_t at = c->first_seg, prev = 0;
	struct seg s;
	struct stat st;
	uint32_t n, done;
	bool newest;

	while (at != 0 && f->segs < SEGMENTS) {
		if (seg_open(&s, dir_fd, at, SEG_ALONE) == -1) {
			complain("segment %" PRIu64 ": %s", at, strerror(errno));
			return;
		}
		newest = at == c->last_seg;
		if (newest && memcmp(s.h.incarnation, c->incarnation, sizeof c->incarnation) != 0)
			complain("segment %" PRIu64 " has another incarnation than the mailbox", at);
		n = newest ? (uint32_t)(c->next - c->last_seg) : s.h.n;
		if (s.h.prev != prev)
			complain("segment %" PRIu64 " comes after %" PRIu64 ", not %" PRIu64, at, s.h.prev, prev);
		done = 0;
		for (uint32_t pos = 0; pos < n; pos++)
			count_message(c, f, &s, pos, &done);
		if (done != s.h.done)
			complain("segment %" PRIu64 ": %" PRIu32 " are gone, the header says %" PRIu32, at, done, s.h.done);
		if (!newest && done == n)
			complain("segment %" PRIu64 " is spent and still there", at);
		if (newest && (seg_log(&s) == -1 || fstat(s.log_fd, &st) == -1 || (uint64_t)st.st_size < c->log_len))
			complain("segment %" PRIu64 ": its log is too short", at);
		f->variant[f->segs] = s.h.variant;
		f->seg[f->segs++] = at;
		prev = at;
		at = newest ? 0 : s.h.next;
		if (!newest && at == 0)
			complain("the chain of segments ends at %" PRIu64 ", not %" PRIu64, prev, c->last_seg);
		seg_close(&s);
	}
}

static void
check_counts(const struct ctl *c, const struct found *f)
{
	const struct { const char *what; uint64_t says, is; } counts[] = {
		{ "messages", c->live, f->live }, { "bytes", c->live_bytes, f->bytes },
		{ "claimed", c->claimed, f->claimed }, { "retrying", c->retrying, f->retrying },
		{ "delayed", c->delayed, f->delayed_n },
	};

	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
		if (counts[i].says != counts[i].is)
			complain("%s: ctl says %" PRIu64 ", there are %" PRIu64, counts[i].what, counts[i].says, counts[i].is);
	if (f->live > 0 && c->first > f->first)
		complain("first: ctl says %" PRIu64 ", message %" PRIu64 " waits", c->first, f->first);
	if (c->head > f->ready)
		complain("head: ctl says %" PRIu64 ", message %" PRIu64 " is ready", c->head, f->ready);
	if (c->first > c->next || c->head > c->next || c->dropped + c->buried > c->next - 1 - c->live)
		complain("first %" PRIu64 ", head %" PRIu64 ", dropped %" PRIu64 ", next %" PRIu64, c->first, c->head,
		    c->dropped, c->next);
}

static int
by_id(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* check_dues -- each delayed message has its entry in `due`, which is a heap, and ctl the time of the first. */
static void
check_dues(int fd, const struct ctl *c, const struct found *f)
{
	static struct due heap[DUES + DUE_WAYS];
	static bool has[DUES];
	const struct due *entry = heap + DUE_WAYS - 1, *is;
	uint64_t missing = f->delayed_n;

	if (c->dues == 0 && c->due_us != 0)
		complain("due: ctl says that something is due at %" PRIu64 ", and has no entry", c->due_us);
	if (c->dues == 0 || c->dues > DUES)
		return;
	if (pread(fd, heap, sizeof heap, 0) < (ssize_t)((c->dues + DUE_WAYS - 1) * DUE_ENTRY)) {
		complain("due: it ends before its %" PRIu64 " entries", c->dues);
		return;
	}
	if (entry[0].time_us != c->due_us)
		complain("due: ctl says %" PRIu64 ", the first is %" PRIu64, c->due_us, entry[0].time_us);
	for (uint64_t i = 0; i < c->dues; i++) {
		if (i > 0 && entry[i].time_us < entry[(i - 1) / DUE_WAYS].time_us)
			complain("due: entry %" PRIu64 " is earlier than the one above it", i);
		is = bsearch(&entry[i], f->delayed, f->delayed_n, sizeof *is, by_id);
		if (is != NULL && is->time_us == entry[i].time_us && !has[is - f->delayed]) {
			has[is - f->delayed] = true;
			missing--;
		}
	}
	if (missing > 0)
		complain("due: %" PRIu64 " delayed messages have no entry", missing);
}

/* check_wants -- the table; in an empty mailbox nobody is in it. */
static void
check_wants(int fd, const struct ctl *c, bool empty)
{
	struct want w;

	const int room = want_room(fd);

	if (room == -1 || c->wants > (uint32_t)room)
		complain("wants: ctl says %" PRIu32 ", the table has %d", c->wants, room);
	for (uint32_t i = 0; room != -1 && i < (uint32_t)room; i++) {
		if (want_read(fd, i, &w) == -1)
			complain("want %" PRIu32 " is damaged", i);
		else if (w.owner != 0 && i >= c->wants)
			complain("want %" PRIu32 " stands beyond what ctl says, %" PRIu32, i, c->wants);
		else if (w.owner != 0 && empty)
			complain("want %" PRIu32 " of %" PRIu64 " (kind %" PRIu32 ") is still there", i, w.owner, w.kind);
	}
}

static bool
is_named(const struct found *f, char kind, uint64_t id, uint32_t variant)
{
	for (size_t i = 0; i < f->segs; i++)
		if ((kind == 'i' && f->seg[i] == id) || (kind == 'l' && f->seg[i] == id && f->variant[i] == variant))
			return true;
	for (size_t i = 0; i < f->files_n; i++)
		if ((kind == 'b' || kind == 'm') && f->files[i] == id)
			return true;
	return false;
}

/* check_drop -- in drop/ nothing waits, but what a sender has begun who was killed. */
static void
check_drop(int dir_fd, bool empty)
{
	int fd = openat(dir_fd, "drop", O_RDONLY | O_DIRECTORY);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *e;

	while (d != NULL && empty && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && strcmp(e->d_name, "bell") != 0 && !dropdir_begun(e->d_name))
			complain("left is drop/%s", e->d_name);
	if (d == NULL)
		complain("drop/ cannot be listed");
	else
		closedir(d);
}

static void
check_files(int dir_fd, const struct ctl *c, const struct found *f, bool empty)
{
	DIR *d = fdopendir(dup(dir_fd));
	const struct dirent *e;
	struct stat st;
	uint64_t id;
	uint32_t variant;
	char kind;

	while (d != NULL && (e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, "lock") == 0
		    || strcmp(e->d_name, "ctl") == 0 || strcmp(e->d_name, "want") == 0
		    || strcmp(e->d_name, "due") == 0 || strcmp(e->d_name, "once") == 0)
			continue;
		if (strcmp(e->d_name, "identity") == 0 || (c->closed && strcmp(e->d_name, "closed") == 0))
			continue;
		if (strcmp(e->d_name, "drop") == 0) {
			check_drop(dir_fd, empty);
			continue;
		}
		kind = seg_parse_file(e->d_name, &id, &variant);
		if (kind == 0 ? empty : !is_named(f, kind, id, variant))
			complain("nothing names %s", e->d_name);
		if (empty && kind == 'l' && fstatat(dir_fd, e->d_name, &st, 0) == 0 && st.st_size > SMALL)
			complain("%s has %lld bytes, and no message waits", e->d_name, (long long)st.st_size);
	}
	closedir(d);
	if (empty && f->segs > 1)
		complain("%zu segments, and no message waits", f->segs);
}

/* begin_at -- the next message is number.  Returns the exit status. */
static int
begin_at(int fd, uint64_t number)
{
	struct ctl c;

	if (fd == -1 || ctl_read(fd, &c) == -1 || c.next != 1) {
		complain("it has had messages, or cannot be read: %s", strerror(errno));
		return 1;
	}
	c.next = c.first = c.head = number;
	c.dropped = 0;
	return ctl_write(fd, &c) == -1 || ctl_write(fd, &c) == -1;
}

int
main(int argc, char **argv)
{
	static struct found f = { .ready = UINT64_MAX };
	struct ctl c;
	bool empty = argc == 3 && strcmp(argv[1], "-e") == 0, count = argc == 3 && strcmp(argv[1], "-c") == 0;
	int dir_fd, ctl_fd, want_fd;

	if (argc == 4 && strcmp(argv[1], "-n") == 0) {
		box = argv[3];
		return begin_at(openat(open(box, O_RDONLY | O_DIRECTORY), "ctl", O_RDWR), strtoull(argv[2], NULL, 10));
	}
	if (argc != 2 && !empty && !count) {
		fputs("usage: inspect [-c | -e | -n number] mailbox\n", stderr);
		return 64;
	}
	box = argv[argc - 1];
	dir_fd = open(box, O_RDONLY | O_DIRECTORY);
	ctl_fd = openat(dir_fd, "ctl", O_RDONLY);
	want_fd = openat(dir_fd, "want", O_RDONLY);
	if (dir_fd == -1 || ctl_fd == -1 || want_fd == -1 || ctl_read(ctl_fd, &c) == -1) {
		complain("cannot read it: %s", strerror(errno));
		return 1;
	}
	if (count) {
		printf("%" PRIu64 " %d\n", c.live, c.busy);
		return 0;
	}
	if (c.busy || c.removed)
		complain("busy %d, removed %d", c.busy, c.removed);
	walk(dir_fd, &c, &f);
	check_counts(&c, &f);
	check_dues(openat(dir_fd, "due", O_RDONLY), &c, &f);
	check_wants(want_fd, &c, empty);
	check_files(dir_fd, &c, &f, empty);
	if (empty && c.live > 0)
		complain("%" PRIu64 " messages wait", c.live);
	return complaints > 0;
}
