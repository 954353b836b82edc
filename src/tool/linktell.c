/* SPDX-License-Identifier: ISC */
/* linktell: see linktell.h. */
#include "tool/linktell.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "tool/line.h"

/* is_news -- whether this was not said since the state changed; it counts as said. */
static bool
is_news(struct linktell *t, const char *text)
{
	uint32_t sum = hash_sum(text, strlen(text));

	for (unsigned i = 0; i < LINKTELL_SAID; i++)
		if (t->said[i] == sum)
			return false;
	t->said[t->n++ % LINKTELL_SAID] = sum;
	return true;
}

void
linktell_state(struct linktell *t, enum link_state state, const char *reason, uint64_t again_ns)
{
	const char *word = state == LINK_LINKED ? "linked" : state == LINK_WAITS ? "waits" : t->was_linked ? "lost" : "not linked";
	char again[48] = "";

	t->near = false;
	reason = reason == NULL ? "" : reason;
	if (state == t->state && strcmp(reason, t->reason) == 0)
		return;
	if (again_ns > 0)
		snprintf(again, sizeof again, ", again in %.1f s", (double)again_ns / 1e9);
	if (state == LINK_LINKED)
		line_warn("%s -> %s: linked", t->from, t->to);
	else if (state != LINK_STARTS)
		line_warn(state == LINK_WAITS ? "%s -> %s: %s: %s%s" : "%s -> %s: %s (%s)%s", t->from, t->to, word, reason, again);
	if (state == LINK_LINKED)
		memset(t->said, 0, sizeof t->said);
	t->state = state;
	snprintf(t->reason, sizeof t->reason, "%s", reason);
}

bool
linktell_line(struct linktell *t, const char *line, size_t len)
{
	bool own = strncmp(line, "mrecv: ", 7) == 0 || strncmp(line, "msend: ", 7) == 0;

	if (slice_is((struct slice){ line, len }, "linked")) {
		/* what came before may yet be why it ends: the far side's errors come by another way than its mark */
		t->was_linked = t->near = true;
		return true;
	}
	/* how a child is used is not for the user to know; our own tools say at last that the adapter has ended, which it has told better */
	if (len == 0 || line[0] == ' ' || strncmp(line, "usage: ", 7) == 0 || (own && t->held[0] != '\0' && !t->held_own))
		return false;
	linktell_flush(t);
	snprintf(t->held, sizeof t->held, "%.*s", (int)len, line);
	t->held_own = own;
	return false;
}

void
linktell_lasts(struct linktell *t)
{
	if (t->near)
		linktell_state(t, LINK_LINKED, NULL, 0);
	linktell_flush(t);
}

void
linktell_flush(struct linktell *t)
{
	if (t->held[0] != '\0' && strcmp(t->held, t->reason) != 0 && is_news(t, t->held))
		line_warn("%s -> %s: %s", t->from, t->to, t->held);
	t->held[0] = '\0';
}

const char *
linktell_reason(struct linktell *t)
{
	static char reason[LINKTELL_LINE];

	snprintf(reason, sizeof reason, "%s", t->held);
	t->held[0] = '\0';
	return reason[0] == '\0' ? NULL : reason;
}

void
linktell_end(const struct linktell *t, const char *text)
{
	line_warn("%s -> %s: %s", t->from, t->to, text);
}
