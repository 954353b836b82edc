/* SPDX-License-Identifier: ISC */
/* patch: see patch.h.  What there is to change is taken from the headers, so that a new format is fuzzed as well. */
#include "patch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "frame/frame.h"
#include "mailbox/disk/ctl.h"
#include "mailbox/disk/names.h"
#include "mailbox/disk/seg.h"
#include "mailbox/disk/wakefifo.h"
#include "mailbox/disk/want.h"

enum { FILES_MAX = 64, POS_MAX = 12 };

struct field {
	size_t at, size;
};

#define FIELD(type, member) { offsetof(struct type, member), sizeof ((struct type *)0)->member }
#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

static const struct field ctl_fields[] = {
	FIELD(ctl, magic), FIELD(ctl, version), FIELD(ctl, mode), FIELD(ctl, generation), FIELD(ctl, identity),
	FIELD(ctl, cap_messages), FIELD(ctl, cap_bytes), FIELD(ctl, next), FIELD(ctl, first_seg), FIELD(ctl, last_seg),
	FIELD(ctl, log_len), FIELD(ctl, names), FIELD(ctl, names_len), FIELD(ctl, first), FIELD(ctl, head),
	FIELD(ctl, live), FIELD(ctl, live_bytes), FIELD(ctl, claimed), FIELD(ctl, retrying), FIELD(ctl, dropped),
	FIELD(ctl, layout), FIELD(ctl, requeues), FIELD(ctl, ticket), FIELD(ctl, checked_ns), FIELD(ctl, wants),
	FIELD(ctl, busy), FIELD(ctl, removed), FIELD(ctl, policy), FIELD(ctl, expires), FIELD(ctl, boot), FIELD(ctl, place),
	FIELD(ctl, proven), FIELD(ctl, damaged), FIELD(ctl, durable), FIELD(ctl, orphans), FIELD(ctl, refused), FIELD(ctl, taken),
	FIELD(ctl, incarnation), FIELD(ctl, buried), FIELD(ctl, leaves_as), FIELD(ctl, delayed), FIELD(ctl, dues),
	FIELD(ctl, due_us), FIELD(ctl, keeper), FIELD(ctl, passed_from), FIELD(ctl, passed_to), FIELD(ctl, paused),
	FIELD(ctl, closed), FIELD(ctl, rights), FIELD(ctl, group),
	FIELD(ctl, once_taken), FIELD(ctl, once_at), FIELD(ctl, once_heads), FIELD(ctl, once_evicted), FIELD(ctl, reserved),
	FIELD(ctl, failed),
};
static const struct field header_fields[] = {
	FIELD(seg_header, magic), FIELD(seg_header, first), FIELD(seg_header, prev), FIELD(seg_header, next),
	FIELD(seg_header, done), FIELD(seg_header, n), FIELD(seg_header, names), FIELD(seg_header, names_len),
	FIELD(seg_header, log_len), FIELD(seg_header, sparse), FIELD(seg_header, variant), FIELD(seg_header, salt),
	FIELD(seg_header, incarnation), FIELD(seg_header, reserved),
};
static const struct field slot_fields[] = {
	FIELD(slot, len), FIELD(slot, time_us), FIELD(slot, off), FIELD(slot, sum), FIELD(slot, head_len),
	FIELD(slot, flags), FIELD(slot, tag), FIELD(slot, source),
};
static const struct field want_fields[] = {
	FIELD(want, owner), FIELD(want, ticket), FIELD(want, mark), FIELD(want, looked_ns), FIELD(want, object), FIELD(want, since_ns),
	FIELD(want, kind), FIELD(want, len),
};

/* set_field -- put a number into one of a thing's fields. */
static void
set_field(void *thing, const struct field *fields, unsigned n, struct bytes *b)
{
	const struct field *f = &fields[bytes_below(b, n)];
	uint64_t value = bytes_number(b);

	memcpy((char *)thing + f->at, &value, f->size < sizeof value ? f->size : sizeof value);
}

/* write_at -- a few raw bytes, anywhere in the first part of a file. */
static void
write_at(int fd, struct bytes *b, uint64_t below)
{
	uint64_t at = bytes_number(b) % below;
	struct slice s = bytes_slice(b, 64);

	MUST(pwrite(fd, s.p, s.len, (off_t)at) == (ssize_t)s.len || errno == ESPIPE);
}

static int
open_file(int dir_fd, const char *name)
{
	return openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* ---- ctl ---- */

/* change_ctl -- read ctl, let change have it, and write it again with a right checksum. */
static void
change_ctl(int dir_fd, struct bytes *b, void (*change)(struct ctl *, struct bytes *))
{
	struct ctl c;
	int fd = open_file(dir_fd, "ctl");

	if (fd == -1)
		return;
	if (ctl_read(fd, &c) == 0) {
		change(&c, b);
		MUST(ctl_write(fd, &c) == 0);
	}
	close(fd);
}

static void
any_field(struct ctl *c, struct bytes *b)
{
	set_field(c, ctl_fields, COUNT(ctl_fields), b);
}

static void
full(struct ctl *c, struct bytes *b)
{
	(void)b;
	if (c->last_seg != 0)
		c->log_len = SEG_LOG_MAX;
}

static void
busy(struct ctl *c, struct bytes *b)
{
	(void)b;
	c->busy = 1;
}

void
patch_full(int dir_fd)
{
	change_ctl(dir_fd, NULL, full);
}

void
patch_busy(int dir_fd)
{
	change_ctl(dir_fd, NULL, busy);
}

/* ---- files by their names ---- */

/* pick_file -- the name of one of the mailbox's files of this kind (as of seg_parse_file; 0 any).  Returns whether there is one. */
static bool
pick_file(int dir_fd, char kind, unsigned nth, char *name, uint64_t *id)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	static char names[FILES_MAX][NAME_MAX + 1];
	const struct dirent *e;
	unsigned n = 0, at;
	uint32_t variant;

	MUST(d != NULL);
	while ((e = readdir(d)) != NULL && n < FILES_MAX) {
		if (e->d_name[0] == '.' || (kind != 0 && seg_parse_file(e->d_name, id, &variant) != kind))
			continue;
		/* in order: the directory has one of its own each time */
		for (at = n++; at > 0 && strcmp(names[at - 1], e->d_name) > 0; at--)
			memcpy(names[at], names[at - 1], NAME_MAX + 1);
		snprintf(names[at], NAME_MAX + 1, "%s", e->d_name);
	}
	closedir(d);
	if (n == 0)
		return false;
	memcpy(name, names[nth % n], NAME_MAX + 1);
	seg_parse_file(name, id, &variant);
	return true;
}

/* ---- segments ---- */

/* right_sum -- make the slot's checksum that of what it says its frame is. */
static void
right_sum(struct seg *s, uint32_t pos, struct slot *slot)
{
	static char frame[1 << 20];
	size_t len = slot_frame_len(slot);

	if (len <= sizeof frame && seg_log(s) != -1 && pread(s->log_fd, frame, len, slot->off) == (ssize_t)len)
		slot->sum = seg_bind(hash_sum(frame, len), s->h.salt, seg_id(s, pos));
}

static void
patch_slot(struct seg *s, struct bytes *b)
{
	uint32_t pos = bytes_below(b, POS_MAX);
	struct slot slot;
	bool right = bytes_byte(b) % 4 != 0;

	if (seg_read_slots(s, pos, 1, &slot) == -1)
		return;
	set_field(&slot, slot_fields, COUNT(slot_fields), b);
	if (right)
		right_sum(s, pos, &slot);
	MUST(seg_write_slots(s, pos, 1, &slot) == 0);
}

/* patch_frame -- other bytes in a frame, under a right checksum. */
static void
patch_frame(struct seg *s, struct bytes *b)
{
	uint32_t pos = bytes_below(b, POS_MAX);
	struct slice text;
	struct slot slot;
	uint64_t at;

	if (seg_read_slots(s, pos, 1, &slot) == -1 || seg_log(s) == -1)
		return;
	at = slot.off + bytes_byte(b) % 64U;
	text = bytes_slice(b, 64);
	MUST(pwrite(s->log_fd, text.p, text.len, (off_t)at) == (ssize_t)text.len);
	right_sum(s, pos, &slot);
	MUST(seg_write_slots(s, pos, 1, &slot) == 0);
}

static void
patch_state(struct seg *s, struct bytes *b)
{
	static const uint64_t owners[] = { 0, 1, 7, (UINT64_C(1) << STATE_OWNER_BITS) - 1 };
	uint32_t pos = bytes_below(b, POS_MAX);
	uint64_t state = state_make((enum state_status)bytes_below(b, 7), bytes_byte(b), owners[bytes_below(b, 4)]);

	if (bytes_byte(b) % 4 == 0)
		state = bytes_number(b);
	MUST(seg_write(s, SEG_STATES, pos, 1, &state) == 0);
}

static void
patch_names(struct seg *s, struct bytes *b)
{
	struct names t = { .n = 0 };

	t.len = bytes_byte(b) % 64U;
	t.at[0] = 0;
	t.n = 1;
	for (uint32_t i = 0; i < t.len; i++)
		t.text[i] = (char)bytes_byte(b);
	MUST(names_write(&t, s, 0) == 0);
}

static void
patch_seg(int dir_fd, struct bytes *b)
{
	char name[NAME_MAX + 1];
	struct seg s = SEG_CLOSED;
	uint64_t id, number;
	uint32_t pos;

	if (!pick_file(dir_fd, 'i', bytes_byte(b), name, &id) || seg_open(&s, dir_fd, id, SEG_ALONE) == -1)
		return;
	switch (bytes_below(b, 9)) {
	case 0: case 1:
		set_field(&s.h, header_fields, COUNT(header_fields), b);
		MUST(seg_write_header(&s) == 0);
		break;
	case 2:
		patch_slot(&s, b);
		break;
	case 3:
		patch_state(&s, b);
		break;
	case 4:
		patch_frame(&s, b);
		break;
	case 5:
		patch_names(&s, b);
		break;
	case 6:
		pos = bytes_below(b, POS_MAX);
		number = bytes_number(b);
		MUST(seg_write_one(&s, SEG_DUE, pos, number) == 0 && seg_write_one(&s, SEG_EXPIRY, pos, number) == 0);
		break;
	case 7:
		pos = bytes_below(b, POS_MAX);
		number = bytes_number(b);
		MUST(seg_write(&s, SEG_IDS, pos, 1, &number) == 0);
		break;
	default:
		write_at(s.idx_fd, b, 80000);
	}
	seg_close(&s);
}

/* ---- wants ---- */

static void
patch_want(int dir_fd, struct bytes *b)
{
	uint32_t index = bytes_below(b, 4);
	struct want w;
	int fd = open_file(dir_fd, "want");
	struct slice text;
	uint16_t len;

	if (fd == -1)
		return;
	if (want_read(fd, index, &w) == -1 || w.owner == 0)
		w = (struct want){ .owner = 7, .ticket = 1, .kind = 1 + bytes_below(b, 6), .len = 3, .text = "t*" };
	if (bytes_byte(b) % 4 == 0) {
		text = bytes_slice(b, sizeof w.text);
		memcpy(w.text, text.p, text.len);
		w.len = (uint16_t)text.len;
	} else {
		set_field(&w, want_fields, COUNT(want_fields), b);
	}
	/* a length beyond its text, which no program writes, goes in by itself */
	len = w.len;
	if (len > WANT_TEXT)
		w.len = WANT_TEXT;
	MUST(want_write(fd, index, &w) == 0);
	MUST(pwrite(fd, &len, sizeof len, (off_t)index * WANT_HEAD + (off_t)offsetof(struct want, len)) == sizeof len);
	close(fd);
}

/* patch_bell -- a bell that nobody sleeps on, or a file in its place. */
static void
patch_bell(int dir_fd, struct bytes *b)
{
	static const uint64_t numbers[] = { 1, 7 };
	char name[WAKEFIFO_NAME_MAX];
	uint64_t number = numbers[bytes_below(b, 2)];
	int fd;

	if (bytes_byte(b) % 2 == 0) {
		fd = wakefifo_make(dir_fd, number, 0600);
	} else {
		wakefifo_spool_name(name, number);
		fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	if (fd != -1)
		close(fd);
}

/* ---- whole files ---- */

static void
patch_file(int dir_fd, struct bytes *b)
{
	static const char *const suffixes[] = { "idx", "log", "big", "meet", "idx.new" };
	char name[NAME_MAX + 1], to[SEG_NAME_BYTES];
	uint64_t id;
	int fd;

	if (!pick_file(dir_fd, 0, bytes_byte(b), name, &id))
		return;
	switch (bytes_below(b, 6)) {
	case 0:
		unlinkat(dir_fd, name, 0);
		return;
	case 1:
		fd = open_file(dir_fd, name);
		if (fd != -1)
			(void)!ftruncate(fd, (off_t)(bytes_number(b) % (1 << 22)));    /* it may be a FIFO */
		break;
	case 2: case 3:
		fd = open_file(dir_fd, name);
		if (fd != -1)
			write_at(fd, b, 2048);
		break;
	case 4:
		seg_file(to, bytes_number(b), bytes_byte(b) % 4U, suffixes[bytes_below(b, 5)]);
		renameat(dir_fd, name, dir_fd, to);
		return;
	default:
		seg_file(to, bytes_number(b), bytes_byte(b) % 4U, suffixes[bytes_below(b, 5)]);
		fd = openat(dir_fd, to, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	if (fd != -1)
		close(fd);
}

void
patch_box(int dir_fd, struct bytes *b)
{
	switch (bytes_below(b, 8)) {
	case 0: case 1:
		change_ctl(dir_fd, b, any_field);
		break;
	case 2:
		patch_want(dir_fd, b);
		break;
	case 3:
		patch_bell(dir_fd, b);
		break;
	case 4:
		patch_file(dir_fd, b);
		break;
	default:
		patch_seg(dir_fd, b);
	}
}
