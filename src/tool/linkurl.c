/* SPDX-License-Identifier: ISC */
/* linkurl: see linkurl.h. */
#include "tool/linkurl.h"

#include <stddef.h>
#include <string.h>

static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

/* scheme_len -- the length of the scheme that a word begins with; 0: it is no URL. */
static size_t
scheme_len(const char *word)
{
	size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789+.-");

	return *word != '\0' && strchr(letters, *word) != NULL && strncmp(word + n, "://", 3) == 0 ? n : 0;
}

bool
linkurl_is(const char *word)
{
	return scheme_len(word) > 0;
}

void
linkurl_scheme(const char *url, char *scheme)
{
	size_t n = scheme_len(url);

	if (n > LINKURL_SCHEME_MAX - 1)
		n = LINKURL_SCHEME_MAX - 1;
	memcpy(scheme, url, n);
	scheme[n] = '\0';
}

bool
linkurl_secret(const char *url)
{
	static const char *const keys[] = { "password=", "passwd=", "pass=", "secret=", "token=" };
	const char *p = url + scheme_len(url) + 3, *end = p + strcspn(p, "/?#"), *at = NULL;

	for (const char *s = p; s < end; s++)
		if (*s == '@')
			at = s;
	if (at != NULL && memchr(p, ':', (size_t)(at - p)) != NULL)
		return true;
	for (p = strchr(end, '?'); p != NULL; p = strpbrk(p + 1, "&;"))
		for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
			if (strncmp(p + 1, keys[i], strlen(keys[i])) == 0)
				return true;
	return false;
}

bool
linkurl_plain(const char *url)
{
	for (; *url != '\0'; url++)
		if (*url <= ' ' || *url > '~')
			return false;
	return true;
}

const char *
linkurl_keeps(const char *scheme)
{
	static const struct {
		const char *scheme, *place;
	} places[] = {
		{ "amqp", "~/.netrc" }, { "amqps", "~/.netrc" }, { "nats", "~/.netrc" }, { "natss", "~/.netrc" },
		{ "tls", "~/.netrc" }, { "redis", "$REDISCLI_AUTH" }, { "rediss", "$REDISCLI_AUTH" },
		{ "postgres", "~/.pgpass" }, { "postgresql", "~/.pgpass" }, { "ssh", "keys, see ssh(1)" },
	};

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (strcmp(scheme, places[i].scheme) == 0)
			return places[i].place;
	return "a file or a variable, as the adapter says";
}
