/* SPDX-License-Identifier: ISC */
/* json: see json.h. */
#include "base/json.h"

#include "base/num.h"

size_t
json_utf8(const char *text, size_t n)
{
	/* RFC 3629, section 4: the range of the second byte excludes overlong forms, surrogates and numbers too high */
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

size_t
json_plain(const char *text, size_t n)
{
	unsigned char c = (unsigned char)text[0];
	size_t len = json_utf8(text, n);

	if (len == 1)
		return c >= 0x20 && c != 0x7f;
	return len == 2 && c == 0xc2 && (unsigned char)text[1] < 0xa0 ? 0 : len;
}

bool
json_is_utf8(struct slice s)
{
	for (size_t at = 0, len; at < s.len; at += len) {
		len = json_utf8(s.p + at, s.len - at);
		if (len == 0)
			return false;
	}
	return true;
}

/* put_escape -- add a character below U+0100 as JSON escapes it. */
static void
put_escape(struct outbuf *b, unsigned char c)
{
	char text[6] = "\\u00";

	num_hex(text + 4, c, 2);
	if (c == '"' || c == '\\' || c == '\n' || c == '\t')
		text[1] = (char)(c == '\n' ? 'n' : c == '\t' ? 't' : c);
	outbuf_bytes(b, text, text[1] == 'u' ? 6 : 2);
}

void
json_string(struct outbuf *b, struct slice s)
{
	size_t plain = 0, len;

	outbuf_text(b, "\"");
	for (size_t at = 0; at < s.len; at += len) {
		len = json_plain(s.p + at, s.len - at);
		if (len > 0 && s.p[at] != '"' && s.p[at] != '\\')
			continue;
		outbuf_bytes(b, s.p + plain, at - plain);
		len = json_utf8(s.p + at, s.len - at) == 2 ? 2 : 1;
		put_escape(b, (unsigned char)s.p[at + len - 1]);        /* of U+0080 to U+009F the byte behind 0xc2 */
		plain = at + len;
	}
	if (s.len > 0)
		outbuf_bytes(b, s.p + plain, s.len - plain);
	outbuf_text(b, "\"");
}

void
json_base64(struct outbuf *b, struct slice s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)s.p;
	char text[4];

	for (size_t left = s.len; left > 0; left -= left < 3 ? left : 3, p += 3) {
		uint32_t bits = (uint32_t)p[0] << 16 | (left > 1 ? (uint32_t)p[1] << 8 : 0) | (left > 2 ? p[2] : 0);

		for (unsigned i = 0; i < 4; i++)
			text[i] = i <= left ? digits[bits >> (18 - 6 * i) & 63] : '=';
		outbuf_bytes(b, text, 4);
	}
}

/* put_base64 -- add bytes in base64, with their quotes. */
static void
put_base64(struct outbuf *b, struct slice s)
{
	outbuf_text(b, "\"");
	json_base64(b, s);
	outbuf_text(b, "\"");
}

void
json_member(struct outbuf *b, struct slice name, struct slice value)
{
	bool text = json_is_utf8(value);

	outbuf_text(b, "\"");
	outbuf_slice(b, name);
	outbuf_text(b, text ? "\":" : "_base64\":");
	(text ? json_string : put_base64)(b, value);
}

void
json_value(struct outbuf *b, struct slice value)
{
	if (json_is_utf8(value)) {
		json_string(b, value);
		return;
	}
	outbuf_text(b, "{\"base64\":");
	put_base64(b, value);
	outbuf_text(b, "}");
}
