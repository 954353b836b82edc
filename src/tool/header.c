/* SPDX-License-Identifier: ISC */
/* header: see header.h. */
#include "tool/header.h"

#include "tool/cli.h"

/* listed -- whether key is one of a list. */
static bool
listed(struct slice key, const char *const *list)
{
	for (; list != NULL && *list != NULL; list++)
		if (slice_is(key, *list))
			return true;
	return false;
}

int
header_put(struct header *h, const char *key, const char *value)
{
	char next[FRAME_HEADER_MAX], encoded[FRAME_HEADER_MAX];
	long n = frame_encode(encoded, sizeof encoded, slice_of(value));

	if (n != -1)
		n = frame_set_header(next, (struct slice){ h->text, h->len }, key, (struct slice){ encoded, (size_t)n });
	if (n == -1)
		return -1;
	memcpy(h->text, next, (size_t)n);
	h->len = (size_t)n;
	return 0;
}

void
header_add(struct header *h, const struct args *a, const char *const *ours)
{
	static const char *const reserved[] = { "id", "time", "try", "uid", "to", "big", "expire", "due", "once", "via", NULL };
	const char *equals = strchr(a->value, '=');
	struct slice key = { a->value, equals == NULL ? 0 : (size_t)(equals - a->value) }, seen;
	char name[FRAME_KEY_MAX + 1];

	if (equals == NULL || !frame_key_ok(key))
		cli_refuse("%s: '%s' is not KEY=VALUE with a key of a-z, 0-9 and -", a->option, a->value);
	memcpy(name, key.p, key.len);
	name[key.len] = '\0';
	if (listed(key, reserved) || listed(key, ours))
		cli_refuse("%s: '%s' is reserved: senders cannot set it", a->option, name);
	if (frame_header((struct slice){ h->text, h->len }, name, &seen))
		cli_refuse("%s: '%s' is given twice", a->option, name);
	if (header_put(h, name, equals + 1) == -1)
		cli_refuse("%s: the headers are too long", a->option);
}
