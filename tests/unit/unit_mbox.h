/* SPDX-License-Identifier: ISC */
/*
 * unit_mbox: the part of unit.c that looks into mailboxes, where no command line leads.  Included there, and only there.
 */
#ifndef UNIT_MBOX_H
#define UNIT_MBOX_H

static bool
ctl_stands_still_only_where_both_copies_say_so(void)
{
	struct ctl c = { .magic = CTL_MAGIC, .version = CTL_VERSION, .next = 1, .first = 1, .head = 1 }, got;
	char byte = 7;
	int fd;
	FILE *f = tmpfile();

	CHECK(f != NULL);
	fd = fileno(f);
	CHECK(ctl_write(fd, &c) == 0 && ctl_write(fd, &c) == 0 && ctl_write(fd, &c) == 0);
	CHECK(ctl_read(fd, &got) == 0 && got.generation == 3);
	CHECK(ctl_still(fd, 3) && !ctl_still(fd, 2) && !ctl_still(fd, 4) && !ctl_still(fd, 1));
	/* the next copy is being written: whoever reads this one late enough takes an old one for the newest */
	CHECK(pwrite(fd, &byte, 1, 40) == 1);
	CHECK(ctl_read(fd, &got) == 0 && got.generation == 3 && !ctl_still(fd, 3));
	CHECK(ctl_write(fd, &c) == 0 && ctl_still(fd, 4));
	CHECK(pwrite(fd, &byte, 1, 40) == 1 && pwrite(fd, &byte, 1, CTL_COPY + 40) == 1);
	CHECK(ctl_read(fd, &got) == -1 && errno == EUCLEAN && !ctl_still(fd, 4));
	fclose(f);
	return true;
}

#define FIELD(of, field, value) { offsetof(struct of, field), sizeof(((struct of *)0)->field), value }

/* A field, and what it cannot be. */
struct impossible {
	size_t at, size;
	uint64_t value;
};

/* spoil -- a copy of n bytes of good, in bad, with one field other. */
static void
spoil(void *bad, const void *good, size_t n, const struct impossible *i)
{
	const uint8_t u8 = (uint8_t)i->value;
	const uint16_t u16 = (uint16_t)i->value;
	const uint32_t u32 = (uint32_t)i->value;

	memcpy(bad, good, n);
	memcpy((char *)bad + i->at, i->size == 1 ? (const void *)&u8 : i->size == 2 ? (const void *)&u16
	    : i->size == 4 ? (const void *)&u32 : &i->value, i->size);
}

/* ctl_refuses -- whether each of n changes makes of good, a ctl that is read, one that is refused. */
static bool
ctl_refuses(struct ctl good, const struct impossible *wrong, size_t n)
{
	struct ctl bad, got;
	FILE *f = tmpfile();

	CHECK(f != NULL);
	for (size_t i = 0; i < n; i++) {
		CHECK(ctl_write(fileno(f), &good) == 0 && ctl_read(fileno(f), &got) == 0);
		spoil(&bad, &good, sizeof bad, &wrong[i]);
		CHECK(ctl_write(fileno(f), &bad) == 0);
		if (ctl_read(fileno(f), &got) != -1 || errno != EUCLEAN) {
			fprintf(stderr, "%llu at %zu was taken\n", (unsigned long long)wrong[i].value, wrong[i].at);
			return false;
		}
		good.generation = bad.generation;
	}
	fclose(f);
	return true;
}

static bool
what_a_newer_version_has_set_is_refused(void)
{
	struct ctl c = { .magic = CTL_MAGIC, .version = CTL_VERSION, .next = 1, .first = 1, .head = 1 }, got;
	FILE *f = tmpfile();

	CHECK(f != NULL);
	for (size_t i = 0; i < sizeof c.reserved / sizeof c.reserved[0]; i++) {
		CHECK(ctl_write(fileno(f), &c) == 0 && ctl_read(fileno(f), &got) == 0);
		c.reserved[i] = 1;
		CHECK(ctl_write(fileno(f), &c) == 0 && ctl_read(fileno(f), &got) == -1 && errno == EPROTO);
		c.reserved[i] = 0;
	}
	c.version++;
	CHECK(ctl_write(fileno(f), &c) == 0 && ctl_read(fileno(f), &got) == -1 && errno == EPROTO);
	fclose(f);
	return true;
}

static bool
ctl_that_cannot_be_is_refused(void)
{
	static const struct impossible with_messages[] = {
		FIELD(ctl, next, 10 + SEG_MESSAGES + 1), FIELD(ctl, first_seg, 0), FIELD(ctl, first_seg, 11),
		FIELD(ctl, last_seg, 0), FIELD(ctl, last_seg, 31), FIELD(ctl, log_len, SEG_LOG_BOUND + 1),
		FIELD(ctl, names, SEG_NAMES + 1), FIELD(ctl, names_len, SEG_NAMES_BYTES + 1), FIELD(ctl, first, 31),
		FIELD(ctl, head, 31), FIELD(ctl, live, 30), FIELD(ctl, claimed, 5), FIELD(ctl, retrying, 5), FIELD(ctl, delayed, 5),
		FIELD(ctl, dues, UINT64_MAX), FIELD(ctl, dropped, 30), FIELD(ctl, buried, 30), FIELD(ctl, wants, WANT_MAX + 1),
		FIELD(ctl, mode, 01000),
		FIELD(ctl, policy, MAILBOX_LATEST + 1),
	};
	static const struct impossible with_none[] = {
		FIELD(ctl, first_seg, 1), FIELD(ctl, log_len, 1), FIELD(ctl, names, 1), FIELD(ctl, names_len, 1),
		FIELD(ctl, live, 1),
	};
	/* amid a change the counts are not asked */
	static const struct impossible amid_a_change[] = { FIELD(ctl, next, 0), FIELD(ctl, next, UINT64_MAX) };
	struct ctl good = { .magic = CTL_MAGIC, .version = CTL_VERSION, .mode = 0600, .next = 30, .first = 30, .head = 30 };

	CHECK(ctl_refuses(good, with_none, sizeof with_none / sizeof with_none[0]));
	good.busy = 1;
	CHECK(ctl_refuses(good, amid_a_change, sizeof amid_a_change / sizeof amid_a_change[0]));
	good.busy = 0;
	good.first_seg = good.last_seg = good.first = good.head = 10;
	good.live = good.live_bytes = 4;
	CHECK(ctl_refuses(good, with_messages, sizeof with_messages / sizeof with_messages[0]));
	return true;
}

static bool
slots_that_cannot_be_are_refused(void)
{
	static const struct impossible wrong[] = {
		FIELD(slot, len, SEG_PAYLOAD + 1), FIELD(slot, len, UINT64_MAX), FIELD(slot, head_len, 0),
		FIELD(slot, head_len, FRAME_HEADER_MAX + 1), FIELD(slot, off, SEG_LOG_BOUND), FIELD(slot, off, UINT32_MAX),
	};
	const struct slot good = { .len = SEG_PAYLOAD, .time_us = 1, .off = 4096, .head_len = 9 };
	struct slot bad;

	CHECK(seg_slot_sound(&good));
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		spoil(&bad, &good, sizeof bad, &wrong[i]);
		CHECK(!seg_slot_sound(&bad));
	}
	bad = good;
	bad.flags = SLOT_BIG;
	bad.len = UINT64_MAX;
	CHECK(!seg_slot_sound(&bad));
	bad.len = INT64_MAX;
	CHECK(seg_slot_sound(&bad));
	return true;
}

/* in_place -- whether n entries from place pos on are what fill_segment has written. */
static bool
in_place(const struct seg *s, uint32_t pos, uint32_t n)
{
	static struct slot slots[SEG_MESSAGES];
	static uint64_t words[SEG_MESSAGES];

	CHECK(seg_read_slots(s, pos, n, slots) == 0);
	for (uint32_t i = 0; i < n; i++)
		CHECK(slots[i].time_us == pos + i);
	for (unsigned region = SEG_DUE; region < SEG_SLOTS; region++) {
		CHECK(seg_read(s, (enum seg_region)region, pos, n, words) == 0);
		for (uint32_t i = 0; i < n; i++)
			CHECK(words[i] == ((uint64_t)(region + 1) << 32 | (pos + i)));
	}
	return true;
}

/* fill_segment -- write all that an index has room for, in steps of n entries. */
static int
fill_segment(const struct seg *s, struct names *names, uint32_t n)
{
	static struct slot slots[SEG_MESSAGES];
	static uint64_t words[SEG_SLOTS][SEG_MESSAGES];
	char name[FRAME_NAME_MAX + 1];
	int r = 0;

	for (uint32_t i = 0; i < SEG_MESSAGES; i++) {
		slots[i] = (struct slot){ .time_us = i, .head_len = 1 };
		for (unsigned region = SEG_DUE; region < SEG_SLOTS; region++)
			words[region][i] = (uint64_t)(region + 1) << 32 | i;
	}
	for (unsigned i = 0; i < SEG_NAMES_BYTES / (FRAME_NAME_MAX + 1); i++) {
		snprintf(name, sizeof name, "%0*u", FRAME_NAME_MAX, i);
		names_add(names, (struct slice){ name, FRAME_NAME_MAX });
	}
	r |= names_write(names, s, 0);
	for (uint32_t i = 0; i < SEG_MESSAGES; i += n) {
		n = n < SEG_MESSAGES - i ? n : SEG_MESSAGES - i;
		for (unsigned region = SEG_DUE; region < SEG_SLOTS; region++)
			r |= seg_write(s, (enum seg_region)region, i, n, words[region] + i);
		r |= seg_write_slots(s, i, n, slots + i);
	}
	return r;
}

static bool
nothing_in_an_index_stands_on_something_else(void)
{
	static struct names written, read;
	const uint8_t incarnation[SEG_INCARNATION] = { 7 };
	char path[] = "unit.XXXXXX";
	struct stat st;
	struct seg s;
	int dir_fd;

	CHECK(mkdtemp(path) != NULL);
	dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (uint32_t n = 100; n <= SEG_MESSAGES; n *= 600) {
		CHECK(seg_create(&s, dir_fd, 1, 0, 0600, incarnation) == 0);
		written.n = written.len = read.n = read.len = 0;
		CHECK(fill_segment(&s, &written, n) == 0 && seg_extend(&s, SEG_MESSAGES) == 0);
		CHECK(fstat(s.idx_fd, &st) == 0 && st.st_size == 4096 + 65536 * 64 + 61440);
		seg_close(&s);
		CHECK(seg_open(&s, dir_fd, 1, SEG_ALONE) == 0 && memcmp(s.h.incarnation, incarnation, sizeof incarnation) == 0);
		CHECK(in_place(&s, 0, SEG_MESSAGES));
		for (uint32_t pos = 0; pos < SEG_MESSAGES; pos = 2 * pos + 1)
			CHECK(in_place(&s, pos, 1) && in_place(&s, pos / 2, pos - pos / 2));
		CHECK(names_read(&read, &s, 3, 3 * (FRAME_NAME_MAX + 1)) == 0);
		CHECK(names_read(&read, &s, written.n, written.len) == 0 && memcmp(read.text, written.text, written.len) == 0);
		CHECK(seg_remove(&s) == 0);
	}
	close(dir_fd);
	CHECK(rmdir(path) == 0);
	return true;
}

static bool
an_index_is_no_longer_than_its_messages_need(void)
{
	static const struct { uint32_t n; off_t len; } known[] = {
		{ 1, 6176 }, { 64, 8192 }, { 65, 10272 }, { 128, 12288 }, { 4096, 4096 + 4096 * 64 }, { 4097, 401440 },
	};
	const uint8_t incarnation[SEG_INCARNATION] = { 7 };
	char path[] = "unit.XXXXXX";
	struct stat st;
	struct seg s;
	int dir_fd;

	CHECK(mkdtemp(path) != NULL);
	dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(seg_create(&s, dir_fd, 1, 0, 0600, incarnation) == 0);
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		CHECK(seg_extend(&s, known[i].n) == 0 && fstat(s.idx_fd, &st) == 0 && st.st_size == known[i].len);
	CHECK(seg_remove(&s) == 0 && close(dir_fd) == 0 && rmdir(path) == 0);
	return true;
}

static bool
wants_beyond_the_first_thousand_have_their_place(void)
{
	enum { N = 3 * WANT_CHUNK - 7 };
	static struct want_place places[WANT_PLACES];
	struct want_crowd crowd;
	struct want w = { .kind = WANT_ROOM, .owner = 7 };
	uint64_t after = 0;
	FILE *file = tmpfile();
	int fd = file == NULL ? -1 : fileno(file), n, seen = 0;

	CHECK(fd != -1 && want_room(fd) == 0);
	for (uint32_t i = 0; i < N; i++) {
		/* every ticket from 1 to N once, in no order */
		w.ticket = 1 + (uint64_t)i * 1009 % N;
		snprintf(w.text, sizeof w.text, "t%c", 'a' + (int)(w.ticket % 26));
		w.len = 3;
		CHECK(want_write(fd, i, &w) == 0);
	}
	CHECK(want_room(fd) >= N && want_used(fd, (uint32_t)want_room(fd)) == N);
	CHECK(want_free_place(fd, N) == N && want_void(fd, N - 1) == 0 && want_used(fd, N) == N - 1);
	w.owner = 7;
	CHECK(want_write(fd, N - 1, &w) == 0);
	while ((n = want_queue(fd, N, WANT_ROOM, true, after, places, &crowd)) > 0)
		for (int i = 0; i < n; i++, seen++) {
			CHECK(places[i].ticket == ++after && want_read(fd, places[i].index, &w) == 0);
			CHECK(w.ticket == after && w.text[1] == 'a' + (int)(after % 26));
		}
	CHECK(n == 0 && seen == N);
	fclose(file);
	return true;
}

/* fill_disk -- there is no disk for a want.  Returns 0, or -1. */
static int
fill_disk(struct mbox *m)
{
	m->want_fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	return m->want_fd == -1 ? -1 : 0;
}

static bool
no_spool_without_a_want(void)
{
	const struct mailbox_settings settings = { .cap_messages = MAILBOX_UNBOUNDED,
		.cap_bytes = MAILBOX_UNBOUNDED, .mode = 0600 };
	char path[] = "unit.XXXXXX", name[WAKEFIFO_NAME_MAX];
	struct mbox m;
	int fd;

	CHECK(mkdtemp(path) != NULL && rmdir(path) == 0);
	CHECK(mailbox_make(path, &settings) == 0 && mbox_open(&m, path) == 0 && fill_disk(&m) == 0);
	errno = 0;
	fd = spool_open(&m, CLOCK_NEVER);
	wakefifo_spool_name(name, m.number);
	CHECK(fd == -1 && errno == ENOSPC && faccessat(m.dir_fd, name, F_OK, 0) == -1);
	mbox_close(&m);
	CHECK(mailbox_remove(path, true, CLOCK_NEVER, NULL) == 0);
	return true;
}

/* send_one -- a message of one byte is in the mailbox, and a want for its end is posted. */
static int
send_one(struct mbox *m)
{
	static struct batch b;
	static struct batch_many many;
	static struct names names;
	struct append p;
	int r;

	append_init(&p, m, &names);
	batch_init(&b, &many);
	if (batch_head(&b, &plain) != 1 || batch_put(&b, "x", 1) != 1 || append_batch(&p, &b, CLOCK_NEVER) == -1
	    || txn_lock(m, CLOCK_NEVER) == -1)
		return -1;
	r = wait_post(m, WANT_END, NULL, p.last_id) == 0 && m->waiter.posted ? txn_commit(m) : -1;
	txn_unlock(m);
	return r;
}

/* stands -- what completion_state says of message 1 while the want's mark is this. */
static int
stands(struct mbox *m, uint64_t mark)
{
	struct item item;
	int r;

	if (txn_lock(m, CLOCK_NEVER) == -1)
		return -1;
	r = want_mark(m->want_fd, m->waiter.index, mark) == -1 ? -1 : completion_state(m, 1, &item);
	txn_unlock(m);
	return r;
}

static bool
dropped_is_what_is_gone(void)
{
	const struct mailbox_settings settings = { .cap_messages = MAILBOX_UNBOUNDED,
		.cap_bytes = MAILBOX_UNBOUNDED, .mode = 0600 };
	char path[] = "unit.XXXXXX";
	struct mbox m;

	CHECK(mkdtemp(path) != NULL && rmdir(path) == 0);
	CHECK(mailbox_make(path, &settings) == 0 && mbox_open(&m, path) == 0 && send_one(&m) == 0);
	CHECK(stands(&m, 0) == COMPLETION_WAITS && stands(&m, STATE_DONE) == COMPLETION_RECEIVED);
	/* who was to drop it was killed between the mark and the state: it is there, and will be received */
	CHECK(stands(&m, STATE_DROPPED) == COMPLETION_WAITS);
	CHECK(txn_lock(&m, CLOCK_NEVER) == 0 && completion_withdraw(&m, 1) == 0 && txn_commit(&m) == 0);
	txn_unlock(&m);
	CHECK(stands(&m, STATE_DROPPED) == COMPLETION_DROPPED);
	mbox_close(&m);
	CHECK(mailbox_remove(path, true, CLOCK_NEVER, NULL) == 0);
	return true;
}

/* break_writes -- what is written to the segment at hand fails, until it is opened anew. */
static int
break_writes(struct mbox *m)
{
	char name[SEG_NAME_BYTES];
	int fd;

	seg_file(name, m->seg.h.first, 0, "idx");
	fd = openat(m->dir_fd, name, O_RDONLY | O_CLOEXEC);
	return fd == -1 || dup2(fd, m->seg.idx_fd) == -1 ? -1 : close(fd);
}

/* send_three -- three messages are in the mailbox, and r has claimed them. */
static int
send_three(struct receiver *r, struct run *run, const char *path)
{
	const struct receiver_ask ask = { .messages = 3, .bytes = RUN_BYTES, .deadline_ns = CLOCK_NEVER };
	struct sender s = { .timeout_ns = MAILBOX_FOREVER };
	struct message m;
	int sent = sender_open(&s, path);

	for (int i = 0; sent == 0 && i < 3; i++)
		sent = sender_put(&s, &plain, "x", 1);
	sent = sent == 0 ? sender_flush(&s) : -1;
	sender_close(&s);
	return sent == 0 && receiver_open(r, path) == 0 && run_make(run) == 0 && receiver_next(r, run, &ask, &m) == 1
	    && run->n == 3 ? 0 : -1;
}

static bool
what_could_not_be_settled_twice_is_settled_once(void)
{
	const struct mailbox_settings settings = { .cap_messages = MAILBOX_UNBOUNDED,
		.cap_bytes = MAILBOX_UNBOUNDED, .mode = 0600 };
	const struct filter all = { .len = 0 };
	const uint64_t done = state_make(STATE_DONE, 0, 0);
	char path[] = "unit.XXXXXX";
	struct receiver r = { .filter = &all, .timeout_ns = MAILBOX_FOREVER };
	struct run run = { .n = 0 };
	struct mbox *m;

	CHECK(mkdtemp(path) != NULL && rmdir(path) == 0 && mailbox_make(path, &settings) == 0);
	CHECK(send_three(&r, &run, path) == 0);
	m = &r.in->m;
	/* the disk fails when one of three is written, and once more when the others are */
	CHECK(break_writes(m) == 0 && receiver_settle(&r, &run, 0, RECEIVER_DONE, 0) == -1);
	CHECK(txn_lock(m, CLOCK_NEVER) == 0 && mbox_seg(m, m->ctl.first_seg) == 0
	    && seg_write(&m->seg, SEG_STATES, 0, 1, &done) == 0);
	txn_unlock(m);
	CHECK(break_writes(m) == 0 && receiver_settle(&r, &run, 0, RECEIVER_DONE, 0) == -1);
	CHECK(receiver_settle(&r, &run, 0, RECEIVER_DONE, 0) == 0 && run.n == 0 && m->ctl.live == 0 && m->ctl.claimed == 0);
	run_free(&run);
	receiver_close(&r);
	CHECK(mailbox_remove(path, false, CLOCK_NEVER, NULL) == 0);
	return true;
}

#endif
