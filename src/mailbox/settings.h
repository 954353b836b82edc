/* SPDX-License-Identifier: ISC */
/* settings: what a mailbox is made with, and what of it goes together. */
#ifndef MAILBOX_SETTINGS_H
#define MAILBOX_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mailbox/mode.h"

#define MAILBOX_UNBOUNDED UINT64_MAX    /* a capacity without bound */

/* What happens to a message for which there is no room. */
enum mailbox_policy {
	MAILBOX_BLOCK,                  /* its sender waits */
	MAILBOX_OLDEST,                 /* the oldest message that is not claimed is dropped for it */
	MAILBOX_LATEST,                 /* room or not, it takes the place of the message with its tag */
};

struct mailbox_settings {
	uint64_t cap_messages, cap_bytes;       /* or MAILBOX_UNBOUNDED; cap_messages 0: messages are handed over */
	unsigned mode;                          /* permission bits (mode.h) */
	enum mailbox_policy policy;
	bool grouped;                           /* to make: its group is this one, else the maker's */
	gid_t group;                            /* set by mailbox_look too */
	bool durable;                           /* what was sent survives loss of power */
	bool closed, paused;                    /* no more is sent to it; receivers take nothing; not of mailbox_make */
};

/* mailbox_wrong -- NULL where a mailbox can have these settings, else what does not go together, in words. */
static inline const char *
mailbox_wrong(const struct mailbox_settings *s)
{
	if (s->durable && mode_drops(s->mode))
		return "-d does not go with send-only access (w): its senders could not learn that a message is on stable storage";
	if (s->cap_messages == 0 && mode_drops(s->mode))
		return "-c 0 does not go with send-only access (w): its senders do not wait to hand a message over";
	if (s->cap_messages == 0 && s->policy != MAILBOX_BLOCK)
		return "-o chooses what a full mailbox drops: with -c 0 there is nothing to drop";
	if (s->durable && s->cap_messages == 0)
		return "-d keeps messages through a loss of power: with -c 0 none are kept";
	if (s->durable && s->policy != MAILBOX_BLOCK)
		return "-d keeps messages until they are received: -o drops some";
	return NULL;
}

#endif
