/* SPDX-License-Identifier: ISC */
/* ctl: two copies in turn.  A crash leaves the copy before, or the new one. */
#include "ctl.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "hash.h"
#include "io.h"

static bool
valid(const struct ctl *c)
{
	return memcmp(c->magic, CTL_MAGIC, sizeof c->magic) == 0 && c->sum == hash_sum(c, offsetof(struct ctl, sum));
}

int
ctl_read(int fd, struct ctl *c)
{
	struct ctl two[2] = { 0 };
	const struct ctl *best = NULL;

	if (io_pread(fd, two, sizeof two, 0) == -1)
		return -1;
	for (int i = 0; i < 2; i++)
		if (valid(&two[i]) && (best == NULL || two[i].generation > best->generation))
			best = &two[i];
	if (best == NULL) {
		errno = EBADMSG;
		return -1;
	}
	if (best->version != CTL_VERSION) {
		errno = EPROTO;
		return -1;
	}
	*c = *best;
	return 0;
}

int
ctl_write(int fd, struct ctl *c)
{
	c->generation++;
	c->sum = hash_sum(c, offsetof(struct ctl, sum));
	return io_pwrite(fd, c, sizeof *c, c->generation % 2 * CTL_COPY);
}
