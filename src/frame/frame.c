/* SPDX-License-Identifier: ISC */
/*
 * frame: see frame.h.
 *
 * One pass over the line with a table of byte classes; every byte is looked at once, but for the keys of a header
 * with several, which are compared with each other.  There is one way to write a given header line: what is not
 * written that way is refused at its first wrong byte.
 */
#include "frame/frame.h"

#include <errno.h>

enum {
	C_NAME = 1,             /* may stand in a tag or a source */
	C_VALUE = 2,            /* may stand in a header's value as itself */
	C_KEY = 4,              /* may stand in a key (not as its first byte) */
	C_HEX = 8,              /* an upper-case hexadecimal digit */

	N = C_NAME,
	V = C_NAME | C_VALUE,
	K = C_NAME | C_VALUE | C_KEY,
	H = C_NAME | C_VALUE | C_HEX,
	D = C_NAME | C_VALUE | C_KEY | C_HEX,
};

static const unsigned char class_of[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, V, V, V, V, N, V, V, V, V, V, V, V, K, V, V,         /* % 0x25, - 0x2d */
	D, D, D, D, D, D, D, D, D, D, V, V, V, V, V, V,         /* 0 to 9 */
	V, H, H, H, H, H, H, V, V, V, V, V, V, V, V, V,         /* A to F */
	V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
	V, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K,         /* a to z */
	K, K, K, K, K, K, K, K, K, K, K, V, V, V, V, 0,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
};

static inline unsigned
class(char c)
{
	return class_of[(unsigned char)c];
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The parse_ functions move *p over what they know; false: *p is at the first wrong byte, or at end. */

static inline bool
parse_byte(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	++*p;
	return true;
}

static inline bool
parse_name(const char **p, const char *end, struct slice *name)
{
	const char *s = *p;
	const char *stop = end - s > FRAME_NAME_MAX ? s + FRAME_NAME_MAX : end;

	name->p = s;
	while (s < stop && (class(*s) & C_NAME) != 0)
		s++;
	name->len = (size_t)(s - *p);
	*p = s;
	return name->len > 0;
}

static bool
parse_key(const char **p, const char *end)
{
	const char *s = *p;
	const char *stop = end - s > FRAME_KEY_MAX ? s + FRAME_KEY_MAX : end;

	if (s == end || *s < 'a' || *s > 'z')
		return false;
	while (s < stop && (class(*s) & C_KEY) != 0)
		s++;
	*p = s;
	return true;
}

static bool
parse_value(const char **p, const char *end)
{
	const char *s = *p;

	for (; s < end; s++) {
		if ((class(*s) & C_VALUE) != 0)
			continue;
		if (*s != '%')
			break;
		for (int i = 0; i < 2; i++) {
			if (++s == end || (class(*s) & C_HEX) == 0) {
				*p = s;
				return false;
			}
		}
	}
	*p = s;
	return true;
}

/* stands_in -- whether the key is one of those in extra. */
static bool
stands_in(struct slice key, struct slice extra)
{
	struct slice k, value;

	while (frame_next_header(&extra, &k, &value)) {
		if (slice_eq(k, key))
			return true;
	}
	return false;
}

/* key_bit -- one bit of 64 for a key: keys of different bits differ. */
static inline uint64_t
key_bit(struct slice key)
{
	unsigned first = (unsigned char)key.p[0], last = (unsigned char)key.p[key.len - 1];

	return UINT64_C(1) << ((first * 7 + last + (unsigned)key.len * 13) % 64);
}

/* parse_extra -- " KEY=VALUE" as often as it stands there. */
static bool
parse_extra(const char **p, const char *end, struct slice *extra)
{
	uint64_t seen = 0, bit;
	struct slice key;

	extra->p = *p < end && **p == ' ' ? *p + 1 : *p;
	while (*p < end && **p == ' ') {
		key.p = ++*p;
		if (!parse_key(p, end))
			return false;
		key.len = (size_t)(*p - key.p);
		if (!parse_byte(p, end, '='))
			return false;
		bit = key_bit(key);
		if ((seen & bit) != 0 && stands_in(key, *extra)) {
			*p = key.p;
			return false;
		}
		seen |= bit;
		if (!parse_value(p, end))
			return false;
		extra->len = (size_t)(*p - extra->p);
	}
	return true;
}

static inline bool
parse_line(struct frame *f, const char **p, const char *end)
{
	if (!parse_byte(p, end, 'M') || !parse_byte(p, end, '1') || !parse_byte(p, end, ' ') ||
	    !num_scan(p, end, &f->len))
		return false;
	if (*p < end && **p == '+') {
		f->more = true;
		++*p;
	}
	if (*p < end && **p == '\n') {
		f->continuation = true;
		++*p;
		return true;
	}
	return parse_byte(p, end, ' ') && parse_name(p, end, &f->tag) && parse_byte(p, end, ' ') &&
	    parse_name(p, end, &f->source) && parse_extra(p, end, &f->extra) && parse_byte(p, end, '\n');
}

int
frame_parse(struct frame *f, const char *line, size_t len, size_t *bad)
{
	const char *p = line;
	size_t at;

	*f = (struct frame){ 0 };
	if (parse_line(f, &p, line + len) && p == line + len && len <= FRAME_HEADER_MAX)
		return 0;
	at = (size_t)(p - line);
	if (len >= FRAME_HEADER_MAX && at >= FRAME_HEADER_MAX)
		at = FRAME_HEADER_MAX - 1;      /* where the newline had to stand */
	if (bad != NULL)
		*bad = at;
	errno = EBADMSG;
	return -1;
}

int
frame_next_header(struct slice *rest, struct slice *key, struct slice *value)
{
	const char *p, *end, *space;

	if (rest->len == 0)
		return 0;
	p = rest->p;
	end = p + rest->len;
	while (p < end && *p != '=')
		p++;
	*key = (struct slice){ rest->p, (size_t)(p - rest->p) };
	if (p < end)
		p++;
	space = memchr(p, ' ', (size_t)(end - p));
	*value = (struct slice){ p, (size_t)((space != NULL ? space : end) - p) };
	p = space != NULL ? space + 1 : end;
	*rest = (struct slice){ p, (size_t)(end - p) };
	return 1;
}

int
frame_header(struct slice extra, const char *key, struct slice *value)
{
	struct slice k;

	while (frame_next_header(&extra, &k, value)) {
		if (slice_is(k, key))
			return 1;
	}
	*value = (struct slice){ NULL, 0 };
	return 0;
}

/* put_length -- "M1 LENGTH[+]". */
static inline char *
put_length(char *out, uint64_t len, bool more)
{
	memcpy(out, "M1 ", 3);
	out += 3;
	out += num_decimal(out, len);
	if (more)
		*out++ = '+';
	return out;
}

static inline char *
put_field(char *out, struct slice s)
{
	*out++ = ' ';
	memcpy(out, s.p, s.len);
	return out + s.len;
}

size_t
frame_head(char *out, uint64_t len, bool more, struct slice tag, struct slice source, struct slice extra)
{
	char length[32];
	size_t length_len = (size_t)(put_length(length, len, more) - length);
	size_t fixed = length_len + 1 + 1 + 1;  /* two spaces and the newline */
	char *p = out;

	if (tag.len > FRAME_NAME_MAX || source.len > FRAME_NAME_MAX || extra.len > FRAME_HEADER_MAX ||
	    fixed + tag.len + source.len + (extra.len > 0 ? extra.len + 1 : 0) > FRAME_HEADER_MAX) {
		errno = EMSGSIZE;
		return 0;
	}
	memcpy(p, length, length_len);
	p += length_len;
	p = put_field(p, tag);
	p = put_field(p, source);
	if (extra.len > 0)
		p = put_field(p, extra);
	*p++ = '\n';
	return (size_t)(p - out);
}

size_t
frame_continuation(char *out, uint64_t len, bool more)
{
	char *p = put_length(out, len, more);

	*p++ = '\n';
	return (size_t)(p - out);
}

bool
frame_name_ok(struct slice s)
{
	const char *p = s.p;

	return s.len > 0 && parse_name(&p, s.p + s.len, &(struct slice){ NULL, 0 }) && p == s.p + s.len;
}

bool
frame_key_ok(struct slice s)
{
	const char *p = s.p;

	return s.len > 0 && parse_key(&p, s.p + s.len) && p == s.p + s.len;
}

long
frame_encode(char *out, size_t cap, struct slice value)
{
	size_t used = 0;

	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.p[i];
		size_t n = (class_of[c] & C_VALUE) != 0 ? 1 : 3;

		if (cap - used < n) {
			errno = EMSGSIZE;
			return -1;
		}
		if (n == 1) {
			out[used++] = (char)c;
			continue;
		}
		out[used++] = '%';
		out[used++] = NUM_HEX_UPPER[c >> 4];
		out[used++] = NUM_HEX_UPPER[c & 15];
	}
	return (long)used;
}

static unsigned
hex_value(char c)
{
	return (unsigned)(is_digit(c) ? c - '0' : c - 'A' + 10);
}

long
frame_decode(char *out, struct slice value)
{
	const char *p = value.p, *end = value.p + value.len;
	char *to = out;

	if (value.len == 0)
		return 0;
	if (!parse_value(&p, end) || p != end) {
		errno = EBADMSG;
		return -1;
	}
	for (p = value.p; p < end; p++) {
		if (*p != '%') {
			*to++ = *p;
			continue;
		}
		*to++ = (char)(hex_value(p[1]) << 4 | hex_value(p[2]));
		p += 2;
	}
	return (long)(to - out);
}

int
frame_parse_time(struct slice s, uint64_t *us)
{
	uint64_t seconds, micros = 0;
	const char *point;

	if (num_parse(s, &seconds) == 0 && seconds <= (uint64_t)INT64_MAX / 1000000 - 1) {
		*us = seconds * 1000000;
		return 0;
	}
	errno = EINVAL;
	if (s.len < 8)
		return -1;
	point = s.p + s.len - 7;
	if (*point != '.' || num_parse((struct slice){ s.p, s.len - 7 }, &seconds) == -1
	    || seconds > (uint64_t)INT64_MAX / 1000000 - 1)
		return -1;
	for (int i = 1; i <= 6; i++) {
		if (point[i] < '0' || point[i] > '9')
			return -1;
		micros = micros * 10 + (uint64_t)(point[i] - '0');
	}
	*us = seconds * 1000000 + micros;
	return 0;
}

size_t
frame_time(char *out, uint64_t us)
{
	size_t n = num_decimal(out, us / 1000000);
	uint64_t micros = us % 1000000;

	out[n] = '.';
	for (size_t i = 6; i > 0; i--, micros /= 10)
		out[n + i] = (char)('0' + micros % 10);
	return n + 7;
}

long
frame_set_header(char *out, struct slice extra, const char *key, struct slice value)
{
	struct slice name, old;
	size_t used = 0, key_len = strlen(key);

	while (frame_next_header(&extra, &name, &old)) {
		if (slice_is(name, key))
			continue;
		if (used + 1 + name.len + 1 + old.len > FRAME_HEADER_MAX)
			goto too_long;
		if (used > 0)
			out[used++] = ' ';
		/* the value stands right behind the key and its = */
		memcpy(out + used, name.p, name.len + 1 + old.len);
		used += name.len + 1 + old.len;
	}
	if (value.p == NULL)
		return (long)used;
	if (used + 1 + key_len + 1 + value.len > FRAME_HEADER_MAX)
		goto too_long;
	if (used > 0)
		out[used++] = ' ';
	memcpy(out + used, key, key_len);
	used += key_len;
	out[used++] = '=';
	if (value.len > 0)
		memcpy(out + used, value.p, value.len);
	return (long)(used + value.len);
too_long:
	errno = EMSGSIZE;
	return -1;
}
