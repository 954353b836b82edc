/* SPDX-License-Identifier: ISC */
/* filter: see filter.h.  Patterns are mostly few and short: the text is walked, nothing is compiled. */
#include "frame/filter.h"

#include <fnmatch.h>

#include "base/fail.h"
#include "base/memory.h"
#include "frame/frame.h"

enum { ROOM_FIRST = 1024 };             /* bytes */

static const char kinds[] = "tsTS";

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
	return kind != '\0' && strchr(kinds, kind) != NULL && len > 0 && len <= FRAME_NAME_MAX;
}

uint32_t
filter_count(const struct filter *f, char kind)
{
	size_t at = 0, len;
	uint32_t n = 0;
	char k;

	while (next_pattern(f, &at, &k, &len) != NULL)
		n += k == kind;
	return n;
}

/* grow -- have room for `more' bytes of text.  Returns 0, or -1. */
static int
grow(struct filter *f, size_t more)
{
	size_t room = f->room < ROOM_FIRST ? ROOM_FIRST : f->room;
	char *text;

	if (f->len + more <= f->room)
		return 0;
	while (room < f->len + more)
		room *= 2;
	text = room <= UINT32_MAX / 2 ? memory_new(room) : NULL;
	if (text == NULL)
		return fail_with(ENOMEM);
	if (f->len > 0)
		memcpy(text, f->text, f->len);
	memory_free(f->text);
	f->text = text;
	f->room = (uint32_t)room;
	return 0;
}

int
filter_add(struct filter *f, char kind, const char *pattern)
{
	size_t len = strlen(pattern);

	if (!pattern_ok(kind, len))
		return fail_with(EINVAL);
	if (grow(f, len + 2) == -1)
		return -1;
	f->text[f->len] = kind;
	memcpy(f->text + f->len + 1, pattern, len + 1);
	f->len = (uint32_t)(f->len + len + 2);
	return 0;
}

/* bytes_of -- how many bytes of text the patterns of a kind are. */
static size_t
bytes_of(const struct filter *f, char kind)
{
	size_t at = 0, len, bytes = 0;
	char k;

	while (next_pattern(f, &at, &k, &len) != NULL)
		bytes += k == kind ? len + 2 : 0;
	return bytes;
}

void
filter_widen(struct filter *wider, const struct filter *f)
{
	size_t at, len;
	const char *pattern;
	char kind;

	wider->len = 0;
	for (const char *k = kinds; *k != '\0'; k++) {
		if (bytes_of(f, *k) > wider->room - wider->len)
			continue;
		for (at = 0; (pattern = next_pattern(f, &at, &kind, &len)) != NULL;)
			if (kind == *k)
				(void)filter_add(wider, kind, pattern);
	}
}

/* glob_match -- whether the pattern matches.  fnmatch(3) is called only for a pattern with glob characters. */
static bool
glob_match(const char *pattern, size_t len, struct slice name)
{
	char copy[FRAME_NAME_MAX + 1];

	if (len == 1 && pattern[0] == '*')
		return true;
	/* mostly that is enough */
	if (name.len > 0 && pattern[0] != name.p[0] && strchr("*?[\\", pattern[0]) == NULL)
		return false;
	if (strpbrk(pattern, "*?[\\") == NULL)
		return len == name.len && memcmp(pattern, name.p, len) == 0;
	if (name.len > FRAME_NAME_MAX)
		return false;
	memcpy(copy, name.p, name.len);
	copy[name.len] = '\0';
	return fnmatch(pattern, copy, 0) == 0;
}

/* rank -- filter_rank_tag and filter_rank_source: by the patterns of kind want, without those of kind exclude. */
static uint32_t
preference(const struct filter *f, char want, char exclude, struct slice name)
{
	size_t at = 0, len;
	uint32_t wanted = 0, found = FILTER_NO_MATCH;
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
	return wanted == 0 ? 0 : found;
}

uint32_t
filter_rank_tag(const struct filter *f, struct slice tag)
{
	return f->len == 0 ? 0 : preference(f, 't', 'T', tag);
}

uint32_t
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
	size_t at = 0, len;
	char kind;

	if (f->len > 0 && f->text[f->len - 1] != '\0')
		return false;
	while (next_pattern(f, &at, &kind, &len) != NULL)
		if (!pattern_ok(kind, len))
			return false;
	return at == f->len;
}
