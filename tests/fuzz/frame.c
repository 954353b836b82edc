/* SPDX-License-Identifier: ISC */
/*
 * frame: a header line, well formed or not.
 *
 * The codec is compared with the grammar of letterbox(5), written down here once more without regard to speed; and
 * what is taken apart is put together again.
 */
#include <stdlib.h>

#include "frame/message.h"
#include "fuzz.h"

/* ---- the grammar: each returns how far the bytes from at on are of that kind ---- */

struct line {
	const unsigned char *p;
	size_t len;
};

static bool
is(const struct line *l, size_t at, int c)
{
	return at < l->len && l->p[at] == c;
}

static bool
between(const struct line *l, size_t at, int low, int high)
{
	return at < l->len && l->p[at] >= low && l->p[at] <= high;
}

static bool
is_hex(const struct line *l, size_t at)
{
	return between(l, at, '0', '9') || between(l, at, 'A', 'F');
}

static size_t
name_end(const struct line *l, size_t at)
{
	size_t n = 0;

	while (n < 255 && (between(l, at + n, 0x21, 0x7e) || between(l, at + n, 0x80, 0xff)))
		n++;
	return at + n;
}

/* length_end -- good: it is a whole length; else the end is its first wrong byte. */
static size_t
length_end(const struct line *l, size_t at, bool *good)
{
	static const char max[] = "9223372036854775807";
	size_t n = 0;

	while (between(l, at + n, '0', '9') && n <= 19 && !(n == 1 && l->p[at] == '0'))
		n++;
	*good = n > 0;
	if (n > 19 || (n == 19 && memcmp(l->p + at, max, 19) > 0)) {
		*good = false;
		n = n > 19 && memcmp(l->p + at, max, 19) <= 0 ? 19 : 18;
	}
	return at + n;
}

static size_t
key_end(const struct line *l, size_t at)
{
	size_t n = 0;

	while (n < 255 && (between(l, at + n, 'a', 'z')
	    || (n > 0 && (between(l, at + n, '0', '9') || is(l, at + n, '-')))))
		n++;
	return at + n;
}

static size_t
value_end(const struct line *l, size_t at, bool *good)
{
	*good = true;
	for (;; at++) {
		if (is(l, at, '%')) {
			*good = is_hex(l, at + 1) && is_hex(l, at + 2);
			if (!*good)
				return is_hex(l, at + 1) ? at + 2 : at + 1;
			at += 2;
		} else if (!between(l, at, 0x21, 0x7e)) {
			return at;
		}
	}
}

/* stood -- whether the key from..to stands between start and from too. */
static bool
stood(const struct line *l, size_t start, size_t from, size_t to)
{
	for (size_t at = start; at < from; at++)
		if (l->p[at - 1] == ' ' && memcmp(l->p + at, l->p + from, to - from) == 0 && l->p[at + to - from] == '=')
			return true;
	return false;
}

/* expected -- the offset of the first byte that is wrong, or len where the line is well formed. */
static size_t
expected(const struct line *l, bool *whole)
{
	size_t at = 0, end, start;
	bool good;

	*whole = false;
	for (; at < 3; at++)
		if (!is(l, at, "M1 "[at]))
			return at;
	at = length_end(l, at, &good);
	if (!good)
		return at;
	at += is(l, at, '+');
	if (is(l, at, '\n')) {
		*whole = true;
		return at + 1;
	}
	for (int i = 0; i < 2; i++) {
		if (!is(l, at, ' '))
			return at;
		end = name_end(l, ++at);
		if (end == at)
			return at;
		at = end;
	}
	start = at + 1;
	while (is(l, at, ' ')) {
		end = key_end(l, ++at);
		if (end == at || !is(l, end, '='))
			return end;
		if (stood(l, start, at, end))
			return at;
		at = value_end(l, end + 1, &good);
		if (!good)
			return at;
	}
	*whole = is(l, at, '\n');
	return at + *whole;
}

/* ---- what comes back ---- */

static void
check_headers(struct slice extra)
{
	char decoded[FRAME_HEADER_MAX], encoded[FRAME_HEADER_MAX], set[FRAME_HEADER_MAX], name[FRAME_KEY_MAX + 1];
	struct slice rest = extra, key, value, found;
	uint64_t us, again_us;
	long n, m;

	while (frame_next_header(&rest, &key, &value)) {
		MUST(frame_key_ok(key));
		memcpy(name, key.p, key.len);
		name[key.len] = '\0';
		MUST(frame_header(extra, name, &found) && found.p == value.p && found.len == value.len);
		n = frame_decode(decoded, value);
		MUST(n >= 0 && (size_t)n <= value.len);
		m = frame_encode(encoded, sizeof encoded, (struct slice){ decoded, (size_t)n });
		MUST(m >= 0 && (size_t)m <= value.len);
		MUST(frame_decode(encoded, (struct slice){ encoded, (size_t)m }) == n && memcmp(encoded, decoded, (size_t)n) == 0);
		if (frame_parse_time(value, &us) == 0) {
			m = (long)frame_time(encoded, us);
			MUST(frame_parse_time((struct slice){ encoded, (size_t)m }, &again_us) == 0 && us == again_us);
		}
		n = frame_set_header(set, extra, name, (struct slice){ NULL, 0 });
		MUST(n >= 0 && !frame_header((struct slice){ set, (size_t)n }, name, &found));
		n = frame_set_header(set, extra, name, (struct slice){ "x%20", 4 });
		MUST(n == -1 || (frame_header((struct slice){ set, (size_t)n }, name, &found) && slice_is(found, "x%20")));
	}
}

/* check_message -- from a frame to a message, to a frame, to a message: the two are the same. */
static void
check_message(const struct frame *f)
{
	char scratch[FRAME_HEADER_MAX], scratch2[FRAME_HEADER_MAX], line[FRAME_HEADER_MAX];
	struct message m, again;
	struct frame g;
	size_t n;

	message_of_frame(&m, f, scratch);
	message_expired(&m);
	n = message_head(line, &m, f->len, f->more);
	if (n == 0)
		return;         /* a time without its microseconds grows by them */
	MUST(frame_parse(&g, line, n, NULL) == 0 && g.len == f->len && g.more == f->more);
	message_of_frame(&again, &g, scratch2);
	MUST(slice_eq(m.tag, again.tag) && slice_eq(m.source, again.source) && slice_eq(m.extra, again.extra));
	MUST(m.id == again.id && m.time_us == again.time_us && m.uid == again.uid);
	MUST(m.attempt == again.attempt || (m.attempt == 1 && again.attempt == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line l = { data, size };
	char out[FRAME_HEADER_MAX], *copy = malloc(size + 1);
	size_t bad = 0, end, n;
	struct frame f;
	bool whole;

	MUST(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	end = expected(&l, &whole);
	if (frame_parse(&f, copy, size, &bad) == 0) {
		MUST(whole && end == size && size <= FRAME_HEADER_MAX);
		if (f.continuation) {
			n = frame_continuation(out, f.len, f.more);
		} else {
			n = frame_head(out, f.len, f.more, f.tag, f.source, f.extra);
			MUST(frame_name_ok(f.tag) && frame_name_ok(f.source));
			check_headers(f.extra);
			check_message(&f);
		}
		MUST(n == size && memcmp(out, data, n) == 0);
	} else {
		MUST(!(whole && end == size && size <= FRAME_HEADER_MAX));
		if (size >= FRAME_HEADER_MAX && end >= FRAME_HEADER_MAX)
			end = FRAME_HEADER_MAX - 1;
		MUST(bad == end);
	}
	free(copy);
	return 0;
}
