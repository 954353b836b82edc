/* SPDX-License-Identifier: ISC */
/*
 * box: a mailbox, used; with files as its tools write them, or changed as no tool would.
 *
 * The input says how the mailbox is made, and then step by step what is done to it.  While nothing has been patched,
 * each message must come out as it went in, once and in order.  Once something has, nothing must crash, hang, or take
 * memory or disk without bound, and what fails must say a reason that is one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "fuzz.h"
#include "mailbox/box/recover.h"
#include "mailbox/box/txn.h"
#include "mailbox/mailbox.h"
#include "mailbox/queue/request.h"
#include "mailbox/recv/claim.h"
#include "mailbox/send/append.h"
#include "mailbox/send/completion.h"
#include "mailbox/send/spool.h"
#include "mailbox/wait/wait.h"
#include "patch.h"

enum {
	STEPS = 48,                     /* at most, in an input */
	SENT_MAX = 1024,                /* messages that are remembered */
	DISK_MAX = 64 << 20,            /* bytes: more than any number of steps can need */
	PAYLOAD = 100 * 1024,
};

#define BOX "box"

/* A message that was sent. */
struct sent {
	uint64_t id;
	uint32_t len;
	unsigned seed, tag;
	bool expires, big, held, gone;
};

static struct {
	struct claim in;
	struct claim_many many;
	struct receiver receiver;
	struct append append;
	struct batch batch;
	struct batch_many batch_many;
	struct names names;
	struct run run;
	struct inflight hold;
	bool open, patched, removed;
	enum mailbox_policy policy;
	struct sent sent[SENT_MAX];
	size_t n;
} box;

static const char *const tags[] = { "-", "t1", "t2", "urgent", "\xc3\xa9t\xc3\xa9" };
static char payload[PAYLOAD];

/* ---- what may fail, and how ---- */

/* reasonable -- whether an errno is a reason, and not that the kernel was given nonsense. */
static bool
reasonable(int err)
{
	switch (err) {
	case EBADMSG: case EUCLEAN: case EPROTO: case EIDRM: case ENODEV: case EAGAIN: case ETIMEDOUT: case ECANCELED: case ENOTEMPTY:
	case EMSGSIZE: case ENOSPC: case EEXIST: case EXDEV: case EPROTONOSUPPORT:
		return true;
	case ENOENT: case ENXIO: case ESPIPE:
		return box.patched || box.removed;     /* a file was taken away, or is a FIFO now */
	default:
		return false;
	}
}

/* did -- judge what a step returned.  Returns whether it went well. */
static bool
did(long r)
{
	if (r != -1)
		return true;
	MUST(reasonable(errno));
	MUST(box.patched || errno == EAGAIN || errno == ETIMEDOUT || errno == ECANCELED || box.removed);
	return false;
}

/* ---- what was sent ---- */

static struct sent *
find(uint64_t id)
{
	for (size_t i = 0; i < box.n; i++)
		if (box.sent[i].id == id)
			return &box.sent[i];
	return NULL;
}

static void
fill(char *to, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (char)(seed + i + (i >> 8));
}

static void
remember(uint64_t id, uint32_t len, unsigned seed, unsigned tag, bool expires, bool big)
{
	if (box.n < SENT_MAX)
		box.sent[box.n++] = (struct sent){ .id = id, .len = len, .seed = seed, .tag = tag, .expires = expires,
			.big = big };
}

/* ---- steps ---- */

/* head -- the head of a message to be sent. */
static struct message
head(struct bytes *b, unsigned *tag, bool *expires)
{
	struct message h = { .uid = -1, .fd = -1, .source = { "fuzz", 4 } };

	*tag = bytes_below(b, sizeof tags / sizeof tags[0]);
	*expires = bytes_byte(b) % 8 == 7;
	h.tag = slice_of(tags[*tag]);
	if (*expires)
		h.extra = slice_of("expire=4000000000.000000 k=v");
	return h;
}

static void
step_send(struct bytes *b)
{
	unsigned tag, n = 1 + bytes_below(b, 8), seed = bytes_byte(b), lens[8];
	bool expires;
	struct message h = head(b, &tag, &expires);
	uint32_t before;

	batch_clear(&box.batch);
	MUST(batch_head(&box.batch, &h) == 1);
	for (unsigned i = 0; i < n; i++) {
		lens[i] = bytes_byte(b) * (i == 7 ? 200 : 1);
		fill(payload, lens[i], seed + i);
		MUST(batch_put(&box.batch, payload, lens[i]) == 1);
	}
	box.append.sync = seed == 255;
	while (box.batch.from < box.batch.n) {
		before = box.batch.from;
		if (!did(append_batch(&box.append, &box.batch, APPEND_NOW)) && box.batch.from == before)
			break;
		for (uint32_t i = before; i < box.batch.from && !box.append.sync; i++)
			remember(box.append.last_id + 1 - (box.batch.from - i), lens[i], seed + i, tag, expires, false);
		if (box.append.sync)
			break;          /* it was withdrawn */
	}
	box.append.sync = false;
}

static void
step_send_big(struct bytes *b)
{
	unsigned tag, seed = bytes_byte(b);
	bool expires;
	struct message h = head(b, &tag, &expires);
	uint32_t len = bytes_below(b, 4) * 20000;
	struct hash sum;
	int fd;

	batch_clear(&box.batch);
	MUST(batch_head(&box.batch, &h) == 1);
	fd = spool_open(&box.in.m, clock_after(1000000));
	if (!did(fd))
		return;
	fill(payload, len, seed);
	MUST(pwrite(fd, payload, len, 0) == (ssize_t)len);
	if (seed == 255) {
		spool_drop(&box.in.m, fd);
		return;
	}
	hash_begin(&sum);
	hash_add(&sum, payload, len);
	if (did(append_big(&box.append, &box.batch, fd, len, hash_end(&sum), APPEND_NOW)))
		remember(box.append.last_id, len, seed, tag, expires, true);
}

static void
step_offer(struct bytes *b)
{
	unsigned tag;
	bool expires;
	struct message h = head(b, &tag, &expires);

	batch_clear(&box.batch);
	MUST(batch_head(&box.batch, &h) == 1 && batch_put(&box.batch, "", 0) == 1);
	if (!did(append_offer(&box.append, &box.batch, clock_after(1000000))))
		return;
	close(box.append.offer_fd);
	if (bytes_byte(b) % 2 == 0)
		did(completion_await(&box.in.m, box.append.last_id, 1));
	else
		wait_leave(&box.in.m);
}

/* check_payload -- the payload of a message that was received. */
static void
check_payload(struct message *m, const struct sent *s)
{
	static char got[PAYLOAD];
	uint64_t len = 0;
	ssize_t n;

	while ((n = message_read(m, got, sizeof got)) > 0) {
		len += (uint64_t)n;
		MUST(len <= m->len);
		if (s == NULL)
			continue;
		fill(payload, s->len, s->seed);
		MUST(len <= s->len && memcmp(got, payload + len - (uint64_t)n, (size_t)n) == 0);
	}
	if (n == -1)
		MUST(box.patched && reasonable(errno));
	else if (s != NULL)
		MUST(len == s->len);
}

/* deliver -- look at each message of the run. */
static void
deliver(void)
{
	char scratch[FRAME_HEADER_MAX], line[FRAME_HEADER_MAX];
	struct message m;
	struct sent *s;
	uint64_t last = 0;

	for (uint32_t i = 0; i < box.run.n; i++) {
		if (!did(receiver_message(&box.receiver, &box.run, i, &m, scratch)))
			continue;
		s = box.patched ? NULL : find(m.id);
		if (!box.patched) {
			MUST(m.id > last && (s == NULL || (!s->gone && (box.receiver.peek || !s->held))));
			MUST(s == NULL || (slice_is(m.tag, tags[s->tag]) && slice_is(m.source, "fuzz") && m.len == s->len));
			if (s != NULL)
				s->held = !box.receiver.peek;
		}
		MUST(frame_name_ok(m.tag) && frame_name_ok(m.source));
		if (message_head(line, &m, m.len, false) == 0)
			MUST(errno == EMSGSIZE);
		if (!(box.run.in->items[i].slot.flags & SLOT_OFFER))
			check_payload(&m, s);
		if (m.fd != -1)
			close(m.fd);
		last = m.id;
	}
	if (box.run.in->offer_fd != -1)
		close(box.run.in->offer_fd);
	box.run.in->offer_fd = -1;
}

/* end_run -- what was in the run has left it this way. */
static void
end_run(uint32_t from, enum receiver_end end)
{
	struct sent *s;

	for (uint32_t i = from; i < box.run.n && !box.patched; i++) {
		s = find(box.run.in->items[i].id);
		if (s == NULL || box.receiver.peek)
			continue;
		s->held = false;
		s->gone = end == RECEIVER_DONE || end == RECEIVER_DROPPED;
	}
}

static void
step_turn(struct bytes *b)
{
	struct receiver_ask ask = { .messages = 1 + bytes_byte(b), .bytes = RUN_BYTES };
	unsigned how = bytes_byte(b);
	long r;

	ask.deadline_ns = clock_after(1000000);
	ask.wait = how % 4 == 1;
	if (how % 8 == 2)
		ask.bytes = bytes_byte(b);
	box.receiver.id = how % 8 == 3 ? bytes_number(b) : 0;
	box.in.below = how % 8 == 3 ? bytes_number(b) : UINT64_MAX;
	end_run(0, RECEIVER_DONE);
	r = claim_turn(&box.in, &box.run, &ask);
	if (did(r) && r == 1)
		deliver();
	if (r == -1)
		box.run.n = 0;
}

static void
step_settle(struct bytes *b)
{
	enum receiver_end end = (enum receiver_end)bytes_below(b, 4);
	uint32_t from = box.run.n > 0 ? bytes_byte(b) % (box.run.n + 1) : 0;

	end_run(from, end);
	if (!did(receiver_settle(&box.receiver, &box.run, from, end, end == RECEIVER_FAILED ? bytes_byte(b) * 1000U : 0)))
		box.run.n = 0;
}

/* step_hold -- take the run apart, settle one of what is held, or have one of it in hand again. */
static void
step_hold(struct bytes *b)
{
	static struct run again;
	char scratch[FRAME_HEADER_MAX];
	struct message m;
	struct sent *s;
	enum receiver_end end = bytes_byte(b) % 2 == 0 ? RECEIVER_DONE : RECEIVER_BACK;

	if (box.hold.n == 0 && !box.receiver.peek) {
		MUST(inflight_add(&box.hold, &box.receiver, &box.run) == 0);
		for (size_t i = 0; i < box.n; i++) {
			box.sent[i].held = false;
			for (uint32_t j = 0; j < box.hold.n; j++)
				box.sent[i].held |= box.hold.list[j].item.id == box.sent[i].id;
		}
		box.run.n = 0;
		return;
	}
	if (box.hold.n == 0)
		return;
	MUST(run_make(&again) == 0);
	if (bytes_byte(b) % 2 == 0 && did(inflight_recall(&box.hold, &box.receiver, 0, &again))
	    && did(receiver_message(&box.receiver, &again, 0, &m, scratch)) && m.fd != -1)
		close(m.fd);
	if (did(inflight_settle(&box.hold, &box.receiver, 0, box.hold.n, end, 0)))
		for (uint32_t i = 0; i < box.hold.n; i++)
			if ((s = find(box.hold.list[i].item.id)) != NULL) {
				s->held = false;
				s->gone = end == RECEIVER_DONE;
			}
	inflight_drop(&box.hold);
}

static void
step_call(struct bytes *b)
{
	uint64_t id = bytes_byte(b) % 2 == 0 ? bytes_byte(b) : bytes_number(b);
	struct sent *s = find(id);
	long r;

	if (bytes_byte(b) % 2 == 0) {
		r = request_find(&box.in.m, id, slice_of("t1"), slice_of("fuzz"));
		if (did(r) && r == REQUEST_LOST && s != NULL)
			s->gone = true;         /* it has been withdrawn */
		return;
	}
	r = request_take_back(&box.in.m, id);
	if (did(r) && r == 1 && s != NULL)
		s->gone = true;
}

/* open_box -- as another process would, with another choice of messages. */
static void
open_box(struct bytes *b)
{
	static struct filter f;
	unsigned which = bytes_below(b, 5);     /* 4: look, and take nothing */

	f.len = 0;
	if (which == 1)
		MUST(filter_add(&f, 't', "t1") == 0 && filter_add(&f, 't', "*") == 0);
	if (which == 2)
		MUST(filter_add(&f, 't', "t[12]") == 0);
	if (which == 3)
		MUST(filter_add(&f, 'T', "-") == 0 && filter_add(&f, 's', "f*") == 0);
	memset(&box.append, 0, sizeof box.append);
	memset(&box.in, 0, sizeof box.in);
	box.in.many = &box.many;
	MUST(run_make(&box.run) == 0);
	box.in.offer_fd = -1;
	box.receiver.in = &box.in;
	box.run.n = 0;
	inflight_drop(&box.hold);
	box.run.in->offer_fd = box.append.offer_fd = -1;
	for (size_t i = 0; i < box.n; i++)
		box.sent[i].held = false;       /* who had it has died */
	box.open = did(mbox_open(&box.in.m, BOX));
	append_init(&box.append, &box.in.m, &box.names);
	batch_init(&box.batch, &box.batch_many);
	if (!box.open)
		return;
	box.receiver.filter = &f;
	box.receiver.id = 0;
	box.receiver.peek = which == 4;
	box.receiver.timeout_ns = 1000000;
	box.receiver.take_expired = bytes_byte(b) % 2 == 0;
	MUST(claim_init(&box.in, &box.receiver) == 0);
}

static void
close_box(void)
{
	if (box.open)
		claim_free(&box.in);
	mbox_close(&box.in.m);
	box.open = false;
}

/* another_process -- what begins now, or ends, is done as by a process that does not have the mailbox open. */
static void
another_process(bool begins)
{
	static ino_t ino;

	if (begins)
		ino = box.in.m.ino;
	box.in.m.ino = begins ? 0 : ino;
}

static void
step_look(struct bytes *b)
{
	static struct snapshot s;
	uint64_t live = 0;
	bool done;

	another_process(true);
	done = did(snapshot_look(&s, BOX, bytes_byte(b) % 2 == 0));
	another_process(false);
	if (!done)
		return;
	MUST(s.waiters_n <= WANT_MAX && s.receivers + s.senders == s.waiters_n);
	if (box.patched || box.policy != MAILBOX_BLOCK || box.n == SENT_MAX)
		return;
	for (size_t i = 0; i < box.n; i++)
		live += !box.sent[i].gone;
	MUST(s.messages >= live);
}

static void
make_box(struct bytes *b)
{
	static const uint64_t capacities[] = { MAILBOX_UNBOUNDED, MAILBOX_UNBOUNDED, 3, 0 };
	static const uint64_t sizes[] = { MAILBOX_UNBOUNDED, MAILBOX_UNBOUNDED, 500, 70000 };
	struct mailbox_settings settings = { .mode = 0600 };

	settings.cap_messages = capacities[bytes_below(b, 4)];
	settings.cap_bytes = sizes[bytes_below(b, 4)];
	settings.policy = (enum mailbox_policy)bytes_below(b, 3);
	if (settings.cap_messages == 0)
		settings.policy = MAILBOX_BLOCK;
	box.policy = settings.policy;
	MUST(mailbox_make(BOX, &settings) == 0);
}

static void
remove_box(struct bytes *b)
{
	another_process(true);
	if (mailbox_remove(BOX, bytes_byte(b) % 2 == 0, clock_after(1000000), NULL) == 0)
		box.removed = true;
	else if (errno != ENOTEMPTY)
		did(-1);
	another_process(false);
}

static void
step(struct bytes *b)
{
	switch (bytes_below(b, 16)) {
	case 0: case 1:
		if (box.in.m.ctl.cap_messages != 0)
			step_send(b);
		break;
	case 2:
		if (box.in.m.ctl.cap_messages != 0)
			step_send_big(b);
		break;
	case 3:
		if (box.in.m.ctl.cap_messages == 0)
			step_offer(b);
		else
			step_send(b);
		break;
	case 4: case 5: case 6:
		step_turn(b);
		break;
	case 7: case 8:
		step_settle(b);
		break;
	case 9:
		step_hold(b);
		break;
	case 10:
		step_look(b);
		break;
	case 11:
		step_call(b);
		break;
	case 12:
		close_box();
		open_box(b);
		break;
	case 13:
		if (bytes_byte(b) % 2 == 0)
			patch_full(box.in.m.dir_fd);
		else
			patch_busy(box.in.m.dir_fd);
		break;
	default:
		box.patched = true;
		patch_box(box.in.m.dir_fd, b);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, data + size };
	int before;

	fuzz_scratch();
	before = fuzz_descriptors();
	box.patched = box.removed = false;
	box.n = 0;
	make_box(&in);
	open_box(&in);
	for (int i = 0; i < STEPS && box.open && in.p < in.end; i++) {
		if (txn_lock(&box.in.m, clock_after(1000000)) == 0)
			txn_unlock(&box.in.m);    /* for what step looks at */
		step(&in);
		MUST(!box.in.m.txn.locked && !box.in.m.txn.changing && box.in.m.txn.ringing == 0);
		if (bytes_byte(&in) == 251)
			remove_box(&in);
	}
	MUST(fuzz_disk(BOX) <= DISK_MAX);
	close_box();
	MUST(fuzz_descriptors() == before);
	fuzz_clear(BOX);
	rmdir(BOX);
	return 0;
}
