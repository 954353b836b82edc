/* SPDX-License-Identifier: ISC */
/* url: see url.h.  It cuts its own copy of the text in place. */
#include "link/url.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/num.h"

static int
wrong(struct url *u, const char *why)
{
	u->wrong = why;
	return fail_with(EINVAL);
}

static int
hex(char c)
{
	const char *digit = c == '\0' ? NULL : strchr(NUM_HEX, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

	return digit == NULL ? -1 : (int)(digit - NUM_HEX);
}

/* decode -- %XX in place.  Returns 0, or -1. */
static int
decode(struct url *u, char *s)
{
	char *to = s;
	int high, low;

	for (; *s != '\0'; s++) {
		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		high = hex(s[1]);
		low = high == -1 ? -1 : hex(s[2]);
		if (low == -1 || (high == 0 && low == 0))
			return wrong(u, "a % in it is not followed by two hexadecimal digits of a byte that is not 0");
		*to++ = (char)(high * 16 + low);
		s += 2;
	}
	*to = '\0';
	return 0;
}

/* cut -- end s before its first `at', and return what is behind that, or NULL. */
static char *
cut(char *s, char at)
{
	char *p = strchr(s, at);

	if (p != NULL)
		*p++ = '\0';
	return p;
}

/* host -- HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT. */
static int
host(struct url *u, char *s, unsigned port)
{
	uint64_t n = port;
	char *digits;

	if (u->n_hosts == URL_HOSTS)
		return wrong(u, "more than 16 hosts");
	if (*s == '[') {
		char *end = cut(++s, ']');

		if (end == NULL || (*end != '\0' && *end != ':'))
			return wrong(u, "a [ in it without its ]");
		digits = *end == ':' ? end + 1 : NULL;
	} else {
		digits = cut(s, ':');
	}
	if (digits != NULL && (num_parse(slice_of(digits), &n) == -1 || n == 0 || n > 65535))
		return wrong(u, "a port that is no number from 1 to 65535");
	if (*s == '\0')
		return wrong(u, "no host");
	u->hosts[u->n_hosts].name = s;
	u->hosts[u->n_hosts++].port = (unsigned)n;
	return 0;
}

static int
options(struct url *u, char *query)
{
	for (char *next; query != NULL && *query != '\0'; query = next) {
		char *value;

		next = cut(query, '&');
		value = cut(query, '=');
		if (value == NULL || u->n_options == URL_OPTIONS)
			return wrong(u, "behind the ? there must be KEY=VALUE, or several with & between them");
		if (decode(u, value) == -1)
			return -1;
		if (url_option(u, query) != NULL)
			return wrong(u, "an option occurs twice");
		u->options[u->n_options].key = query;
		u->options[u->n_options++].value = value;
	}
	return 0;
}

/* show -- the URL for messages; without what stands before the last @ of its host. */
static void
show(struct url *u, const char *text)
{
	const char *begin = strstr(text, "://"), *end, *at = NULL;

	begin = begin == NULL ? text : begin + 3;
	end = begin + strcspn(begin, "/?");
	for (const char *p = begin; p < end; p++)
		if (*p == '@')
			at = p;
	if (at == NULL)
		snprintf(u->shown, sizeof u->shown, "%s", text);
	else
		snprintf(u->shown, sizeof u->shown, "%.*s%s", (int)(begin - text), text, at + 1);
}

int
url_parse(struct url *u, const char *text, unsigned port)
{
	char *authority, *path, *query;

	*u = (struct url){ .scheme = u->text, .path = "" };
	show(u, text);
	if (strlen(text) >= URL_MAX)
		return wrong(u, "too long");
	memcpy(u->text, text, strlen(text) + 1);
	authority = strstr(u->text, "://");
	if (authority == NULL || authority == u->text)
		return wrong(u, "not a URL");
	*authority = '\0';
	authority += 3;
	query = cut(authority, '?');
	path = cut(authority, '/');
	if (strchr(authority, '@') != NULL) {
		u->user = authority;
		authority = cut(authority, '@');
		if (strchr(u->user, ':') != NULL || strchr(authority, '@') != NULL)
			return wrong(u, "no password belongs in a URL: everybody can see it");
	}
	if (path != NULL) {
		if (decode(u, path) == -1)
			return -1;
		u->path = path;
	}
	for (char *next; authority != NULL; authority = next) {
		next = cut(authority, ',');
		if (host(u, authority, port) == -1)
			return -1;
	}
	return options(u, query);
}

const char *
url_option(const struct url *u, const char *key)
{
	for (unsigned i = 0; i < u->n_options; i++)
		if (strcmp(u->options[i].key, key) == 0)
			return u->options[i].value;
	return NULL;
}

int
url_number(const struct url *u, const char *key, uint64_t instead, uint64_t min, uint64_t max, uint64_t *n)
{
	const char *value = url_option(u, key);

	*n = instead;
	if (value == NULL)
		return 0;
	return num_parse(slice_of(value), n) == 0 && *n >= min && *n <= max ? 0 : fail_with(EINVAL);
}
