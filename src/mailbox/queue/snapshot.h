/* SPDX-License-Identifier: ISC */
/*
 * survey: what is in a mailbox and who waits there, as it was at one moment under the lock.  Changes nothing.
 *
 * Who may only look takes no lock: all that he is told is of one moment too, unless something changes all the time;
 * then the counts are of one, and the oldest message and the tags may be of another.
 */
#ifndef MAILBOX_QUEUE_SNAPSHOT_H
#define MAILBOX_QUEUE_SNAPSHOT_H

#include "mailbox/box/mbox.h"

#define SURVEY_UNKNOWN UINT64_MAX
#define SURVEY_EMPTY UINT64_MAX         /* oldest_us where there is no message */

/* What the messages of one tag come to. */
struct survey_tag {
	char *tag;
	uint64_t messages, bytes;
	uint64_t oldest_us;             /* when the oldest was sent */
};

struct survey {
	struct ctl ctl;
	struct damage damage;           /* found by the look, to be told */
	uint64_t now_us, now_ns;        /* the moment: since the epoch, and CLOCK_MONOTONIC */
	uint64_t oldest_us;
	uint64_t outside;               /* messages in drop/; SURVEY_UNKNOWN where there is none, or it may not be listed */
	unsigned receivers, senders, wants_n;
	struct want wants[WANT_MAX];    /* of those who wait */
	struct survey_tag *tags;        /* sorted by tag */
	size_t tags_n, tags_room;
};

/*
 * survey_look -- look into the mailbox at path.  s: zero, or as of the last look, whose tags are forgotten.
 * tags: count by tag too.
 * Returns 0, or -1: EBUSY where another kept it locked for a second, EIDRM, or errno as of mbox_open, mbox_lock.
 */
int survey_look(struct survey *s, const char *path, bool tags);

/* survey_sent, survey_received -- how many messages have come in so far, and were received: neither dropped nor damaged. */
static inline uint64_t
survey_sent(const struct survey *s)
{
	return s->ctl.next - 1;
}

static inline uint64_t
survey_received(const struct survey *s)
{
	return survey_sent(s) - s->ctl.live - s->ctl.dropped - s->ctl.damaged;
}

#endif
