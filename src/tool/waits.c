/* SPDX-License-Identifier: ISC */
/* waits: see waits.h. */
#include "tool/waits.h"

#include <unistd.h>

#include "base/process.h"
#include "base/reclock.h"
#include "tool/line.h"

void
waits_locked(const char *name, const char *end)
{
	char comm[PROCESS_NAME_MAX];
	pid_t pid = reclock_missed;
	bool stopped;

	if (pid <= 0) {
		line_warn("%s is locked by another process: %s", name, end);
		return;
	}
	(void)process_look(pid, comm, &stopped);
	line_warn("%s is locked by process %d (%s)%s: %s", name, (int)pid, comm, stopped ? ", which is stopped" : "", end);
}

/* of -- a thing of the channel, and with a unit how much of it there is. */
static void
of(struct words *t, const char *thing, const struct waiting *w, const char *unit)
{
	words_add(t, thing);
	words_add(t, w->name);
	if (unit == NULL)
		return;
	words_add(t, " (");
	words_number(t, w->number);
	words_add(t, " of ");
	words_number(t, w->most);
	words_add(t, unit);
}

/* numbered -- with a number in the middle. */
static void
numbered(struct words *t, const char *before, uint64_t number, const char *after)
{
	words_add(t, before);
	words_number(t, number);
	words_add(t, after);
}

void
waits_words(struct words *t, const struct waiting *w)
{
	words_add(t, "waiting for ");
	switch (w->kind) {
	case WAITING_NOTHING: case WAITING_KINDS:
		break;
	case WAITING_INPUT:
		words_add(t, isatty(STDIN_FILENO) ? "standard input (^D ends it)" : "standard input");
		break;
	case WAITING_ROOM:
		of(t, "room in ", w, ")");
		break;
	case WAITING_ROOM_BYTES:
		of(t, "room in ", w, " bytes)");
		break;
	case WAITING_RECEIVER:
		of(t, "a receiver at ", w, NULL);
		break;
	case WAITING_DONE:
		numbered(t, "the receiver of message ", w->number, " in ");
		words_add(t, w->name);
		break;
	case WAITING_READER:
		of(t, "a reader of the FIFO ", w, NULL);
		break;
	case WAITING_WRITER:
		of(t, "another writer of ", w, NULL);
		break;
	case WAITING_MESSAGE:
		of(t, "a message in ", w, NULL);
		if (w->number > 0)
			numbered(t, ", or ", w->number, " more");
		break;
	case WAITING_ANSWER:
		of(t, "the answer of ", w, NULL);
		break;
	case WAITING_LOCK:
		of(t, "the lock of ", w, NULL);
		break;
	}
	if (w->paused) {
		of(t, ": ", w, NULL);
		of(t, " is paused (chmbox --resume ", w, NULL);
		words_add(t, ")");
	}
}

void
waits_tell(const struct waiting *w)
{
	struct words text;

	if (w->kind == WAITING_LOCK) {
		waits_locked(w->name, "waiting");
	} else if (w->kind != WAITING_INPUT || isatty(STDIN_FILENO)) {
		/* what a program is to send may take any time */
		words_begin(&text);
		waits_words(&text, w);
		line_warn("%s", text.of);
	}
}
