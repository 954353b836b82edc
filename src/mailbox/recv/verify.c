/* SPDX-License-Identifier: ISC */
/* verify: a crash while damage is set aside leaves a dead claim: the next receiver finds the damage again. */
#include "mailbox/recv/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bootid.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/safefile.h"
#include "frame/frame.h"
#include "mailbox/box/txn.h"

enum { PIECE = 64 * 1024 };             /* bytes of a payload read at a time */

enum verdict { WHOLE, DAMAGED, GONE };

/* frame_of -- where item i's frame, of slot_frame_len bytes, stands in run. */
static inline const char *
frame_of(const struct run *run, uint32_t i)
{
	return run->in->log + (run->in->items[i].slot.off - run->in->log_at);
}

/* is_whole -- verify_frame, of each message of a stream. */
static inline bool
is_whole(const struct run *run, uint32_t i)
{
	const struct item *item = &run->in->items[i];
	uint32_t sum = hash_sum(frame_of(run, i), slot_frame_len(&item->slot));

	return seg_bind(sum, run->in->salt, item->id) == item->slot.sum;
}

bool
verify_frame(const struct run *run, uint32_t i)
{
	return is_whole(run, i);
}

/* payload_sum -- the checksum of a file.  Returns 0, or -1. */
static OUT_OF_LINE int
payload_sum(int fd, uint64_t *sum)
{
	char piece[PIECE];
	struct hash h;
	ssize_t n;

	hash_begin(&h);
	while ((n = io_pread(fd, piece, sizeof piece, h.len)) > 0)
		hash_add(&h, piece, (size_t)n);
	*sum = hash_end(&h);
	return n == -1 ? -1 : 0;
}

/* verify_payload -- whether a large payload is what was sent.  Returns an enum verdict, or -1. */
static int
verify_payload(const struct mbox *m, const struct run *run, uint32_t i)
{
	const struct item *item = &run->in->items[i];
	char name[SEG_NAME_BYTES];
	uint64_t expected, sum;
	struct frame f;
	struct stat st;
	int fd, r;

	if (frame_parse(&f, frame_of(run, i), item->slot.head_len, NULL) == -1
	    || batch_big_take(&f.extra, &expected) == -1)
		return DAMAGED;
	seg_file(name, item->id, 0, "big");
	fd = safefile_open_plain(m->dir_fd, name, O_RDONLY);
	if (fd == -1)
		return errno == ENOENT ? GONE : errno == EBADMSG ? DAMAGED : -1;
	r = fstat(fd, &st);
	if (r == 0 && (uint64_t)st.st_size != item->slot.len)
		r = DAMAGED;
	/* a process that may only look cannot have looked at all of the mailbox after a boot */
	if (r == WHOLE && (item->id < m->ctl.proven || (m->look && !bootid_marked(m->ctl_fd)))) {
		r = payload_sum(fd, &sum);
		if (r == 0 && sum != expected)
			r = DAMAGED;
	}
	io_close(fd);
	return r;
}

/* discard -- item i is damaged: set it aside, and have it gone.  With the lock held. */
static int
discard(struct mbox *m, struct run *run, uint32_t i)
{
	struct item item = run->in->items[i];
	char name[SEG_NAME_BYTES];
	long ours;

	if (txn_begin(m) == -1 || settle_places(m, run->in->at.seg, run->in->at.layout, &item, 1) == -1)
		return -1;
	ours = settle_ours(m, &item, 1);
	if (ours < 1)
		return (int)ours;
	seg_file(name, item.id, 0, "big");
	m->ctl.leaves_as = CTL_DAMAGED;
	if (damage_keep(&m->damage, m->dir_fd, item.id, m->ctl.mode, frame_of(run, i), slot_frame_len(&item.slot)) == -1
	    || ((item.slot.flags & SLOT_BIG) && damage_keep_file(&m->damage, m->dir_fd, name) == -1)
	    || settle_gone(m, &item, 1, STATE_CLAIMED, STATE_DROPPED, 0) == -1)
		return -1;
	return 0;
}

/* discard_all -- discard what is not whole; but where rm -r is at work, which payloads are missing for: EIDRM. */
static int
discard_all(struct mbox *m, struct run *run, const unsigned char *verdicts)
{
	if (memchr(verdicts, GONE, run->n) != NULL && mbox_missing(m) == -1 && errno != EBADMSG)
		return -1;
	for (uint32_t i = 0; i < run->n; i++)
		if (verdicts[i] != WHOLE && discard(m, run, i) == -1)
			return -1;
	return 0;
}

/* judge -- whether message i of a run is whole.  Returns an enum verdict, or -1. */
static inline int
judge(const struct mbox *m, const struct run *run, uint32_t i)
{
	return !is_whole(run, i) ? DAMAGED : run->in->items[i].slot.flags & SLOT_BIG ? verify_payload(m, run, i) : WHOLE;
}

/* set_aside -- some messages of the run are not whole: they leave it, and the mailbox.  Returns 0, or -1. */
static COLD OUT_OF_LINE int
set_aside(struct claim *c, struct run *run)
{
	const bool peek = c->receiver->peek;
	struct mbox *m = &c->m;
	unsigned char verdicts[RUN_MESSAGES] = { WHOLE };
	uint32_t n = 0;
	int verdict;

	for (uint32_t i = 0; i < run->n; i++) {
		verdict = judge(m, run, i);
		if (verdict == -1)
			return -1;
		verdicts[i] = (unsigned char)verdict;
	}
	io_close(run->in->offer_fd);
	run->in->offer_fd = -1;
	if (!peek && (txn_lock(m, claim_deadline(c)) == -1 || txn_end(m, discard_all(m, run, verdicts)) == -1)) {
		run->in->at.sure = false;
		return -1;
	}
	for (uint32_t i = 0; i < run->n; i++) {
		if (verdicts[i] == WHOLE)
			run->in->items[n++] = run->in->items[i];
		else if (verdicts[i] == DAMAGED || !peek)
			damage_note(&m->damage, run->in->items[i].id);
	}
	run->n = n;
	return 0;
}

int
verify_run(struct claim *c, struct run *run)
{
	int verdict;

	for (uint32_t i = 0; i < run->n; i++) {
		verdict = judge(&c->m, run, i);
		if (verdict != WHOLE)
			return verdict == -1 ? -1 : set_aside(c, run);
	}
	return 0;
}
