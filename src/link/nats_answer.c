/* SPDX-License-Identifier: ISC */
/*
 * nats_answer: see nats_answer.h.
 *
 * The stream replies {"stream":"NAME","seq":N}, N from 1 on, or with "error":{"code":N,"err_code":N,"description":"..."},
 * and further members, in any order.  The bytes may come from anybody.
 */
#include "link/nats_answer.h"

#include <string.h>

#include "base/num.h"

/* A value is a run of bytes: "..." with its quotes, {...}, [...], or what stands up to the next comma. */
struct member {
	struct slice name, value;
};

/* spaces -- the first byte from p on that is no white space. */
static const char *
spaces(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	return p;
}

/* string_end -- what follows the string at p.  NULL: it has no end. */
static const char *
string_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\' && ++p == end)
			break;
	return p < end ? p + 1 : NULL;
}

/* value_end -- what follows the value at p.  NULL: it has no end. */
static const char *
value_end(const char *p, const char *end)
{
	unsigned depth = 0;

	while (p != NULL && p < end) {
		if (depth == 0 && (*p == ',' || *p == '}'))
			return p;
		depth += *p == '{' || *p == '[';
		depth -= depth > 0 && (*p == '}' || *p == ']');
		p = *p == '"' ? string_end(p, end) : p + 1;
	}
	return NULL;
}

/*
 * next -- the member of an object that begins at *p, where its brace or a comma is; *p is moved behind it.
 * Returns 1, 0 there is none any more, or -1: it is no object.
 */
static int
next(const char **p, const char *end, struct member *m)
{
	const char *s = spaces(*p, end), *stop;

	if (s < end && *s == '}')
		return 0;
	if (s == end || (*s != '{' && *s != ','))
		return -1;
	s = spaces(s + 1, end);
	if (s < end && *s == '}')
		return 0;
	stop = s < end && *s == '"' ? string_end(s, end) : NULL;
	if (stop == NULL)
		return -1;
	m->name = (struct slice){ s, (size_t)(stop - s) };
	s = spaces(stop, end);
	if (s == end || *s != ':')
		return -1;
	s = spaces(s + 1, end);
	stop = value_end(s, end);
	if (stop == NULL || stop == s)
		return -1;
	*p = stop;
	while (spaces(stop - 1, stop) == stop)
		stop--;
	m->value = (struct slice){ s, (size_t)(stop - s) };
	return 1;
}

/* unescaped -- the byte for what stands behind a backslash at *p, which is moved behind it: 0, one that no name has. */
static char
unescaped(const char **p, const char *end)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = *p < end ? memchr(from, **p, sizeof from - 1) : NULL;
	unsigned code = 0;

	if (at != NULL) {
		(*p)++;
		return to[at - from];
	}
	if (end - *p < 5 || **p != 'u')
		return '\0';
	(*p)++;
	for (int i = 0; i < 4; i++, (*p)++) {
		const char *digit = memchr(NUM_HEX, **p | 0x20, 16);

		code = digit == NULL ? 0x10000 : code << 4 | (unsigned)(digit - NUM_HEX);
	}
	return code < 0x80 ? (char)code : '\0';
}

/* text -- a string's bytes, as many as there is room for, with a NUL.  Returns whether it is a string. */
static bool
text(char *out, size_t room, struct slice value)
{
	const char *p = value.p + 1, *end = value.p + value.len - 1;

	if (value.len < 2 || value.p[0] != '"')
		return false;
	while (p < end && room > 1) {
		const char byte = *p++;

		*out = byte == '\\' ? unescaped(&p, end) : byte;
		if (*out++ == '\0')
			return false;
		room--;
	}
	*out = '\0';
	return p == end;
}

/* is -- whether a member has this name. */
static bool
is(const struct member *m, const char *name)
{
	char its[16];

	return text(its, sizeof its, m->name) && strcmp(its, name) == 0;
}

/* error -- read what is wrong.  Returns whether it is an object with a code, as the stream's errors are. */
static bool
error(struct nats_answer *a, struct slice value)
{
	const char *p = value.p, *end = value.p + value.len;
	struct member m;
	uint64_t code = 0, err_code = 0;
	int r;

	strcpy(a->text, "error");
	while ((r = next(&p, end, &m)) == 1) {
		if ((is(&m, "code") && num_parse(m.value, &code) == -1)
		    || (is(&m, "err_code") && num_parse(m.value, &err_code) == -1))
			return false;
		if (is(&m, "description"))
			(void)text(a->text, sizeof a->text, m.value);
	}
	a->code = err_code <= UINT16_MAX ? (unsigned)err_code : 0;
	return r == 0 && (code != 0 || err_code != 0);
}

void
nats_answer(struct nats_answer *a, struct slice payload, const char *stream)
{
	const char *p = payload.p, *end = payload.p + payload.len;
	bool ours = false, refused = false;
	uint64_t seq = 0;
	char name[256];
	struct member m;
	int r;

	*a = (struct nats_answer){ .says = NATS_SAYS_NOTHING };
	while ((r = next(&p, end, &m)) == 1) {
		if (is(&m, "stream"))
			ours = text(name, sizeof name, m.value) && strcmp(name, stream) == 0;
		else if ((is(&m, "seq") && num_parse(m.value, &seq) == -1)
		    || (is(&m, "error") && !(refused = error(a, m.value))))
			return;
	}
	if (r == -1 || !ours)
		return;
	if (refused)
		a->says = NATS_SAYS_REFUSED;
	else if (seq > 0)
		a->says = NATS_SAYS_STORED;
}
