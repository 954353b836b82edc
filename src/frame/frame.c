/* SPDX-License-Identifier: ISC */
/*
 * frame: see frame.h.
 *
 * One pass over the line with a table of byte classes, or a comparison of many bytes: each is read once, except in the
 * keys of several headers, which are compared with each other.  A header line can be written in one way only; any other
 * is refused at its first wrong byte.
 */
#include "frame/frame.h"

#include "base/fail.h"

enum {
	C_NAME = 1,             /* may stand in a tag or a source */
	C_VALUE = 2,            /* may stand in a header's value, unencoded */
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

/* The parse_ functions move *p past what they parse; false: *p is at the first wrong byte, or at end. */

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

/* plain_value -- the first byte from s on that is not of C_VALUE, or end. */
static inline const char *
plain_value(const char *s, const char *end)
{
#ifdef __SSE2__
	const __m128i low = _mm_set1_epi8(' '), high = _mm_set1_epi8(0x7f), percent = _mm_set1_epi8('%');

	for (; end - s >= 16; s += 16) {
		const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)s);
		/* bytes of 0x80 and above are negative */
		const int in = _mm_movemask_epi8(_mm_andnot_si128(_mm_cmpeq_epi8(v, percent),
		    _mm_and_si128(_mm_cmpgt_epi8(v, low), _mm_cmplt_epi8(v, high))));

		if (in != 0xffff)
			return s + __builtin_ctz(~(unsigned)in);
	}
#endif
	while (s < end && (class(*s) & C_VALUE) != 0)
		s++;
	return s;
}

static bool
parse_value(const char **p, const char *end)
{
	const char *s = plain_value(*p, end);

	for (; s < end && *s == '%'; s = plain_value(s + 1, end)) {
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

/* stands_in -- whether extra has the key. */
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

/* key_bit -- one bit of 64 for a key: keys with different bits differ. */
static inline uint64_t
key_bit(struct slice key)
{
	unsigned first = (unsigned char)key.p[0], last = (unsigned char)key.p[key.len - 1];

	return UINT64_C(1) << ((first * 7 + last + (unsigned)key.len * 13) % 64);
}

/* parse_extra -- any number of " KEY=VALUE". */
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
	return fail_with(EBADMSG);
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
	p += p < end;
	space = find_byte(p, end, ' ');
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
	char *p = put_length(out, len, more);
	size_t fixed = (size_t)(p - out) + 1 + 1 + 1;   /* two spaces and the newline */

	if (tag.len > FRAME_NAME_MAX || source.len > FRAME_NAME_MAX || extra.len > FRAME_HEADER_MAX ||
	    fixed + tag.len + source.len + (extra.len > 0 ? extra.len + 1 : 0) > FRAME_HEADER_MAX) {
		errno = EMSGSIZE;
		return 0;
	}
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

		if (cap - used < n)
			return fail_with(EMSGSIZE);
		out[used] = n == 1 ? (char)c : '%';
		if (n == 3) {
			out[used + 1] = NUM_HEX_UPPER[c >> 4];
			out[used + 2] = NUM_HEX_UPPER[c & 15];
		}
		used += n;
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
	if (!parse_value(&p, end) || p != end)
		return fail_with(EBADMSG);
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
	const char *p = s.p, *end;
	uint64_t seconds, micros = 0;

	if (s.len == 0 || !num_scan(&p, s.p + s.len, &seconds) || seconds >= (uint64_t)INT64_MAX / 1000000)
		return fail_with(EINVAL);
	end = s.p + s.len;
	if (end - p == 7 && *p++ == '.') {
		for (; p < end && is_digit(*p); p++)
			micros = micros * 10 + (uint64_t)(*p - '0');
	}
	if (p != end)
		return fail_with(EINVAL);
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

/* put_header -- add KEY=VALUE to used bytes of headers (-1: no room).  Returns the bytes, or -1 with EMSGSIZE. */
static long
put_header(char *out, long used, struct slice key, struct slice value)
{
	char *p;

	if (used == -1 || (size_t)used + 1 + key.len + 1 + value.len > FRAME_HEADER_MAX)
		return fail_with(EMSGSIZE);
	p = out + used;
	if (used > 0)
		*p++ = ' ';
	memcpy(p, key.p, key.len);
	p += key.len;
	*p++ = '=';
	if (value.len > 0)
		memcpy(p, value.p, value.len);
	return (long)(p - out) + (long)value.len;
}

long
frame_set_header(char *out, struct slice extra, const char *key, struct slice value)
{
	struct slice name, old;
	long used = 0;

	while (frame_next_header(&extra, &name, &old)) {
		if (!slice_is(name, key))
			used = put_header(out, used, name, old);
	}
	return value.p == NULL ? used : put_header(out, used, slice_of(key), value);
}
