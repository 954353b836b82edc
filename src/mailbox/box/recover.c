/* SPDX-License-Identifier: ISC */
/* recover: from the directory, the indexes and the table of wants to ctl.  What a crash leaves: recover.h. */
#include "mailbox/box/recover.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/num.h"
#include "base/safefile.h"
#include "mailbox/box/delay.h"
#include "mailbox/box/links.h"
#include "mailbox/box/rights.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/dropdir.h"
#include "mailbox/disk/linkfile.h"
#include "mailbox/disk/replydir.h"
#include "mailbox/mode.h"

/* ---- segments ---- */

static int
by_id(const void *a, const void *b)
{
	const struct recover_listed *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int
add_id(struct recover_list *ids, uint64_t id)
{
	struct recover_listed *bigger;

	if (ids->n == ids->room) {
		ids->room = ids->room ? 2 * ids->room : 64;
		bigger = realloc(ids->seg, ids->room * sizeof *bigger);
		if (bigger == NULL)
			return -1;
		ids->seg = bigger;
	}
	ids->seg[ids->n++] = (struct recover_listed){ id, 0 };
	return 0;
}

int
recover_list_segments(int dir_fd, bool new, struct recover_list *ids)
{
	DIR *d = safefile_list_open(dir_fd);
	const struct dirent *e;
	uint64_t id;
	uint32_t variant;
	int r = 0;
	char kind;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL) {
		kind = seg_parse_file(e->d_name, &id, &variant);
		if (kind == 'i' || (new && kind == 'n'))
			r = add_id(ids, id);
	}
	safefile_list_close(d);
	if (ids->n > 1)
		qsort(ids->seg, ids->n, sizeof *ids->seg, by_id);
	return r;
}

/* messages -- how many messages a segment has. */
static uint32_t
messages(const struct ctl *c, const struct seg *s)
{
	return s->h.first == c->last_seg ? (uint32_t)(c->next - c->last_seg) : s->h.n;
}

/* count_messages -- add a segment's messages to the counts; sets s->h.done. */
static int
count_messages(struct ctl *c, struct seg *s)
{
	struct seg_cursor at = { .n = messages(c, s) };
	enum state_status status;
	uint64_t id;
	int r;

	s->h.done = 0;
	while ((r = seg_next(s, &at)) == 1) {
		status = state_status(at.state);
		if (status >= STATE_DONE) {
			s->h.done++;
			continue;
		}
		id = seg_id(s, at.pos);
		if (id == 0)
			return -1;
		if (c->live++ == 0)
			c->first = id;
		if (status != STATE_CLAIMED && status != STATE_DELAYED && c->head > id)
			c->head = id;
		c->live_bytes += batch_cost(at.slot->len);
		c->claimed += status == STATE_CLAIMED;
		c->retrying += status == STATE_RETRY;
		c->delayed += status == STATE_DELAYED;
	}
	return r;
}

/*
 * clear_states -- the state of a message that was to be sent for later may stand behind the newest segment's last: the
 * next there would have it.  Others begin with zeros, a RESERVE at a time (seg_reserve).
 */
static int
clear_states(const struct seg *s, uint32_t n)
{
	static const uint64_t zero[SEG_RESERVE];

	return n % SEG_RESERVE == 0 ? 0 : seg_write(s, SEG_STATES, n, SEG_RESERVE - n % SEG_RESERVE, zero);
}

/* count_segment -- open and count segment id, or remove it if nothing in it waits.  Returns 1, 0 removed, or -1. */
static int
count_segment(struct mbox *m, uint64_t id, struct seg *s)
{
	struct ctl *c = &m->ctl;

	if (seg_open(s, m->dir_fd, id, seg_access(c->mode)) == -1) {
		/* the header of a segment that was never linked may be torn */
		if (errno != EBADMSG || id != c->next)
			return -1;
		s->h.first = id;
	} else if (id == c->last_seg || (id < c->last_seg && s->h.n > 0)) {
		if (count_messages(c, s) == -1 || (id == c->last_seg && clear_states(s, messages(c, s)) == -1)) {
			seg_close(s);
			return -1;
		}
		if (id == c->last_seg || s->h.done < s->h.n)
			return 1;
	}
	c->orphans |= seg_remove(s) == -1;
	return 0;
}

/* link_next -- write the header of s, whose next segment that is, and close it; s may be closed already. */
static int
link_next(struct seg *s, uint64_t next)
{
	int r;

	if (s->h.first == 0)
		return 0;
	s->h.next = next;
	r = seg_write_header(s);
	seg_close(s);
	return r;
}

/* count_segments -- count all segments, remove those in which nothing waits, and link the others. */
static int
count_segments(struct mbox *m, struct recover_list *ids)
{
	struct ctl *c = &m->ctl;
	struct seg s, last = SEG_CLOSED;
	int r = 0;

	c->first_seg = 0;
	for (size_t i = 0; r != -1 && i < ids->n; i++) {
		uint64_t id = ids->seg[i].id;

		ids->seg[i].id = 0;
		r = count_segment(m, id, &s);
		if (r != 1)
			continue;
		ids->seg[i] = (struct recover_listed){ id, s.h.variant };
		s.h.prev = last.h.first;
		if (last.h.first == 0)
			c->first_seg = id;
		r = link_next(&last, id);
		last = s;
	}
	if (r != -1 && last.h.first == c->last_seg) {
		r = link_next(&last, 0);
	} else if (r != -1 && c->live == 0) {
		c->last_seg = c->log_len = c->names = c->names_len = 0;
	} else if (r != -1) {
		/* the newest goes only when nothing is left */
		errno = EBADMSG;
		r = -1;
	}
	seg_close(&last);
	return r;
}

/* message_waits -- whether message id is in a segment and not gone.  Returns -1 where that cannot be told. */
static int
message_waits(const struct mbox *m, const struct recover_list *ids, uint64_t id)
{
	struct seg s;
	uint64_t state = 0, at;
	uint32_t n, pos;
	int waits = 0;

	for (size_t i = ids->n; i-- > 0;) {
		if (ids->seg[i].id == 0 || ids->seg[i].id > id)
			continue;
		if (seg_open(&s, m->dir_fd, ids->seg[i].id, seg_access(m->ctl.mode)) == -1)
			return -1;
		n = messages(&m->ctl, &s);
		/* what cannot be read is not taken for missing */
		at = seg_find(&s, n, id, &pos) == -1 ? 0 : pos < n ? seg_id(&s, pos) : UINT64_MAX;
		if (at == 0)
			waits = -1;
		else if (at == id)
			waits = seg_read(&s, SEG_STATES, pos, 1, &state) == -1 ? -1 : state_status(state) < STATE_DONE;
		seg_close(&s);
		return waits;
	}
	return 0;
}

/* count_leaving -- count a message that was about to leave unreceived, if it is gone. */
static int
count_leaving(struct mbox *m, const struct recover_list *ids)
{
	struct ctl *c = &m->ctl;
	int waits = c->leaving == 0 ? 1 : message_waits(m, ids, c->leaving);

	if (waits == -1)
		return -1;
	if (waits == 0)
		ctl_count_left(c);
	c->leaving = c->leaves_as = 0;
	return 0;
}

/* ---- wants, and files ---- */

/* count_wants -- void the wants of the dead, and count the entries in use.  owners: gets those of the others, sorted. */
static int
count_wants(struct mbox *m, struct recover_list *owners)
{
	struct want w;
	int used = want_room(m->want_fd), r;

	for (int i = 0; i < used; i++) {
		r = want_read(m->want_fd, (uint32_t)i, &w);
		if (r == -1 && errno != EBADMSG)
			return -1;
		if (r == -1 || (w.owner != 0 && !mbox_lives(m, w.owner))) {
			if (want_void(m->want_fd, (uint32_t)i) == -1)
				return -1;
		} else if (w.owner != 0 && add_id(owners, w.owner) == -1) {
			return -1;
		}
	}
	if (used == -1 || (used = want_used(m->want_fd, (uint32_t)used)) == -1)
		return -1;
	if (owners->n > 1)
		qsort(owners->seg, owners->n, sizeof *owners->seg, by_id);
	m->ctl.wants = (uint32_t)used;
	return 0;
}

/*
 * in_use -- whether NUMBER.wake, NUMBER.spool, NUMBER.reply or NUMBER.link is in use: the first by a want, the others by
 * a process that lives, whether or not it has a want in the table; a link also by what that has started.  True for
 * other files.
 */
static bool
in_use(const struct mbox *m, const struct recover_list *owners, const char *name)
{
	const char *dot = strchr(name, '.');
	uint64_t number;

	if (linkfile_parse(name, &number))
		return links_in_use(m, number, name);
	if (replydir_parse(name, &number))
		return mbox_lives(m, number);
	if (dot == NULL || (strcmp(dot, ".wake") != 0 && strcmp(dot, ".spool") != 0)
	    || num_parse((struct slice){ name, (size_t)(dot - name) }, &number) == -1)
		return true;
	if (strcmp(dot, ".spool") == 0)
		return mbox_lives(m, number);
	return owners->n > 0 && bsearch(&(struct recover_listed){ .id = number }, owners->seg, owners->n,
	    sizeof *owners->seg, by_id) != NULL;
}

static bool
log_is_named(const struct recover_list *ids, uint64_t id, uint32_t variant)
{
	for (size_t i = 0; i < ids->n; i++)
		if (ids->seg[i].id == id)
			return ids->seg[i].variant == variant;
	return false;
}

/* is_named -- whether a segment, message, want or living process names the file.  Returns -1 if that is not known. */
static int
is_named(const struct mbox *m, const struct recover_list *ids, const struct recover_list *owners, const char *name)
{
	uint64_t id;
	uint32_t variant;

	switch (seg_parse_file(name, &id, &variant)) {
	case 'l':
		return log_is_named(ids, id, variant);
	case 'b':
	case 'm':
		return message_waits(m, ids, id);
	case 'n':
		return 0;
	case 'i':
		return 1;
	default:
		if (strcmp(name, "closed") == 0)
			return m->ctl.closed;
		return strcmp(name, "identity.new") != 0 && strcmp(name, "once.new") != 0 && in_use(m, owners, name);
	}
}

/* remove_unnamed -- remove the files that nothing names. */
static int
remove_unnamed(struct mbox *m, const struct recover_list *ids, const struct recover_list *owners)
{
	DIR *d = safefile_list_open(m->dir_fd);
	const struct dirent *e;
	int named, r = 0;

	if (d == NULL)
		return -1;
	while (r == 0 && (e = safefile_list_next(d, &r)) != NULL) {
		named = is_named(m, ids, owners, e->d_name);
		if (named == 0)
			m->ctl.orphans |= replydir_remove(m->dir_fd, e->d_name) == -1;
		else if (named == -1)
			r = -1;
	}
	safefile_list_close(d);
	return r;
}

/*
 * settle_drop -- allow drops again, which a removal that was killed had stopped; or stop them, where that was killed
 * which has closed the mailbox, or was to open it.
 */
static int
settle_drop(const struct mbox *m)
{
	struct stat st;
	int fd, r;

	if (fstat(m->dir_fd, &st) == -1)
		return -1;
	fd = dropdir_open(m->dir_fd, st.st_uid);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	r = m->ctl.closed ? dropdir_shut(fd) : dropdir_unshut(fd, m->ctl.mode);
	io_close(fd);
	return r;
}

int
recover(struct mbox *m)
{
	struct ctl *c = &m->ctl;
	struct recover_list ids = { NULL, 0, 0 }, owners = { NULL, 0, 0 };
	int r = -1;

	c->orphans = 0;
	c->live = c->live_bytes = c->claimed = c->retrying = c->delayed = 0;
	c->passed_from = c->passed_to = c->keeper = 0;
	c->first = c->head = c->next;
	delay_none(c);
	/* wants before files: a process that dies in between leaves both for the next recovery */
	if (recover_list_segments(m->dir_fd, false, &ids) == 0 && count_segments(m, &ids) == 0
	    && count_leaving(m, &ids) == 0 && count_wants(m, &owners) == 0 && remove_unnamed(m, &ids, &owners) == 0
	    && (!mode_drops(c->mode) || c->rights || settle_drop(m) == 0) && (c->delayed == 0 || delay_recount(m) == 0)) {
		if (c->rights && rights_ours(m) && rights_apply(m) == 0)
			c->rights = 0;
		c->layout++;
		c->requeues++;
		c->checked_ns = 0;
		r = 0;
	}
	free(ids.seg);
	free(owners.seg);
	return r;
}
