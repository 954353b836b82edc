/* SPDX-License-Identifier: ISC */
/* address: see address.h. */
#include "mailbox/drop/address.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/users.h"
#include "mailbox/box/txn.h"

/* load -- read `identity`, which must be this mailbox's.  Returns 0, or -1. */
static int
load(struct address *a, const struct mbox *m)
{
	char to[DROPDIR_TO_BYTES], ours[DROPDIR_TO_BYTES];
	struct stat st;
	size_t len;

	/* it may have another owner by now */
	if (fstat(m->dir_fd, &st) == -1 || dropdir_identity(m->dir_fd, st.st_uid, to, &len) == -1)
		return -1;
	dropdir_to(ours, m->ctl.identity, m->uid);
	errno = EBADMSG;
	if (memcmp(to, ours, DROPDIR_TO_OWNER) != 0)
		return -1;
	memcpy(a->to, to, len);
	a->len = len;
	return 0;
}

int
address_learn(struct address *a, struct mbox *m)
{
	bool home = users_unknown() == USERS_ALL_KNOWN;

	if (load(a, m) == -1 && (!home || (errno != ENOENT && errno != EBADMSG)
	    || dropdir_identify(m->dir_fd, m->ctl.mode, m->ctl.identity, m->uid) == -1 || load(a, m) == -1))
		return -1;
	/* in a namespace it is right for all outside; and root may look from outside into a container */
	a->stale = home && geteuid() == m->uid && !dropdir_names(a->to, a->len, m->uid);
	return a->stale ? dropdir_shut(m->drop_fd) : 0;
}

int
address_is(struct address *a, const struct mbox *m, struct slice to)
{
	if (slice_eq(to, (struct slice){ a->to, a->len }))
		return 1;
	return load(a, m) == -1 ? -1 : slice_eq(to, (struct slice){ a->to, a->len });
}

int
address_renew(struct address *a, struct mbox *m, uint64_t deadline_ns)
{
	uint64_t n;
	int r;

	if (!a->stale)
		return 0;
	if (txn_lock(m, deadline_ns) == -1)
		return -1;
	r = dropdir_count(m->drop_fd, m->ctl.taken, &n);
	/* were it written first, a kill would leave drop/ shut for good */
	if (r == 0 && n == 0 && ((!m->ctl.closed && dropdir_unshut(m->drop_fd, m->ctl.mode) == -1)
	    || dropdir_identify(m->dir_fd, m->ctl.mode, m->ctl.identity, m->uid) == -1 || address_learn(a, m) == -1))
		r = -1;
	txn_unlock(m);
	return r;
}
