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

/* fill_table -- post wants of our own until there is no place. */
static int
fill_table(struct mbox *m)
{
	struct want w = { .kind = WANT_PEEK };
	int r = mbox_lock(m, CLOCK_NEVER);

	if (r == 0)
		r = mbox_number(m) == 0 && mbox_begin(m) == 0 ? 0 : -1;
	if (r == 0)
		m->want_fd = openat(m->dir_fd, "want", O_RDWR | O_CLOEXEC);
	w.owner = m->number;
	for (uint32_t i = 0; r == 0 && i < WANT_MAX; i++)
		r = want_write(m->want_fd, i, &w);
	m->ctl.wants = WANT_MAX;
	if (r == 0)
		r = mbox_commit(m);
	mbox_unlock(m);
	return r;
}

static bool
no_spool_without_a_want(void)
{
	const struct box_settings settings = { CTL_UNBOUNDED, CTL_UNBOUNDED, 0600, CTL_BLOCK, false };
	char path[] = "unit.XXXXXX", name[BELL_NAME_MAX];
	struct mbox m;
	int fd;

	CHECK(mkdtemp(path) != NULL && rmdir(path) == 0);
	CHECK(box_make(path, &settings) == 0 && mbox_open(&m, path) == 0 && fill_table(&m) == 0);
	errno = 0;
	fd = spool_open(&m, CLOCK_NEVER);
	bell_spool_name(name, m.number);
	CHECK(fd == -1 && errno == ENOSPC && faccessat(m.dir_fd, name, F_OK, 0) == -1);
	mbox_close(&m);
	CHECK(box_remove(path, true, CLOCK_NEVER, NULL) == 0);
	return true;
}

/* send_one -- a message of one byte is in the mailbox, and a want for its end is posted. */
static int
send_one(struct mbox *m)
{
	static struct batch b;
	static struct post p;
	int r;

	p = (struct post){ .m = m };
	batch_clear(&b);
	if (batch_head(&b, &plain) != 1 || batch_put(&b, "x", 1) != 1 || post_batch(&p, &b, CLOCK_NEVER) == -1
	    || mbox_lock(m, CLOCK_NEVER) == -1)
		return -1;
	r = sync_post(m, p.last_id) == 0 && m->posted ? mbox_commit(m) : -1;
	mbox_unlock(m);
	return r;
}

/* stands -- what sync_state says of message 1 while the want's mark is this. */
static int
stands(struct mbox *m, uint64_t mark)
{
	struct item item;
	int r;

	if (mbox_lock(m, CLOCK_NEVER) == -1)
		return -1;
	r = want_mark(m->want_fd, m->want_index, mark) == -1 ? -1 : sync_state(m, 1, &item);
	mbox_unlock(m);
	return r;
}

static bool
dropped_is_what_is_gone(void)
{
	const struct box_settings settings = { CTL_UNBOUNDED, CTL_UNBOUNDED, 0600, CTL_BLOCK, false };
	char path[] = "unit.XXXXXX";
	struct mbox m;

	CHECK(mkdtemp(path) != NULL && rmdir(path) == 0);
	CHECK(box_make(path, &settings) == 0 && mbox_open(&m, path) == 0 && send_one(&m) == 0);
	CHECK(stands(&m, 0) == SYNC_WAITS && stands(&m, STATE_DONE) == SYNC_RECEIVED);
	/* who was to drop it was killed between the mark and the state: it is there, and will be received */
	CHECK(stands(&m, STATE_DROPPED) == SYNC_WAITS);
	CHECK(mbox_lock(&m, CLOCK_NEVER) == 0 && sync_withdraw(&m, 1) == 0 && mbox_commit(&m) == 0);
	mbox_unlock(&m);
	CHECK(stands(&m, STATE_DROPPED) == SYNC_DROPPED);
	mbox_close(&m);
	CHECK(box_remove(path, true, CLOCK_NEVER, NULL) == 0);
	return true;
}

#endif
