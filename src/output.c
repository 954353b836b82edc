/* SPDX-License-Identifier: ISC */
/*
 * output: see output.h.
 *
 * A payload is taken in pieces of at most HELD bytes, whatever its length.  Where a form must know more of it before
 * it writes (its length, whether it is text), the first piece is all that is looked at.  What can be refused is
 * refused before a byte of the message is gathered, as far as that piece tells.
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
	TIME_TEXT = 32,                 /* bytes that a time may take */
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

/* output_spill -- output_bytes where the buffer has no room for n bytes. */
static int
output_spill(struct output *o, const char *p, size_t n)
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
		return output_spill(o, p, n);
	if (n > 0)
		memcpy(o->buf + o->used, p, n);
	o->used += n;
	return 0;
}

static int
put_string(struct output *o, const char *s)
{
	return output_bytes(o, s, strlen(s));
}

static int
put_slice(struct output *o, struct slice s)
{
	return output_bytes(o, s.p, s.len);
}

static int
put_number(struct output *o, uint64_t n)
{
	char text[20];

	return output_bytes(o, text, frame_number(text, n));
}

/* put_time -- seconds, a point, six digits. */
static int
put_time(struct output *o, uint64_t time_us)
{
	char text[TIME_TEXT];
	size_t len = frame_number(text, time_us / 1000000);
	uint32_t micros = (uint32_t)(time_us % 1000000);

	text[len] = '.';
	for (size_t i = 6; i > 0; i--, micros /= 10)
		text[len + i] = (char)('0' + micros % 10);
	return output_bytes(o, text, len + 7);
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

/* ---- payloads in pieces ---- */

struct body {
	struct message *m;
	struct slice piece;
	bool whole;             /* piece is all that is left */
	uint64_t len;           /* of the payload; MESSAGE_LEN_UNKNOWN */
	char held[HELD];
};

static bool
in_memory(const struct message *m)
{
	return m->reader == NULL && m->fd == -1;
}

/* body_next -- go to the next piece, which is empty at the end.  Returns 0, or -1. */
static int
body_next(struct body *b)
{
	size_t have = 0;
	ssize_t n = 1;

	if (!b->whole) {
		while (have < HELD && n > 0) {
			n = message_read(b->m, b->held + have, HELD - have);
			if (n == -1)
				return -1;
			have += (size_t)n;
		}
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
	if (b->whole) {
		b->piece = (struct slice){ m->data, m->data != NULL ? (size_t)m->len : 0 };
		return 0;
	}
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
	b->whole = true;
	b->piece = (struct slice){ NULL, 0 };
	if (m->reader == NULL)
		return 0;
	b->whole = false;
	do {
		if (body_next(b) == -1)
			return -1;
		len += b->piece.len;
	} while (!b->whole);
	b->len = len;
	return 0;
}

/* put_body -- the payload of m as it is.  last: gets its last byte.  Returns 0, or -1. */
static int
put_body(struct output *o, struct message *m, char *last)
{
	ssize_t n;

	if (in_memory(m))
		return output_bytes(o, m->data, m->data != NULL ? (size_t)m->len : 0);
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

/* ---- plain ---- */

static int
put_plain(struct output *o, struct message *m)
{
	char last = '\0';

	if (in_memory(m))
		return output_payload(o, m->data, m->data != NULL ? (size_t)m->len : 0);
	return put_body(o, m, &last) == -1 ? -1 : end_payload(o, last);
}

/* ---- frames ---- */

/* put_chunks -- a message of unknown length. */
static int
put_chunks(struct output *o, struct message *m)
{
	char head[FRAME_HEADER_MAX], piece[TEXT_MAX];
	bool first = true;
	size_t head_len;
	ssize_t n;

	do {
		n = message_read(m, piece, sizeof piece);
		if (n == -1)
			return -1;
		head_len = first ? message_head(head, m, (uint64_t)n, n > 0)
				 : frame_continuation(head, (uint64_t)n, n > 0);
		first = false;
		if (head_len == 0 || output_bytes(o, head, head_len) == -1 ||
		    output_bytes(o, piece, (size_t)n) == -1 || output_bytes(o, "\n", 1) == -1)
			return -1;
		if (n > 0 && output_flush(o) == -1)
			return -1;
	} while (n > 0);
	return 0;
}

static int
put_frame(struct output *o, struct message *m)
{
	char head[FRAME_HEADER_MAX], last;
	size_t head_len;

	if (m->len == MESSAGE_LEN_UNKNOWN)
		return put_chunks(o, m);
	head_len = message_head(head, m, m->len, false);
	if (head_len == 0 || output_bytes(o, head, head_len) == -1 || put_body(o, m, &last) == -1)
		return -1;
	return output_bytes(o, "\n", 1);
}

/* ---- JSON ---- */

size_t
output_utf8(const char *text, size_t n)
{
	/* RFC 3629, section 4: what the second byte may be tells overlong forms, surrogates and what is too high */
	const unsigned char *p = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}

static bool
is_utf8(struct slice s)
{
	size_t at = 0, len;

	while (at < s.len) {
		len = output_utf8(s.p + at, s.len - at);
		if (len == 0)
			return false;
		at += len;
	}
	return true;
}

/* put_escape -- a character (a byte that is part of none) as JSON escapes it. */
static int
put_escape(struct output *o, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (c != '"' && c != '\\' && c != '\n' && c != '\t')
		return output_bytes(o, text, sizeof text);
	text[1] = (char)(c == '\n' ? 'n' : c == '\t' ? 't' : c);
	return output_bytes(o, text, 2);
}

int
output_json_string(struct output *o, struct slice s)
{
	size_t at = 0, plain = 0, len;

	if (output_bytes(o, "\"", 1) == -1)
		return -1;
	while (at < s.len) {
		unsigned char c = (unsigned char)s.p[at];

		len = output_utf8(s.p + at, s.len - at);
		if (len == 2 && c == 0xc2 && (unsigned char)s.p[at + 1] < 0xa0) {
			c = (unsigned char)s.p[at + 1];         /* U+0080 to U+009F are control characters too */
		} else if (len > 1 || (len == 1 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)) {
			at += len;
			continue;
		}
		if (output_bytes(o, s.p + plain, at - plain) == -1 || put_escape(o, c) == -1)
			return -1;
		at += len > 0 ? len : 1;
		plain = at;
	}
	if (s.len > plain && output_bytes(o, s.p + plain, s.len - plain) == -1)
		return -1;
	return output_bytes(o, "\"", 1);
}

static int
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
		if (output_bytes(o, text, 4) == -1)
			return -1;
	}
	return 0;
}

/* put_json_headers -- the further headers, their values decoded. */
static int
put_json_headers(struct output *o, const struct message *m)
{
	struct slice rest = m->extra, key, value;
	char text[FRAME_HEADER_MAX];
	const char *before = "";
	long len;

	if (put_string(o, ",\"headers\":{") == -1)
		return -1;
	while (frame_next_header(&rest, &key, &value)) {
		len = frame_decode(text, value);
		if (len == -1 || put_string(o, before) == -1 || output_json_string(o, key) == -1 ||
		    put_string(o, ":") == -1 || output_json_string(o, (struct slice){ text, (size_t)len }) == -1)
			return -1;
		before = ",";
	}
	return put_string(o, "}");
}

/* put_json_head -- the members that tell about the message. */
static int
put_json_head(struct output *o, const struct message *m, uint64_t len)
{
	if (put_string(o, "{") == -1)
		return -1;
	if (m->id != 0 && (put_string(o, "\"id\":") == -1 || put_number(o, m->id) == -1 || put_string(o, ",") == -1))
		return -1;
	if (put_string(o, "\"tag\":") == -1 || output_json_string(o, m->tag) == -1 ||
	    put_string(o, ",\"source\":") == -1 || output_json_string(o, m->source) == -1)
		return -1;
	if (m->time_us != 0 && (put_string(o, ",\"time\":") == -1 || put_time(o, m->time_us) == -1))
		return -1;
	if (m->attempt != 0 && (put_string(o, ",\"try\":") == -1 || put_number(o, m->attempt) == -1))
		return -1;
	if (m->uid >= 0 && (put_string(o, ",\"uid\":") == -1 || put_number(o, (uint64_t)m->uid) == -1))
		return -1;
	if (len != MESSAGE_LEN_UNKNOWN && (put_string(o, ",\"length\":") == -1 || put_number(o, len) == -1))
		return -1;
	return put_json_headers(o, m);
}

/* put_json -- a line.  A length that is not known before follows the payload. */
static int
put_json(struct output *o, struct message *m)
{
	struct body b;
	uint64_t len = 0;

	if (body_begin(&b, m) == -1 || put_json_head(o, m, b.len) == -1)
		return -1;
	if (b.whole && b.piece.len <= TEXT_MAX && is_utf8(b.piece)) {
		if (put_string(o, ",\"payload\":") == -1 || output_json_string(o, b.piece) == -1)
			return -1;
		return put_string(o, "}\n");
	}
	if (put_string(o, ",\"base64\":\"") == -1)
		return -1;
	while (b.piece.len > 0) {
		len += b.piece.len;
		if (put_base64(o, b.piece) == -1 || body_next(&b) == -1)
			return -1;
	}
	if (put_string(o, "\"") == -1)
		return -1;
	if (b.len == MESSAGE_LEN_UNKNOWN && (put_string(o, ",\"length\":") == -1 || put_number(o, len) == -1))
		return -1;
	return put_string(o, "}\n");
}

/* ---- shell assignments ---- */

/* put_quoted -- bytes within single quotes.  Returns 0, or -1: EILSEQ for a NUL byte. */
static int
put_quoted(struct output *o, struct slice s)
{
	const char *quote;

	if (s.len > 0 && memchr(s.p, '\0', s.len) != NULL) {
		errno = EILSEQ;
		return -1;
	}
	while (s.len > 0 && (quote = memchr(s.p, '\'', s.len)) != NULL) {
		size_t n = (size_t)(quote - s.p);

		if (output_bytes(o, s.p, n) == -1 || put_string(o, "'\\''") == -1)
			return -1;
		s.p += n + 1;
		s.len -= n + 1;
	}
	return put_slice(o, s);
}

/* put_assignment -- NAME='VALUE'. */
static int
put_assignment(struct output *o, const char *name, struct slice value)
{
	if (put_string(o, name) == -1 || put_string(o, "='") == -1 || put_quoted(o, value) == -1)
		return -1;
	return put_string(o, "'\n");
}

/* put_assigned_number -- NAME='N', empty where n is 0. */
static int
put_assigned_number(struct output *o, const char *name, uint64_t n)
{
	char text[20];

	return put_assignment(o, name, (struct slice){ text, n != 0 ? frame_number(text, n) : 0 });
}

/* put_env_head -- all but what tells of the payload.  reply: decoded. */
static int
put_env_head(struct output *o, const char *channel, const struct message *m, struct slice reply)
{
	if (put_assignment(o, "MBOX_TAG", m->tag) == -1 || put_assignment(o, "MBOX_SOURCE", m->source) == -1 ||
	    put_assigned_number(o, "MBOX_ID", m->id) == -1 || put_string(o, "MBOX_TIME='") == -1 ||
	    (m->time_us != 0 && put_time(o, m->time_us) == -1) || put_string(o, "'\n") == -1 ||
	    put_assigned_number(o, "MBOX_TRY", m->attempt) == -1 || put_assignment(o, "MBOX_REPLY", reply) == -1)
		return -1;
	return put_assignment(o, "MBOX_NAME", slice_of(channel));
}

/*
 * put_env -- shell assignments.  The payload comes behind all but its length: where it turns out late that it can not
 * be held, its quote stays open, and no shell acts on what was written.
 */
static int
put_env(struct output *o, const char *channel, struct message *m)
{
	char text[FRAME_HEADER_MAX];
	struct slice reply;
	struct body b;
	uint64_t total = 0;
	long len = 0;

	if (frame_header(m->extra, "reply", &reply))
		len = frame_decode(text, reply);
	if (len == -1 || body_begin(&b, m) == -1)
		return -1;
	reply = (struct slice){ text, (size_t)len };
	if (memchr(text, '\0', reply.len) != NULL || (b.piece.len > 0 && memchr(b.piece.p, '\0', b.piece.len) != NULL)) {
		errno = EILSEQ;
		return -1;
	}
	if (put_env_head(o, channel, m, reply) == -1 || put_string(o, "MBOX_PAYLOAD='") == -1)
		return -1;
	while (b.piece.len > 0) {
		total += b.piece.len;
		if (put_quoted(o, b.piece) == -1 || body_next(&b) == -1)
			return -1;
	}
	if (put_string(o, "'\nMBOX_LENGTH='") == -1 || put_number(o, total) == -1)
		return -1;
	return put_string(o, "'\n");
}

/* ---- formats ---- */

/* What a format asks of the payload. */
struct uses {
	bool length;
	unsigned payloads;
};

/* format_step -- the end of the directive or escape at p ('%' or '\\'), or NULL where it is none. */
static const char *
format_step(const char *p)
{
	const char *brace;

	if (p[0] == '\\')
		return p[1] != '\0' && strchr("nt0\\", p[1]) != NULL ? p + 2 : NULL;
	if (p[1] != 'h')
		return p[1] != '\0' && strchr("tsilpmd%", p[1]) != NULL ? p + 2 : NULL;
	brace = p[2] == '{' ? strchr(p, '}') : NULL;
	if (brace == NULL || !frame_key_ok((struct slice){ p + 3, (size_t)(brace - p - 3) }))
		return NULL;
	return brace + 1;
}

/* format_uses -- look a format through.  Returns 0, or -1 with EINVAL. */
static int
format_uses(const char *format, struct uses *uses)
{
	*uses = (struct uses){ .length = false };
	for (const char *p = format, *end;; p = end) {
		p += strcspn(p, "%\\");
		if (*p == '\0')
			return 0;
		end = format_step(p);
		if (end == NULL) {
			errno = EINVAL;
			return -1;
		}
		if (*p == '%' && p[1] == 'l')
			uses->length = true;
		if (*p == '%' && p[1] == 'p')
			uses->payloads++;
	}
}

/* put_header -- the header called key, wherever the message keeps it. */
static int
put_header(struct output *o, const struct message *m, struct slice key)
{
	char name[FRAME_KEY_MAX + 1];
	struct slice value;

	memcpy(name, key.p, key.len);
	name[key.len] = '\0';
	if (slice_is(key, "id"))
		return m->id != 0 ? put_number(o, m->id) : 0;
	if (slice_is(key, "time"))
		return m->time_us != 0 ? put_time(o, m->time_us) : 0;
	if (slice_is(key, "try"))
		return m->attempt != 0 ? put_number(o, m->attempt) : 0;
	if (slice_is(key, "uid"))
		return m->uid >= 0 ? put_number(o, (uint64_t)m->uid) : 0;
	return frame_header(m->extra, name, &value) ? put_slice(o, value) : 0;
}

/* put_pieces -- the payload, which may have been written before. */
static int
put_pieces(struct output *o, struct body *b)
{
	if (in_memory(b->m) || (b->whole && b->piece.len == b->len))
		return put_slice(o, b->piece);
	while (b->piece.len > 0)
		if (put_slice(o, b->piece) == -1 || body_next(b) == -1)
			return -1;
	b->m->fd_offset = 0;            /* for the next time; a stream is not written twice */
	b->whole = false;
	return b->m->reader == NULL ? body_next(b) : 0;
}

/* put_directive -- what the directive or escape at p stands for.  end: where it ends. */
static int
put_directive(struct output *o, const char *channel, struct body *b, const char *p, const char *end)
{
	const struct message *m = b->m;

	if (p[0] == '\\')
		return output_bytes(o, p[1] == 'n' ? "\n" : p[1] == 't' ? "\t" : p[1] == '0' ? "" : "\\", 1);
	switch (p[1]) {
	case 't':
		return put_slice(o, m->tag);
	case 's':
		return put_slice(o, m->source);
	case 'i':
		return m->id != 0 ? put_number(o, m->id) : 0;
	case 'l':
		return put_number(o, b->len);
	case 'p':
		return put_pieces(o, b);
	case 'm':
		return put_string(o, channel);
	case 'd':
		return m->time_us != 0 ? put_time(o, m->time_us) : 0;
	case 'h':
		return put_header(o, m, (struct slice){ p + 3, (size_t)(end - 1 - (p + 3)) });
	default:
		return output_bytes(o, "%", 1);
	}
}

static int
put_format(struct output *o, const char *channel, struct message *m)
{
	struct uses uses;
	struct body b;

	if (format_uses(o->format, &uses) == -1)
		return -1;
	if ((uses.payloads > 0 ? body_begin(&b, m) : body_skip(&b, m)) == -1)
		return -1;
	if ((uses.length && b.len == MESSAGE_LEN_UNKNOWN) || (uses.payloads > 1 && m->reader != NULL && !b.whole)) {
		errno = EOVERFLOW;
		return -1;
	}
	for (const char *p = o->format, *end;; p = end) {
		size_t plain = strcspn(p, "%\\");

		if (output_bytes(o, p, plain) == -1)
			return -1;
		p += plain;
		if (*p == '\0')
			return 0;
		end = format_step(p);
		if (put_directive(o, channel, &b, p, end) == -1)
			return -1;
	}
}

/* ---- any ---- */

int
output_init(struct output *o, int fd, enum output_form form, const char *format)
{
	struct uses uses;
	struct stat st;

	o->fd = fd;
	o->form = form;
	o->format = format;
	o->pipe = fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
	o->used = 0;
	return form == OUTPUT_FORMAT ? format_uses(format, &uses) : 0;
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
		return put_json(o, m);
	case OUTPUT_FORMAT:
		return put_format(o, channel, m);
	case OUTPUT_ENV:
		return put_env(o, channel, m);
	}
	errno = EINVAL;
	return -1;
}
