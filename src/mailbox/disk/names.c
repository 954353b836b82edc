/* SPDX-License-Identifier: ISC */
/* names: see names.h. */
#include "mailbox/disk/names.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/memory.h"

/* entry_at -- where the place of entry i in the text is kept. */
static inline uint32_t
entry_at(uint32_t i)
{
	return SEG_NAMES - 1 - i;
}

void
names_none(struct names *t)
{
	t->n = t->len = t->hashed = 0;
}

void
names_cut(struct names *t, uint32_t n, uint32_t len)
{
	t->n = n;
	t->len = len;
	if (t->hashed > n)
		t->hashed = 0;
}

int
names_read(struct names *t, const struct seg *s, uint32_t n, uint32_t len)
{
	uint64_t at;
	ssize_t got;

	if (t->n >= n)
		return 0;
	if (len < t->len || len > SEG_NAMES_BYTES)
		goto bad;
	for (uint32_t i = t->len, step; i < len; i += step) {
		if (i < s->early_len) {
			step = s->early_len < len ? s->early_len - i : len - i;
			memcpy(t->text + i, s->early + i, step);
			continue;
		}
		at = extent_name(i, &step);
		step = step < len - i ? step : len - i;
		got = io_pread(s->idx_fd, t->text + i, step, at);
		if (got == -1)
			return -1;
		if ((uint32_t)got < step)
			goto bad;
	}
	while (t->n < n && t->len < len) {
		t->at[entry_at(t->n++)] = (uint16_t)t->len;
		t->len += 1 + (unsigned char)t->text[t->len];
	}
	if (t->n == n && t->len == len)
		return 0;
bad:
	names_none(t);
	errno = EBADMSG;
	return -1;
}

int
names_write(const struct names *t, const struct seg *s, uint32_t from)
{
	uint64_t at;

	if (from >= t->n)
		return 0;
	for (uint32_t i = t->at[entry_at(from)], step; i < t->len; i += step) {
		at = extent_name(i, &step);
		step = step < t->len - i ? step : t->len - i;
		if (io_pwrite(s->idx_fd, t->text + i, step, at) == -1)
			return -1;
	}
	return 0;
}

struct slice
names_get(const struct names *t, uint32_t i)
{
	const char *entry;

	if (i >= t->n)
		return (struct slice){ "-", 1 };
	entry = t->text + t->at[entry_at(i)];
	return (struct slice){ entry + 1, (unsigned char)*entry };
}

/* place_of -- the place of a name, or the free one where it belongs. */
static uint16_t *
place_of(struct names *t, struct slice name)
{
	uint32_t i = hash_sum(name.p, name.len);

	while (t->place[i %= NAMES_PLACES] != 0 && !slice_eq(names_get(t, t->place[i] - 1U), name))
		i++;
	return &t->place[i];
}

/* find -- the number of a name, or t->n. */
static OUT_OF_LINE uint32_t
find(struct names *t, struct slice name)
{
	uint16_t *place;

	if (t->hashed == 0)
		memset(t->place, 0, sizeof t->place);
	for (; t->hashed < t->n; t->hashed++) {
		place = place_of(t, names_get(t, t->hashed));
		if (*place == 0)        /* a damaged table may name one twice */
			*place = (uint16_t)(t->hashed + 1);
	}
	place = place_of(t, name);
	return *place == 0 ? t->n : *place - 1U;
}

long
names_add(struct names *t, struct slice name)
{
	uint32_t i = 0;

	if (t->n > NAMES_FEW)
		i = find(t, name);
	else
		while (i < t->n && !slice_eq(names_get(t, i), name))
			i++;
	if (i < t->n)
		return (long)i;
	if (t->n == SEG_NAMES || t->len + 1 + name.len > SEG_NAMES_BYTES)
		return -1;
	t->at[entry_at(t->n)] = (uint16_t)t->len;
	t->text[t->len] = (char)(unsigned char)name.len;
	memcpy(t->text + t->len + 1, name.p, name.len);
	t->len += 1 + (uint32_t)name.len;
	return (long)t->n++;
}
