/* SPDX-License-Identifier: ISC */
/*
 * render: see render.h.
 *
 * A payload is taken in pieces of at most HELD bytes, whatever its length.  Where a form must know of it before writing
 * (its length, whether it is text), only the first piece is looked at.  What that piece shows to be refused is refused
 * before a byte of the message is gathered.
 */
#include "deliver/render.h"

#include <errno.h>

#include "base/io.h"
#include "base/json.h"

enum {
	TEXT_MAX = OUTBUF_SIZE / 2,     /* bytes of a payload that JSON may hold as text */
	HELD = TEXT_MAX / 3 * 3 + 3,    /* more than TEXT_MAX, and a multiple of base64's three */
	NUMBER_TEXT = 32,               /* bytes that a number or a time takes */
};

/* ---- parts of a message ---- */

/* field -- a number of a message ('i' id, 'd' time, 'r' try, 'u' uid) in text (NUMBER_TEXT bytes); empty: unknown. */
static struct slice
field(const struct message *m, char which, char *text)
{
	size_t len = 0;

	if (which == 'i' && m->id != 0)
		len = num_decimal(text, m->id);
	if (which == 'd' && m->time_us != 0)
		len = frame_time(text, m->time_us);
	if (which == 'r' && m->attempt != 0)
		len = num_decimal(text, m->attempt);
	if (which == 'u' && m->uid >= 0)
		len = num_decimal(text, (uint64_t)m->uid);
	return (struct slice){ text, len };
}

bool
render_header_next(struct render_header *h, const struct message *m)
{
	struct slice key = slice_of("uid"), value;
	bool first = !h->begun;
	char *out = stpcpy(h->name, RENDER_HEADER);
	long len;

	h->begun = true;
	if (first)
		h->rest = m->extra;
	if (first && m->uid >= 0) {
		h->value = field(m, 'u', h->text);
	} else {
		do {
			if (!frame_next_header(&h->rest, &key, &value))
				return false;
			len = frame_decode(h->text, value);
		} while (len == -1 || memchr(h->text, '\0', (size_t)len) != NULL);
		h->value = (struct slice){ h->text, (size_t)len };
	}
	for (size_t i = 0; i < key.len; i++)
		*out++ = key.p[i] == '-' ? '_' : key.p[i] >= 'a' ? (char)(key.p[i] - 'a' + 'A') : key.p[i];
	*out = '\0';
	return true;
}

/* A payload in pieces. */
struct body {
	struct message *m;
	struct slice piece;
	bool whole;             /* piece is all that is left */
	uint64_t len;           /* of the payload; MESSAGE_LEN_UNKNOWN */
	char held[HELD];
};

/* body_next -- go to the next piece, which is empty at the end.  Returns 0, or -1. */
static int
body_next(struct body *y)
{
	size_t have = 0;
	ssize_t n = y->whole ? 0 : 1;

	while (have < HELD && n > 0) {
		n = io_go_on() ? message_read(y->m, y->held + have, HELD - have) : -1;
		if (n == -1)
			return -1;
		have += (size_t)n;
	}
	y->piece = (struct slice){ y->held, have };
	y->whole = have < HELD;
	return 0;
}

/*
 * body_begin -- go to the first piece; unless the payload is shown, read a stream's to its end for the length alone.
 * Learns the length where all has been read.  Returns 0, or -1.
 */
static int
body_begin(struct body *y, struct message *m, bool shown)
{
	uint64_t len = 0;

	y->m = m;
	y->len = m->len;
	y->whole = m->reader == NULL && (m->fd == -1 || !shown);
	y->piece = (struct slice){ m->data, m->data != NULL ? (size_t)m->len : 0 };
	if (y->whole)
		return 0;
	do {
		if (body_next(y) == -1)
			return -1;
		len += y->piece.len;
	} while (!shown && !y->whole);
	if (y->whole)
		y->len = len;
	return 0;
}

/* put_body -- add all of the payload, by put_piece.  Returns how long it was. */
static uint64_t
put_body(struct outbuf *b, struct body *y, void (*put_piece)(struct outbuf *, struct slice))
{
	uint64_t len = 0;

	while (b->error == 0 && y->piece.len > 0) {
		len += y->piece.len;
		put_piece(b, y->piece);
		if (b->error == 0 && body_next(y) == -1)
			outbuf_fail(b, errno);
	}
	return len;
}

/* ---- JSON ---- */

/* decoded -- a header's value without %XX, in text (FRAME_HEADER_MAX bytes); one that is malformed fails. */
static struct slice
decoded(struct outbuf *b, struct slice value, char *text)
{
	long len = frame_decode(text, value);

	if (len == -1)
		outbuf_fail(b, EBADMSG);
	return (struct slice){ text, len > 0 ? (size_t)len : 0 };
}

/* put_headers -- add the further headers as members, their values decoded. */
static void
put_headers(struct outbuf *b, struct slice rest)
{
	char text[FRAME_HEADER_MAX];
	const char *before = "";
	struct slice key, value;

	while (frame_next_header(&rest, &key, &value)) {
		outbuf_text(b, before);
		json_member(b, key, decoded(b, value, text));
		before = ",";
	}
}

/* put_member -- add a number as a member, unless it is empty.  name: with the comma and the colon. */
static void
put_member(struct outbuf *b, const char *name, struct slice number)
{
	if (number.len > 0) {
		outbuf_text(b, name);
		outbuf_slice(b, number);
	}
}

/* put_json -- add a line.  A length that is not known before follows the payload. */
static void
put_json(struct outbuf *b, struct body *y)
{
	const struct message *m = y->m;
	char text[NUMBER_TEXT];
	uint64_t len;

	put_member(b, "{\"id\":", field(m, 'i', text));
	outbuf_text(b, m->id != 0 ? "," : "{");
	json_member(b, slice_of("tag"), m->tag);
	outbuf_text(b, ",");
	json_member(b, slice_of("source"), m->source);
	put_member(b, ",\"time\":", field(m, 'd', text));
	put_member(b, ",\"try\":", field(m, 'r', text));
	put_member(b, ",\"uid\":", field(m, 'u', text));
	if (y->len != MESSAGE_LEN_UNKNOWN)
		outbuf_printf(b, ",\"length\":%llu", (unsigned long long)y->len);
	outbuf_text(b, ",\"headers\":{");
	put_headers(b, m->extra);
	if (message_is_head(m)) {
		outbuf_text(b, "}");
	} else if (y->whole && y->piece.len <= TEXT_MAX && json_is_utf8(y->piece)) {
		outbuf_text(b, "},\"payload\":");
		json_string(b, y->piece);
	} else {
		outbuf_text(b, "},\"base64\":\"");
		len = put_body(b, y, json_base64);
		outbuf_text(b, "\"");
		if (y->len == MESSAGE_LEN_UNKNOWN)
			outbuf_printf(b, ",\"length\":%llu", (unsigned long long)len);
	}
	outbuf_text(b, "}\n");
}

/* ---- shell assignments ---- */

static bool
has_nul(struct slice s)
{
	return s.len > 0 && memchr(s.p, '\0', s.len) != NULL;
}

/* put_quoted -- add what stands within single quotes. */
static void
put_quoted(struct outbuf *b, struct slice s)
{
	const char *quote;

	if (has_nul(s))
		outbuf_fail(b, EILSEQ);
	while (s.len > 0 && (quote = memchr(s.p, '\'', s.len)) != NULL) {
		size_t n = (size_t)(quote - s.p);

		outbuf_bytes(b, s.p, n);
		outbuf_text(b, "'\\''");
		s = (struct slice){ quote + 1, s.len - n - 1 };
	}
	outbuf_slice(b, s);
}

static void
put_assignment(struct outbuf *b, const char *name, struct slice value)
{
	outbuf_text(b, name);
	outbuf_text(b, "='");
	put_quoted(b, value);
	outbuf_text(b, "'\n");
}

/*
 * put_env_headers -- add an assignment for each header.  Those of the message before go: a header that a message lacks
 * must not read as another's.  Their names are kept in MBOX_HEADERS for that.
 */
static void
put_env_headers(struct outbuf *b, const struct message *m)
{
	struct render_header h = { .begun = false };

	outbuf_text(b, "eval \"unset -v MBOX_HEADERS ${MBOX_HEADERS-}\"\nMBOX_HEADERS='");
	while (render_header_next(&h, m))
		outbuf_printf(b, "%s ", h.name);
	outbuf_text(b, "'\n");
	for (h.begun = false; render_header_next(&h, m);)
		put_assignment(b, h.name, h.value);
}

/*
 * put_env -- add shell assignments.  The payload comes behind all but its length: where a NUL is found in it late, its
 * quote stays open, and no shell acts on what was written.
 */
static void
put_env(struct outbuf *b, struct body *y, const char *channel)
{
	char text[FRAME_HEADER_MAX];
	const struct message *m = y->m;
	struct slice reply;

	frame_header(m->extra, "reply", &reply);
	reply = decoded(b, reply, text);
	if (has_nul(y->piece))
		outbuf_fail(b, EILSEQ);
	put_env_headers(b, m);
	put_assignment(b, "MBOX_REPLY", reply);
	put_assignment(b, "MBOX_TAG", m->tag);
	put_assignment(b, "MBOX_SOURCE", m->source);
	put_assignment(b, "MBOX_ID", field(m, 'i', text));
	put_assignment(b, "MBOX_TIME", field(m, 'd', text));
	put_assignment(b, "MBOX_TRY", field(m, 'r', text));
	put_assignment(b, "MBOX_NAME", slice_of(channel));
	outbuf_text(b, "MBOX_PAYLOAD='");
	y->len = put_body(b, y, put_quoted);
	outbuf_printf(b, "'\nMBOX_LENGTH='%llu'\n", (unsigned long long)y->len);
}

/* ---- formats ---- */

/* format_step -- the end of the directive or escape at p ('%' or '\\'), or NULL where it is none. */
static const char *
format_step(const char *p)
{
	const char *brace;

	if (p[1] == '\0')
		return NULL;
	if (p[0] == '\\' || p[1] != 'h')
		return strchr(p[0] == '\\' ? "nt0\\" : "tsilpmd%", p[1]) != NULL ? p + 2 : NULL;
	brace = p[2] == '{' ? strchr(p, '}') : NULL;
	if (brace == NULL || !frame_key_ok((struct slice){ p + 3, (size_t)(brace - p - 3) }))
		return NULL;
	return brace + 1;
}

int
render_format_count(const char *format, char directive)
{
	int n = 0;

	for (const char *p = format, *end;; p = end) {
		p += strcspn(p, "%\\");
		if (*p == '\0')
			return n;
		end = format_step(p);
		if (end == NULL)
			return -1;
		n += *p == '%' && p[1] == directive;
	}
}

/* header -- the value of a header as it stands in the frame; empty where there is none. */
static struct slice
header(const struct message *m, struct slice key, char *text)
{
	static const char fields[][6] = { "iid", "dtime", "rtry", "uuid" };
	struct slice value;
	char name[FRAME_KEY_MAX + 1];

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (slice_is(key, fields[i] + 1))
			return field(m, fields[i][0], text);
	memcpy(name, key.p, key.len);
	name[key.len] = '\0';
	frame_header(m->extra, name, &value);
	return value;
}

/* put_again -- add the payload, and, in a file, make ready to add it again. */
static void
put_again(struct outbuf *b, struct body *y)
{
	if (y->whole && y->piece.len == y->len) {
		outbuf_slice(b, y->piece);
		return;
	}
	put_body(b, y, outbuf_slice);
	if (y->m->reader != NULL)
		return;
	y->m->fd_offset = 0;
	y->whole = false;
	if (b->error == 0 && body_next(y) == -1)
		outbuf_fail(b, errno);
}

/* put_name -- add a name; on a screen what is no printable character is \\xHH, a byte at a time. */
static void
put_name(struct outbuf *b, struct slice s, bool screen)
{
	size_t len;

	for (size_t at = 0; at < s.len; at += len > 0 ? len : 1) {
		len = screen ? json_plain(s.p + at, s.len - at) : s.len;
		if (len > 0)
			outbuf_bytes(b, s.p + at, len);
		else
			outbuf_printf(b, "\\x%02x", (unsigned char)s.p[at]);
	}
}

/* put_format -- add what a format makes of a message. */
static void
put_format(struct outbuf *b, const char *format, const char *channel, struct body *y, bool screen)
{
	const struct message *m = y->m;
	char text[NUMBER_TEXT];

	for (const char *p = format, *end;; p = end) {
		end = p + strcspn(p, "%\\");
		outbuf_bytes(b, p, (size_t)(end - p));
		p = end;
		if (*p == '\0')
			return;
		end = format_step(p);
		if (p[0] == '\\')
			outbuf_bytes(b, p[1] == 'n' ? "\n" : p[1] == 't' ? "\t" : p[1] == '0' ? "" : "\\", 1);
		else if (p[1] == 'p')
			put_again(b, y);
		else if (p[1] == 'i' || p[1] == 'd')
			outbuf_slice(b, field(m, p[1], text));
		else if (p[1] == 'h')
			outbuf_slice(b, header(m, (struct slice){ p + 3, (size_t)(end - 1 - (p + 3)) }, text));
		else if (p[1] == 'm')
			put_name(b, slice_of(channel), screen);
		else if (p[1] == 'l')
			outbuf_slice(b, (struct slice){ text, message_is_head(m) ? 0 : num_decimal(text, y->len) });
		else if (p[1] == '%')
			outbuf_text(b, "%");
		else
			put_name(b, p[1] == 't' ? m->tag : m->source, screen);
	}
}

/* ---- any ---- */

void
render_message(struct outbuf *b, enum render_form form, const char *format, const char *channel, struct message *m)
{
	struct body y;
	int shown = form >= RENDER_FORMAT ? render_format_count(format, 'p') : 1;

	if (body_begin(&y, m, shown > 0) == -1)
		outbuf_fail(b, errno);
	else if (form == RENDER_JSON)
		put_json(b, &y);
	else if (form == RENDER_ENV)
		put_env(b, &y, channel);
	else if ((y.len == MESSAGE_LEN_UNKNOWN && !message_is_head(m) && render_format_count(format, 'l') > 0)
	    || (shown > 1 && m->reader != NULL && !y.whole))
		outbuf_fail(b, EOVERFLOW);
	else
		put_format(b, format, channel, &y, form == RENDER_SCREEN);
}
