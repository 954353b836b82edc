/* SPDX-License-Identifier: ISC */
/* filter: see filter.h.  Patterns are few and short: the text is walked, nothing is compiled or allocated. */
#include "frame/filter.h"

#include <fnmatch.h>
#include <limits.h>

#include "base/fail.h"
#include "frame/frame.h"

enum { PATTERNS_MAX = 254 };            /* of a kind: a rank stays below FILTER_NO_MATCH */

/* next_pattern -- step through the text.  Returns a pattern, NUL-terminated, with its kind and length; or NULL. */
static const char *
next_pattern(const struct filter *f, size_t *at, char *kind, size_t *len)
{
	const char *pattern;

	if (*at + 1 >= f->len)
		return NULL;
	*kind = f->text[*at];
	pattern = f->text + *at + 1;
	*len = strlen(pattern);
	*at += *len + 2;
	return pattern;
}

static bool
pattern_ok(char kind, size_t len)
{
	return kind != '\0' && strchr("tsTS", kind) != NULL && len > 0 && len <= FRAME_NAME_MAX;
}

static size_t
count_kind(const struct filter *f, char kind)
{
	size_t at = 0, len, n = 0;
	char k;

	while (next_pattern(f, &at, &k, &len) != NULL)
		n += k == kind;
	return n;
}

int
filter_add(struct filter *f, char kind, const char *pattern)
{
	size_t len = strlen(pattern);

	if (!pattern_ok(kind, len))
		return fail_with(EINVAL);
	if (f->len + len + 2 > FILTER_TEXT_MAX || count_kind(f, kind) >= PATTERNS_MAX)
		return fail_with(E2BIG);
	f->text[f->len] = kind;
	memcpy(f->text + f->len + 1, pattern, len + 1);
	f->len = (uint16_t)(f->len + len + 2);
	return 0;
}

/* glob_match -- whether the pattern matches.  fnmatch(3) is called only for a pattern with glob characters. */
static bool
glob_match(const char *pattern, size_t len, struct slice name)
{
	char copy[FRAME_NAME_MAX + 1];

	if (len == 1 && pattern[0] == '*')
		return true;
	if (strpbrk(pattern, "*?[\\") == NULL)
		return len == name.len && memcmp(pattern, name.p, len) == 0;
	if (name.len > FRAME_NAME_MAX)
		return false;
	memcpy(copy, name.p, name.len);
	copy[name.len] = '\0';
	return fnmatch(pattern, copy, 0) == 0;
}

/* rank -- filter_rank_tag and filter_rank_source: by the patterns of kind want, without those of kind exclude. */
static unsigned char
preference(const struct filter *f, char want, char exclude, struct slice name)
{
	size_t at = 0, len;
	unsigned wanted = 0, found = FILTER_NO_MATCH;
	const char *pattern;
	char kind;

	while ((pattern = next_pattern(f, &at, &kind, &len)) != NULL) {
		if (kind == exclude && glob_match(pattern, len, name))
			return FILTER_NO_MATCH;
		if (kind != want)
			continue;
		if (found == FILTER_NO_MATCH && glob_match(pattern, len, name))
			found = wanted;
		wanted++;
	}
	return (unsigned char)(wanted == 0 ? 0 : found);
}

unsigned char
filter_rank_tag(const struct filter *f, struct slice tag)
{
	return f->len == 0 ? 0 : preference(f, 't', 'T', tag);
}

unsigned char
filter_rank_source(const struct filter *f, struct slice source)
{
	return f->len == 0 ? 0 : preference(f, 's', 'S', source);
}

bool
filter_match(const struct filter *f, struct slice tag, struct slice source)
{
	return filter_rank_tag(f, tag) != FILTER_NO_MATCH && filter_rank_source(f, source) != FILTER_NO_MATCH;
}

bool
filter_ok(const struct filter *f)
{
	size_t count[UCHAR_MAX + 1] = { 0 }, at = 0, len;
	char kind;

	if (f->len > FILTER_TEXT_MAX || (f->len > 0 && f->text[f->len - 1] != '\0'))
		return false;
	while (next_pattern(f, &at, &kind, &len) != NULL) {
		if (!pattern_ok(kind, len) || ++count[(unsigned char)kind] > PATTERNS_MAX)
			return false;
	}
	return at == f->len;
}
