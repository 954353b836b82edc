/* SPDX-License-Identifier: ISC */
/* carry: see carry.h.  The field may come from anybody: it is parsed as any header line is. */
#include "link/carry.h"

#include <sys/random.h>

#include "base/fail.h"

enum { ROOM = 3960 };                   /* bytes of a tag, a source and headers that any mailbox takes */

size_t
carry_line(char *out, const struct message *m)
{
	struct message bare = *m;
	size_t len;

	bare.id = 0;
	bare.attempt = 0;
	bare.uid = -1;
	len = message_head(out, &bare, m->len, false);
	return len > 0 ? len - 1 : 0;
}

/* name -- s as a tag or a source: encoded as a header's value is, cut where it gets too long.  out: FRAME_NAME_MAX. */
static struct slice
name(char *out, struct slice s)
{
	long len = 0;

	while (s.len > 0 && (len = frame_encode(out, FRAME_NAME_MAX, s)) == -1)
		s.len--;
	return len > 0 ? (struct slice){ out, (size_t)len } : (struct slice){ "-", 1 };
}

/* parse -- the field as a message: false where it is none.  line, scratch: FRAME_HEADER_MAX bytes. */
static bool
parse(const struct carry *c, struct message *m, char *line, char *scratch)
{
	struct frame f;

	if (c->line.len == 0 || c->line.len >= FRAME_HEADER_MAX)
		return false;
	memcpy(line, c->line.p, c->line.len);
	line[c->line.len] = '\n';
	if (frame_parse(&f, line, c->line.len + 1, NULL) == -1 || f.continuation)
		return false;
	message_of_frame(m, &f, scratch);
	return true;
}

/* fit -- leave out what a mailbox may have no room for: the headers but via; via as well where that alone is too long. */
static void
fit(struct message *m)
{
	size_t via = m->via.len > 0 ? strlen(" via=") + m->via.len : 0;

	if (m->tag.len + m->source.len + via > ROOM)
		m->via.len = via = 0;
	if (m->tag.len + m->source.len + via + m->extra.len > ROOM)
		m->extra.len = 0;
}

size_t
carry_head(char *out, const struct carry *c)
{
	char line[FRAME_HEADER_MAX], scratch[FRAME_HEADER_MAX], extra[FRAME_HEADER_MAX];
	char tag[FRAME_NAME_MAX], source[FRAME_NAME_MAX];
	struct message m;
	size_t len;
	long n = 0;

	if (!parse(c, &m, line, scratch))
		m = (struct message){ .tag = name(tag, c->tag), .source = name(source, c->source) };
	fit(&m);
	m.id = c->id;
	m.attempt = 0;
	m.uid = -1;
	m.to = (struct slice){ NULL, 0 };
	/* its own is a field of the message, and is written with it; another one is added as a header */
	if (m.once.id == 0) {
		n = frame_set_header(extra, m.extra, "once", c->once);
		m.extra = (struct slice){ extra, n == -1 ? 0 : (size_t)n };
	}
	len = n == -1 ? 0 : message_head(out, &m, c->len, false);
	if (len > 0)
		return len;
	n = m.once.id == 0 ? frame_set_header(extra, (struct slice){ NULL, 0 }, "once", c->once) : 0;
	m.extra = (struct slice){ extra, n == -1 ? 0 : (size_t)n };
	return message_head(out, &m, c->len, false);
}

int
carry_incarnation(char out[CARRY_INCARNATION])
{
	unsigned char bytes[CARRY_INCARNATION / 2];

	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return fail_with(EIO);
	num_hex_bytes(out, bytes, sizeof bytes);
	return 0;
}
