/* SPDX-License-Identifier: ISC */
/* pending: see pending.h.  Acknowledgements are cumulative: a line for a run of stored messages, one for each refused one. */
#include "link/pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "link/adapter.h"
#include "link/carry.h"
#include "link/settled.h"

enum { BURST = 256 };                            /* messages taken from one look at the engine to the next */

void
pending_init(struct pending *p, int fd)
{
	p->first = 0;
	p->count = 0;
	p->bytes = 0;
	outbuf_init(&p->acks, fd);
}

/* add -- take a message in hand.  Returns 0, or -1: EBADMSG it has no id, ENOMEM. */
static int
add(struct pending *p, const struct message *m)
{
	struct entry *e = pending_entry(p, p->count);
	char line[FRAME_HEADER_MAX];
	size_t len = (size_t)m->len;    /* what is in memory */

	if (m->id == 0)
		return fail_with(EBADMSG);
	*e = (struct entry){ .id = m->id, .state = m->data == NULL ? ENTRY_REFUSED : ENTRY_WAITS };
	if (m->data != NULL) {
		e->line_len = carry_line(line, m);
		e->text = malloc(e->line_len + len + 1);
		if (e->text == NULL)
			return -1;
		memcpy(e->text, line, e->line_len);
		memcpy(e->text + e->line_len, m->data, len);
		e->len = len;
		p->bytes += len;
	}
	p->count++;
	return 0;
}

int
pending_take(struct pending *p, struct intake *in, bool *more)
{
	struct message m = { .id = 0 };
	int r = 0;

	if (pending_full(p))
		return 0;
	for (unsigned i = 0; i < BURST && !pending_full(p) && (r = intake_next(in, &m)) == 1; i++) {
		if (add(p, &m) == -1) {
			adapter_say(errno == EBADMSG ? "a frame without id: nobody could acknowledge it" : "message %llu: %s",
			    (unsigned long long)m.id, strerror(errno));
			return errno == EBADMSG ? ADAPTER_REFUSED : ADAPTER_LATER;
		}
		if (m.data == NULL)
			adapter_say("message %llu is too large: more than %llu bytes", (unsigned long long)m.id,
			    (unsigned long long)in->limit);
	}
	*more = r == 1;
	if (r != -1)
		return 0;
	adapter_say("standard input: %s", errno == EBADMSG ? in->reader.reason : strerror(errno));
	return errno == EBADMSG ? ADAPTER_REFUSED : ADAPTER_LATER;
}

/* print -- an acknowledgement, where there is something to acknowledge. */
static void
print(struct pending *p, struct settled s)
{
	char line[SETTLED_MAX + 1];

	if (s.id != 0)
		outbuf_bytes(&p->acks, line, settled_line(line, s));
}

int
pending_settle(struct pending *p)
{
	uint64_t last = 0;
	int settled = 0;

	for (; p->count > 0 && pending_entry(p, 0)->state >= ENTRY_STORED; settled++) {
		struct entry *e = pending_entry(p, 0);

		if (e->state == ENTRY_REFUSED) {
			print(p, (struct settled){ .id = last, .before = true });
			print(p, (struct settled){ .id = e->id, .refused = true });
			last = 0;
		} else {
			last = e->id;
		}
		p->bytes -= e->len;
		free(e->text);
		p->first++;
		p->count--;
	}
	print(p, (struct settled){ .id = last, .before = true });
	outbuf_flush(&p->acks);
	if (outbuf_result(&p->acks) == 0)
		return settled;
	adapter_say("standard output: %s", strerror(errno));
	return -1;
}
