/* SPDX-License-Identifier: ISC */
/* ctl: read and write the two copies.  A crash leaves the older copy to count, or the new one. */
#include "mailbox/disk/ctl.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/fail.h"
#include "base/hash.h"
#include "base/io.h"
#include "mailbox/disk/batch.h"
#include "mailbox/disk/due.h"
#include "mailbox/disk/once.h"
#include "mailbox/disk/want.h"

static bool
valid(const struct ctl *c)
{
	return memcmp(c->magic, CTL_MAGIC, sizeof c->magic) == 0 && c->sum == hash_sum(c, offsetof(struct ctl, sum));
}

/* sound -- whether any mailbox could have this ctl: the rest of the program relies on it. */
static bool
sound(const struct ctl *c)
{
	bool extent = c->last_seg == 0 ? c->first_seg == 0 && c->log_len == 0 && c->names == 0 && c->names_len == 0
	    : c->first_seg != 0 && c->first_seg <= c->last_seg && c->last_seg <= c->next
	    && c->next - c->last_seg <= SEG_MESSAGES && c->log_len <= SEG_LOG_BOUND && c->names <= SEG_NAMES
	    && c->names_len <= SEG_NAMES_BYTES;
	/* in the middle of a change the counts may be anything */
	bool counts = c->busy || (c->first <= c->next && c->head <= c->next && c->live < c->next
	    && c->claimed <= c->live && c->retrying <= c->live && c->delayed <= c->live
	    && c->dues >= c->delayed && c->dues <= INT64_MAX / DUE_ENTRY / 2
	    && c->dropped < c->next && c->buried < c->next
	    && (c->live == 0 || c->last_seg != 0));

	bool once = c->once_heads <= ONCE_WINDOWS && c->once_at <= c->once_heads && c->once_taken <= INT64_MAX;

	return c->next > 0 && c->next <= INT64_MAX && extent && counts && once && c->wants <= WANT_MAX
	    && (c->mode & ~0777U) == 0 && c->policy <= MAILBOX_LATEST;
}

/* is_newer -- whether a version has written it that uses what is reserved in this one. */
static bool
is_newer(const struct ctl *c)
{
	unsigned set = 0;

	for (size_t i = 0; i < sizeof c->reserved / sizeof c->reserved[0]; i++)
		set |= c->reserved[i];
	return c->version != CTL_VERSION || set != 0;
}

/* is_other -- whether it is that of another version, which may have its checksum elsewhere. */
static bool
is_other(const struct ctl *c)
{
	return memcmp(c->magic, CTL_MAGIC, sizeof c->magic) == 0 && c->version != 0 && c->version != CTL_VERSION;
}

enum { TRIES = 8 };             /* without the lock, reads may catch both copies while they are being written */

int
ctl_read(int fd, struct ctl *c)
{
	struct ctl two[2] = { 0 };
	const struct ctl *best = NULL;

	for (int tries = 0; best == NULL && tries < TRIES; tries++) {
		if (io_pread(fd, two, sizeof two, 0) == -1)
			return -1;
		for (int i = 0; i < 2; i++)
			if (valid(&two[i]) && (best == NULL || two[i].generation > best->generation))
				best = &two[i];
	}
	if (best != NULL && !is_newer(best) && sound(best)) {
		*c = *best;
		return 0;
	}
	if (best != NULL ? !is_newer(best) : !is_other(&two[0]))
		return fail_with(EUCLEAN);
	/* versions are small numbers */
	return fail_with(best == NULL && (two[0].version & 0xffff) == 0 ? EPROTONOSUPPORT : EPROTO);
}

bool
ctl_still(int fd, uint64_t generation)
{
	struct ctl two[2] = { 0 };
	int other = (generation + 1) % 2;

	/* if the other copy is being written, this one may have been read before it, and be old by now */
	return io_pread(fd, two, sizeof two, 0) != -1 && valid(&two[0]) && valid(&two[1])
	    && two[generation % 2].generation == generation && two[other].generation < generation;
}

int
ctl_write(int fd, struct ctl *c)
{
	c->generation++;
	c->sum = hash_sum(c, offsetof(struct ctl, sum));
	return io_pwrite(fd, c, sizeof *c, c->generation % 2 * CTL_COPY);
}
