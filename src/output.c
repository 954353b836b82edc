/* SPDX-License-Identifier: ISC */
/*
 * output: see output.h.
 *
 * A payload is taken in pieces of at most HELD bytes, whatever its length.  Where a form must know more of it before
 * it writes (its length, whether it is text), the first piece is all that is looked at.  What can be refused is
 * refused before a byte of the message is gathered, as far as that piece tells.
 *
 * The put_ functions return nothing: once one has failed (o->error), the others do nothing.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "io.h"

enum {
	TEXT_MAX = OUTPUT_BUF / 2,      /* bytes of a payload that JSON may hold as text */
	HELD = TEXT_MAX / 3 * 3 + 3,    /* more than that, and a multiple of base64's three */
	PIPE_SIZE = 65536,              /* of a pipe whose size can not be asked for */
	NUMBER_TEXT = 32,               /* bytes that a number or a time takes */
};

/* ---- bytes ---- */

int
output_flush(struct output *o)
{
	if (o->used > 0 && io_write(o->fd, o->buf, o->used) == -1)
		return -1;
	o->used = 0;
	return 0;
}

void
output_clear(struct output *o)
{
	o->used = 0;
}

/* spill -- output_bytes where the buffer has no room for n bytes. */
static int
spill(struct output *o, const char *p, size_t n)
{
	if (output_flush(o) == -1)
		return -1;
	if (n > OUTPUT_BUF)
		return io_write(o->fd, p, n);
	memcpy(o->buf, p, n);
	o->used = n;
	return 0;
}

int
output_bytes(struct output *o, const char *p, size_t n)
{
	if (n > OUTPUT_BUF - o->used)
		return spill(o, p, n);
	if (n > 0)
		memcpy(o->buf + o->used, p, n);
	o->used += n;
	return 0;
}

static void
put(struct output *o, struct slice s)
{
	if (o->error == 0 && output_bytes(o, s.p, s.len) == -1)
		o->error = errno;
}

static void
put_text(struct output *o, const char *s)
{
	put(o, slice_of(s));
}

static void
fail(struct output *o, int error)
{
	if (o->error == 0)
		o->error = error;
}

/* result -- 0, or -1 with errno of what failed. */
static int
result(const struct output *o)
{
	if (o->error == 0)
		return 0;
	errno = o->error;
	return -1;
}

static struct slice
number_text(char *text, uint64_t n)
{
	return (struct slice){ text, frame_number(text, n) };
}

/*
 * field -- what a message has as a number ('i' id, 'd' time, 'r' try, 'u' uid) in decimal; empty where it is unknown.
 * text: NUMBER_TEXT bytes.
 */
static struct slice
field(const struct message *m, char which, char *text)
{
	uint32_t micros = (uint32_t)(m->time_us % 1000000);
	struct slice s = { text, 0 };

	if (which == 'i' && m->id != 0)
		return number_text(text, m->id);
	if (which == 'r' && m->attempt != 0)
		return number_text(text, m->attempt);
	if (which == 'u' && m->uid >= 0)
		return number_text(text, (uint64_t)m->uid);
	if (which != 'd' || m->time_us == 0)
		return s;
	s.len = frame_number(text, m->time_us / 1000000) + 7;
	for (char *digit = text + s.len; digit > text + s.len - 6; micros /= 10)
		*--digit = (char)('0' + micros % 10);
	text[s.len - 7] = '.';
	return s;
}

/* end_payload -- what the form puts behind a payload.  last: its last byte, '\0' for an empty one. */
static int
end_payload(struct output *o, char last)
{
	if (o->form == OUTPUT_LINES && last != '\n')
		return output_bytes(o, "\n", 1);
	return o->form == OUTPUT_NULS ? output_bytes(o, "", 1) : 0;
}

int
output_payload(struct output *o, const char *data, size_t len)
{
	if (output_bytes(o, data, len) == -1)
		return -1;
	return end_payload(o, len > 0 ? data[len - 1] : '\0');
}

/* ---- payloads ---- */

static bool
in_memory(const struct message *m)
{
	return m->reader == NULL && m->fd == -1;
}

static struct slice
memory(const struct message *m)
{
	return (struct slice){ m->data, m->data != NULL ? (size_t)m->len : 0 };
}

/* copy_payload -- the payload as it is.  last: gets its last byte.  Returns 0, or -1. */
static int
copy_payload(struct output *o, struct message *m, char *last)
{
	ssize_t n;

	for (;;) {
		/* a stream may keep us waiting: what there is goes out first */
		if ((m->reader != NULL || o->used > OUTPUT_BUF / 2) && output_flush(o) == -1)
			return -1;
		n = message_read(m, o->buf + o->used, OUTPUT_BUF - o->used);
		if (n <= 0)
			return (int)n;
		o->used += (size_t)n;
		*last = o->buf[o->used - 1];
	}
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
body_next(struct body *b)
{
	size_t have = 0;
	ssize_t n = b->whole ? 0 : 1;

	while (have < HELD && n > 0) {
		n = message_read(b->m, b->held + have, HELD - have);
		if (n == -1)
			return -1;
		have += (size_t)n;
	}
	b->piece = (struct slice){ b->held, have };
	b->whole = have < HELD;
	return 0;
}

/* body_begin -- go to the first piece, and learn the length where that is all.  Returns 0, or -1. */
static int
body_begin(struct body *b, struct message *m)
{
	b->m = m;
	b->len = m->len;
	b->whole = in_memory(m);
	b->piece = memory(m);
	if (b->whole)
		return 0;
	if (body_next(b) == -1)
		return -1;
	if (b->whole)
		b->len = b->piece.len;
	return 0;
}

/* body_skip -- read a stream's payload to its end, for its length alone.  Returns 0, or -1. */
static int
body_skip(struct body *b, struct message *m)
{
	uint64_t len = 0;

	b->m = m;
	b->len = m->len;
	b->whole = m->reader == NULL;
	while (!b->whole) {
		if (body_next(b) == -1)
			return -1;
		len += b->piece.len;
		b->len = len;
	}
	b->piece = (struct slice){ NULL, 0 };
	return 0;
}

/* put_body -- all of the payload, by put_piece.  Returns how long it was. */
static uint64_t
put_body(struct output *o, struct body *b, void (*put_piece)(struct output *, struct slice))
{
	uint64_t len = 0;

	while (o->error == 0 && b->piece.len > 0) {
		len += b->piece.len;
		put_piece(o, b->piece);
		if (o->error == 0 && body_next(b) == -1)
			fail(o, errno);
	}
	return len;
}

/* ---- plain, and frames ---- */

static int
put_plain(struct output *o, struct message *m)
{
	char last = '\0';

	if (in_memory(m))
		return output_payload(o, m->data, memory(m).len);
	return copy_payload(o, m, &last) == -1 ? -1 : end_payload(o, last);
}

/* put_chunks -- a message of unknown length; each chunk goes as soon as it is there. */
static int
put_chunks(struct output *o, struct message *m)
{
	char head[FRAME_HEADER_MAX], piece[TEXT_MAX];
	bool first = true;
	size_t len;
	ssize_t n;

	do {
		n = output_flush(o) == -1 ? -1 : message_read(m, piece, sizeof piece);
		if (n == -1)
			return -1;
		len = first ? message_head(head, m, (uint64_t)n, n > 0) : frame_continuation(head, (uint64_t)n, n > 0);
		first = false;
		if (len == 0 || output_bytes(o, head, len) == -1 || output_bytes(o, piece, (size_t)n) == -1 ||
		    output_bytes(o, "\n", 1) == -1)
			return -1;
	} while (n > 0);
	return 0;
}

static int
put_frame(struct output *o, struct message *m)
{
	char head[FRAME_HEADER_MAX], last;
	struct slice data = memory(m);
	size_t len;

	if (m->len == MESSAGE_LEN_UNKNOWN)
		return put_chunks(o, m);
	len = message_head(head, m, m->len, false);
	if (len == 0 || output_bytes(o, head, len) == -1)
		return -1;
	if ((in_memory(m) ? output_bytes(o, data.p, data.len) : copy_payload(o, m, &last)) == -1)
		return -1;
	return output_bytes(o, "\n", 1);
}

/* ---- JSON ---- */

size_t
output_utf8(const char *text, size_t n)
{
	/* RFC 3629, section 4: what the second byte may be tells overlong forms, surrogates and what is too high */
	const unsigned char *p = (const unsigned char *)text;
	unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	size_t len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}

static bool
is_utf8(struct slice s)
{
	for (size_t at = 0, len; at < s.len; at += len) {
		len = output_utf8(s.p + at, s.len - at);
		if (len == 0)
			return false;
	}
	return true;
}

/* put_escape -- a character (a byte that is part of none) as JSON escapes it. */
static void
put_escape(struct output *o, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (c == '"' || c == '\\' || c == '\n' || c == '\t')
		text[1] = (char)(c == '\n' ? 'n' : c == '\t' ? 't' : c);
	put(o, (struct slice){ text, text[1] == 'u' ? 6 : 2 });
}

static void
put_json_string(struct output *o, struct slice s)
{
	const char *plain = s.p, *end = s.p + s.len;
	size_t len;

	put_text(o, "\"");
	for (const char *p = s.p; p < end; p += len) {
		unsigned char c = (unsigned char)*p;

		len = c < 0x80 ? 1 : output_utf8(p, (size_t)(end - p));
		if (len == 2 && c == 0xc2 && (unsigned char)p[1] < 0xa0)
			c = (unsigned char)p[1];        /* U+0080 to U+009F are control characters too */
		else if (len > 1 || (len == 1 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f))
			continue;
		put(o, (struct slice){ plain, (size_t)(p - plain) });
		put_escape(o, c);
		len = len == 0 ? 1 : len;
		plain = p + len;
	}
	if (s.len > 0)
		put(o, (struct slice){ plain, (size_t)(end - plain) });
	put_text(o, "\"");
}

int
output_json_string(struct output *o, struct slice s)
{
	o->error = 0;
	put_json_string(o, s);
	return result(o);
}

static void
put_base64(struct output *o, struct slice s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)s.p;
	char text[4];

	for (size_t left = s.len; left > 0; left -= left < 3 ? left : 3, p += 3) {
		uint32_t bits = (uint32_t)p[0] << 16 | (left > 1 ? (uint32_t)p[1] << 8 : 0) | (left > 2 ? p[2] : 0);

		for (int i = 0; i < 4; i++)
			text[i] = digits[bits >> (18 - 6 * i) & 63];
		if (left < 3)
			text[3] = '=';
		if (left < 2)
			text[2] = '=';
		put(o, (struct slice){ text, 4 });
	}
}

/* put_headers -- the further headers as members, their values decoded. */
static void
put_headers(struct output *o, struct slice rest)
{
	char text[FRAME_HEADER_MAX];
	const char *before = "";
	struct slice key, value;
	long len;

	while (frame_next_header(&rest, &key, &value)) {
		len = frame_decode(text, value);
		if (len == -1)
			fail(o, EBADMSG);
		put_text(o, before);
		put_json_string(o, key);
		put_text(o, ":");
		put_json_string(o, (struct slice){ text, len > 0 ? (size_t)len : 0 });
		before = ",";
	}
}

/* put_member -- ,"NAME":NUMBER where there is one.  The comma stands where name has it. */
static void
put_member(struct output *o, const char *name, struct slice number)
{
	if (number.len > 0) {
		put_text(o, name);
		put(o, number);
	}
}

/* put_json -- a line.  A length that is not known before follows the payload. */
static void
put_json(struct output *o, struct body *b)
{
	const struct message *m = b->m;
	char text[NUMBER_TEXT];
	uint64_t len;

	put_member(o, "{\"id\":", field(m, 'i', text));
	put_text(o, m->id != 0 ? ",\"tag\":" : "{\"tag\":");
	put_json_string(o, m->tag);
	put_text(o, ",\"source\":");
	put_json_string(o, m->source);
	put_member(o, ",\"time\":", field(m, 'd', text));
	put_member(o, ",\"try\":", field(m, 'r', text));
	put_member(o, ",\"uid\":", field(m, 'u', text));
	if (b->len != MESSAGE_LEN_UNKNOWN)
		put_member(o, ",\"length\":", number_text(text, b->len));
	put_text(o, ",\"headers\":{");
	put_headers(o, m->extra);
	if (b->whole && b->piece.len <= TEXT_MAX && is_utf8(b->piece)) {
		put_text(o, "},\"payload\":");
		put_json_string(o, b->piece);
	} else {
		put_text(o, "},\"base64\":\"");
		len = put_body(o, b, put_base64);
		put_text(o, "\"");
		if (b->len == MESSAGE_LEN_UNKNOWN)
			put_member(o, ",\"length\":", number_text(text, len));
	}
	put_text(o, "}\n");
}

/* ---- shell assignments ---- */

/* put_quoted -- what stands within single quotes. */
static void
put_quoted(struct output *o, struct slice s)
{
	const char *quote;

	if (s.len > 0 && memchr(s.p, '\0', s.len) != NULL)
		fail(o, EILSEQ);
	while (s.len > 0 && (quote = memchr(s.p, '\'', s.len)) != NULL) {
		size_t n = (size_t)(quote - s.p);

		put(o, (struct slice){ s.p, n });
		put_text(o, "'\\''");
		s = (struct slice){ quote + 1, s.len - n - 1 };
	}
	put(o, s);
}

static void
put_assignment(struct output *o, const char *name, struct slice value)
{
	put_text(o, name);
	put_text(o, "='");
	put_quoted(o, value);
	put_text(o, "'\n");
}

/*
 * put_env -- shell assignments.  The payload comes behind all but its length: where it turns out late that it can not
 * be held, its quote stays open, and no shell acts on what was written.
 */
static void
put_env(struct output *o, struct body *b, const char *channel)
{
	char text[FRAME_HEADER_MAX];
	const struct message *m = b->m;
	struct slice reply = { NULL, 0 };
	long len = 0;

	if (frame_header(m->extra, "reply", &reply))
		len = frame_decode(text, reply);
	if (len == -1)
		fail(o, EBADMSG);
	else
		reply = (struct slice){ text, (size_t)len };
	if (b->piece.len > 0 && memchr(b->piece.p, '\0', b->piece.len) != NULL)
		fail(o, EILSEQ);
	put_assignment(o, "MBOX_REPLY", reply);
	put_assignment(o, "MBOX_TAG", m->tag);
	put_assignment(o, "MBOX_SOURCE", m->source);
	put_assignment(o, "MBOX_ID", field(m, 'i', text));
	put_assignment(o, "MBOX_TIME", field(m, 'd', text));
	put_assignment(o, "MBOX_TRY", field(m, 'r', text));
	put_assignment(o, "MBOX_NAME", slice_of(channel));
	put_text(o, "MBOX_PAYLOAD='");
	reply = number_text(text, put_body(o, b, put_quoted));
	put_text(o, "'\n");
	put_assignment(o, "MBOX_LENGTH", reply);
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

/* format_count -- how often a format has a directive.  Returns -1 for one that is malformed. */
static int
format_count(const char *format, char directive)
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

/* header -- the value of a header as it stands in the frame, wherever the message keeps it; empty where it has none. */
static struct slice
header(const struct message *m, struct slice key, char *text)
{
	static const char fields[][6] = { "iid", "dtime", "rtry", "uuid" };
	struct slice value = { NULL, 0 };
	char name[FRAME_KEY_MAX + 1];

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (slice_is(key, fields[i] + 1))
			return field(m, fields[i][0], text);
	memcpy(name, key.p, key.len);
	name[key.len] = '\0';
	return frame_header(m->extra, name, &value) ? value : (struct slice){ NULL, 0 };
}

/* put_again -- the payload, which in a file may be asked for once more. */
static void
put_again(struct output *o, struct body *b)
{
	if (b->whole && b->piece.len == b->len) {
		put(o, b->piece);
		return;
	}
	put_body(o, b, put);
	if (b->m->reader != NULL)
		return;
	b->m->fd_offset = 0;
	b->whole = false;
	if (o->error == 0 && body_next(b) == -1)
		fail(o, errno);
}

/* put_directive -- what the directive or escape at p stands for.  end: where it ends. */
static void
put_directive(struct output *o, const char *channel, struct body *b, const char *p, const char *end)
{
	const struct message *m = b->m;
	char text[NUMBER_TEXT];

	if (p[0] == '\\')
		put(o, (struct slice){ p[1] == 'n' ? "\n" : p[1] == 't' ? "\t" : p[1] == '0' ? "" : "\\", 1 });
	else if (p[1] == 'p')
		put_again(o, b);
	else if (p[1] == 'i' || p[1] == 'd')
		put(o, field(m, p[1], text));
	else if (p[1] == 'h')
		put(o, header(m, (struct slice){ p + 3, (size_t)(end - 1 - (p + 3)) }, text));
	else if (p[1] == 'm')
		put_text(o, channel);
	else if (p[1] == 'l')
		put(o, number_text(text, b->len));
	else if (p[1] == '%')
		put_text(o, "%");
	else
		put(o, p[1] == 't' ? m->tag : m->source);
}

static void
put_format(struct output *o, const char *channel, struct body *b)
{
	for (const char *p = o->format, *end;; p = end) {
		size_t plain = strcspn(p, "%\\");

		put(o, (struct slice){ p, plain });
		p += plain;
		if (*p == '\0')
			return;
		end = format_step(p);
		put_directive(o, channel, b, p, end);
	}
}

/* ---- any ---- */

int
output_init(struct output *o, int fd, enum output_form form, const char *format)
{
	struct stat st;

	o->fd = fd;
	o->form = form;
	o->format = format;
	o->pipe = fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
	o->error = 0;
	o->used = 0;
	errno = EINVAL;
	return form == OUTPUT_FORMAT && format_count(format, 'p') == -1 ? -1 : 0;
}

size_t
output_room(const struct output *o)
{
	int size = PIPE_SIZE, used;

	if (!o->pipe || ioctl(o->fd, FIONREAD, &used) == -1)
		return OUTPUT_BUF;
#ifdef F_GETPIPE_SZ
	size = fcntl(o->fd, F_GETPIPE_SZ);
	if (size == -1)
		size = PIPE_SIZE;
#endif
	if (size - used < PIPE_BUF)
		return PIPE_BUF;
	return size - used < OUTPUT_BUF ? (size_t)(size - used) : OUTPUT_BUF;
}

/* put_told -- a form that tells of the message, not only its bytes. */
static int
put_told(struct output *o, const char *channel, struct message *m)
{
	struct body b;
	int shown = o->form == OUTPUT_FORMAT ? format_count(o->format, 'p') : 1;

	o->error = 0;
	if ((shown > 0 ? body_begin(&b, m) : body_skip(&b, m)) == -1)
		return -1;
	if (o->form == OUTPUT_JSON)
		put_json(o, &b);
	else if (o->form == OUTPUT_ENV)
		put_env(o, &b, channel);
	else if ((b.len == MESSAGE_LEN_UNKNOWN && format_count(o->format, 'l') > 0) ||
	    (shown > 1 && m->reader != NULL && !b.whole))
		fail(o, EOVERFLOW);
	else
		put_format(o, channel, &b);
	return result(o);
}

int
output_message(struct output *o, const char *channel, struct message *m)
{
	switch (o->form) {
	case OUTPUT_RAW:
	case OUTPUT_LINES:
	case OUTPUT_NULS:
		return put_plain(o, m);
	case OUTPUT_FRAMES:
		return put_frame(o, m);
	case OUTPUT_JSON:
	case OUTPUT_FORMAT:
	case OUTPUT_ENV:
		break;
	}
	return put_told(o, channel, m);
}
