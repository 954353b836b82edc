/* SPDX-License-Identifier: ISC */
/*
 * message: see message.h.
 *
 * The headers that the receiving side sets (id, time, try, uid, once, via) have fields of their own.  message_head writes them in
 * front of the others, so that message_of_frame finds the others in one piece and copies nothing.
 */
#include "frame/message.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/io.h"

enum { DIGITS = 2 * MESSAGE_INCARNATION };

/* The incarnation that was read or written last: those of one stream are mostly the same. */
static struct {
	bool known;
	unsigned char bytes[MESSAGE_INCARNATION];
	char digits[DIGITS];
} last;

/* hex_digit -- the value of a lower-case digit, or 16 and more. */
static inline unsigned
hex_digit(char c)
{
	unsigned digit = (unsigned char)c - (unsigned)'0', letter = (unsigned char)c - (unsigned)'a';

	return digit < 10 ? digit : letter < 6 ? letter + 10 : 16;
}

/* take_incarnation -- have it in last.  Returns whether it is well formed. */
static bool
take_incarnation(const char *digits)
{
	unsigned high, low, wrong = 0;

	if (last.known && memcmp(last.digits, digits, DIGITS) == 0)
		return true;
	for (size_t i = 0; i < MESSAGE_INCARNATION; i++) {
		high = hex_digit(digits[2 * i]);
		low = hex_digit(digits[2 * i + 1]);
		wrong |= high | low;
		last.bytes[i] = (unsigned char)(high << 4 | low);
	}
	memcpy(last.digits, digits, DIGITS);
	return last.known = wrong < 16;
}

/* put_incarnation -- in hexadecimal. */
static char *
put_incarnation(char *out, const unsigned char *bytes)
{
	if (!last.known || memcmp(last.bytes, bytes, MESSAGE_INCARNATION) != 0) {
		memcpy(last.bytes, bytes, MESSAGE_INCARNATION);
		num_hex_bytes(last.digits, bytes, MESSAGE_INCARNATION);
		last.known = true;
	}
	return mempcpy(out, last.digits, DIGITS);
}

/* take_once -- read INCARNATION/ID; what is not well formed is none. */
static void
take_once(struct once *once, struct slice value)
{
	uint64_t id;

	if (value.len <= DIGITS + 1 || value.p[DIGITS] != '/'
	    || num_parse((struct slice){ value.p + DIGITS + 1, value.len - DIGITS - 1 }, &id) == -1
	    || !take_incarnation(value.p))
		return;
	memcpy(once->incarnation, last.bytes, MESSAGE_INCARNATION);
	once->id = id;
}

/* take_header -- put a header into its field.  Returns whether it has one, its value well formed or not. */
static bool
take_header(struct message *m, struct slice key, struct slice value)
{
	uint64_t n;
	bool number;

	if (slice_is(key, "time")) {
		if (frame_parse_time(value, &n) == 0)
			m->time_us = n;
		return true;
	}
	if (slice_is(key, "to")) {
		m->to = value;
		return true;
	}
	if (slice_is(key, "via")) {
		m->via = value;
		return true;
	}
	if (slice_is(key, "once")) {
		take_once(&m->once, value);
		return true;
	}
	if (!slice_is(key, "id") && !slice_is(key, "try") && !slice_is(key, "uid"))
		return false;
	number = num_parse(value, &n) == 0;
	if (number && key.p[0] == 'i')
		m->id = n;
	else if (number && key.p[0] == 't' && n <= UINT32_MAX)
		m->attempt = (uint32_t)n;
	else if (number && key.p[0] == 'u' && n <= UINT32_MAX)
		m->uid = (int64_t)n;
	return true;
}

/* keep_header -- add the bytes from p to stop to m->extra: in place while they adjoin it, else in scratch. */
static void
keep_header(struct message *m, const char *p, const char *stop, char *scratch)
{
	size_t len = (size_t)(stop - p);

	if (m->extra.len == 0) {
		m->extra = (struct slice){ p, len };
		return;
	}
	if (m->extra.p == scratch || m->extra.p + m->extra.len + 1 != p) {
		if (m->extra.p != scratch)
			memcpy(scratch, m->extra.p, m->extra.len);
		m->extra.p = scratch;
		scratch[m->extra.len] = ' ';
		memcpy(scratch + m->extra.len + 1, p, len);
	}
	m->extra.len += 1 + len;
}

void
message_of_frame(struct message *m, const struct frame *f, char *scratch)
{
	struct slice rest = f->extra, key, value;

	*m = (struct message){
		.tag = f->tag,
		.source = f->source,
		.uid = -1,
		.len = f->more ? MESSAGE_LEN_UNKNOWN : f->len,
		.fd = -1,
	};
	while (frame_next_header(&rest, &key, &value)) {
		if (!take_header(m, key, value))
			keep_header(m, key.p, value.p + value.len, scratch);
	}
}

static char *
put_number(char *out, const char *key, uint64_t n)
{
	size_t len = strlen(key);

	memcpy(out, key, len);
	return out + len + num_decimal(out + len, n);
}

/* put_fields -- " id=..." and so on, each with a space in front.  At most 180 bytes. */
static char *
put_fields(char *out, const struct message *m)
{
	if (m->id != 0)
		out = put_number(out, " id=", m->id);
	if (m->time_us != 0) {
		memcpy(out, " time=", 6);
		out += 6 + frame_time(out + 6, m->time_us);
	}
	if (m->attempt > 1)
		out = put_number(out, " try=", m->attempt);
	if (m->uid >= 0)
		out = put_number(out, " uid=", (uint64_t)m->uid);
	if (m->once.id != 0) {
		memcpy(out, " once=", 6);
		out = put_incarnation(out + 6, m->once.incarnation);
		out = put_number(out, "/", m->once.id);
	}
	return out;
}

size_t
message_via(char *out, const struct message *m)
{
	char *p = out;

	if (m->via.len > 0)
		p = mempcpy(p, m->via.p, m->via.len);
	if (m->via.len > 0 && m->via_last != 0)
		*p++ = ',';
	return (size_t)((m->via_last != 0 ? num_hex(p, m->via_last, MESSAGE_VIA_DIGITS) : p) - out);
}

size_t
message_head(char *out, const struct message *m, uint64_t len, bool more)
{
	size_t head_len = frame_head(out, len, more, m->tag, m->source, (struct slice){ NULL, 0 });
	const size_t via_len = m->via.len + (m->via.len > 0 && m->via_last != 0) + (m->via_last != 0 ? MESSAGE_VIA_DIGITS : 0);
	const size_t more_len = (via_len > 0 ? strlen(" via=") + via_len : 0) + (m->extra.len > 0 ? 1 + m->extra.len : 0);
	char *p;

	if (head_len == 0)
		return 0;
	p = put_fields(out + head_len - 1, m);  /* over the newline; there is room: head_len is below 600 */
	if ((size_t)(p - out) + more_len + 1 > FRAME_HEADER_MAX) {
		errno = EMSGSIZE;
		return 0;
	}
	if (via_len > 0) {
		p = mempcpy(p, " via=", 5);
		p += message_via(p, m);
	}
	if (m->extra.len > 0) {
		*p++ = ' ';
		memcpy(p, m->extra.p, m->extra.len);
		p += m->extra.len;
	}
	*p++ = '\n';
	return (size_t)(p - out);
}

ssize_t
message_read(struct message *m, void *buf, size_t n)
{
	uint64_t left;
	ssize_t got;

	if (m->reader != NULL)
		return m->stream_read(m->reader, buf, n);
	left = m->fd != -1 ? m->len - m->fd_offset : m->data != NULL ? m->len - m->data_read : 0;
	if (n > left)
		n = (size_t)left;
	if (n == 0)
		return 0;
	if (m->fd == -1) {
		memcpy(buf, m->data + m->data_read, n);
		m->data_read += n;
		return (ssize_t)n;
	}
	got = io_pread(m->fd, buf, n, m->fd_offset);
	if (got > 0)
		m->fd_offset += (uint64_t)got;
	return got == 0 ? fail_with(EBADMSG) : got;
}

bool
message_expired(const struct message *m)
{
	struct slice value;
	uint64_t us;

	return m->extra.len > 0 && frame_header(m->extra, "expire", &value) && frame_parse_time(value, &us) == 0
	    && us <= clock_wall_us();
}

void
message_keep_via(struct message *m, char *out)
{
	char *p = out;

	p = mempcpy(p, "via=", 4);
	p = mempcpy(p, m->via.p, m->via.len);
	if (m->extra.len > 0) {
		*p++ = ' ';
		p = mempcpy(p, m->extra.p, m->extra.len);
	}
	m->extra = (struct slice){ out, (size_t)(p - out) };
}
