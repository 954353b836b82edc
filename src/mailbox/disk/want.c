/* SPDX-License-Identifier: ISC */
/*
 * want: read and write the table.  A crash leaves an entry whose owner is dead: the next process to see it voids it.
 *
 * Heads of a fixed size come first, so that a few calls read many of them; then the texts of the filters, which few
 * wants have and few readers need.  So it is for each WANT_CHUNK entries: the file grows by that, and is sparse.
 */
#include "mailbox/disk/want.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/memory.h"

#define HEAD_LEN offsetof(struct want, text)

enum {
	HEADS = 64,                     /* read at a time */
	TEXT_SIZE = 1024,
	CHUNK_SIZE = WANT_CHUNK * (WANT_HEAD + TEXT_SIZE),
};

_Static_assert(HEAD_LEN <= (size_t)WANT_HEAD && sizeof(struct want) >= (size_t)WANT_HEAD
    && (int)WANT_TEXT <= (int)TEXT_SIZE && (int)WANT_CHUNK % (int)HEADS == 0, "a want has its place");
_Static_assert(offsetof(struct want, looked_ns) == offsetof(struct want, mark) + sizeof(uint64_t), "want_wake");

/* The block of heads read last in this locked section, and the one of them that was asked for last. */
static LARGE struct {
	int fd;
	uint32_t from;                  /* the first entry of the block */
	struct want w;
	char block[HEADS * WANT_HEAD];
} heads;

static uint32_t heads_n;        /* entries of the block; 0: none was read, or one was changed since */

static uint64_t
head_at(uint32_t index)
{
	return (uint64_t)(index / WANT_CHUNK) * CHUNK_SIZE + (uint64_t)(index % WANT_CHUNK) * WANT_HEAD;
}

static uint64_t
text_at(uint32_t index)
{
	return (uint64_t)(index / WANT_CHUNK) * CHUNK_SIZE + (uint64_t)WANT_CHUNK * WANT_HEAD
	    + (uint64_t)(index % WANT_CHUNK) * TEXT_SIZE;
}

/* read_bytes -- read n bytes; beyond the end of the file they are zeros. */
static int
read_bytes(int fd, uint64_t at, void *buf, size_t n)
{
	ssize_t got = io_pread(fd, buf, n, at);

	if (got == -1)
		return -1;
	memset((char *)buf + got, 0, n - (size_t)got);
	return 0;
}

struct filter
want_filter(struct want *w)
{
	return (struct filter){ .text = w->text, .len = w->len };
}

void
want_set_filter(struct want *w, const struct filter *f)
{
	struct filter own = { .text = w->text, .room = WANT_TEXT };

	filter_widen(&own, f);
	w->len = (uint16_t)own.len;
	w->wide = own.len < f->len;
	w->filter_sum = hash_sum(f->text, f->len);
}

int
want_read(int fd, uint32_t index, struct want *w)
{
	struct filter f;

	if (want_read_head(fd, index, w) == -1)
		return -1;
	if (w->owner == 0 || w->len == 0)
		return 0;
	if (w->len <= WANT_TEXT && read_bytes(fd, text_at(index), w->text, w->len) == -1)
		return -1;
	f = want_filter(w);
	if (w->len <= WANT_TEXT && filter_ok(&f))
		return 0;
	errno = EBADMSG;
	return -1;
}

void
want_forget(void)
{
	heads_n = 0;
}

/* known -- whether the head of an entry is in heads.block. */
static bool
known(int fd, uint32_t index)
{
	return heads_n > 0 && heads.fd == fd && index >= heads.from && index < heads.from + heads_n;
}

int
want_read_head(int fd, uint32_t index, struct want *w)
{
	if (!known(fd, index))
		return read_bytes(fd, head_at(index), w, HEAD_LEN);
	memcpy(w, heads.block + (size_t)(index - heads.from) * WANT_HEAD, HEAD_LEN);
	return 0;
}

int
want_write(int fd, uint32_t index, const struct want *w)
{
	want_forget();
	if (w->len > 0 && io_pwrite(fd, w->text, w->len, text_at(index)) == -1)
		return -1;
	/* the whole place, so that the file does not end within a head */
	return io_pwrite(fd, w, WANT_HEAD, head_at(index));
}

int
want_mark(int fd, uint32_t index, uint64_t mark)
{
	want_forget();
	return io_pwrite(fd, &mark, sizeof mark, head_at(index) + offsetof(struct want, mark));
}

int
want_wake(int fd, uint32_t index, uint64_t mark, uint64_t woken_ns)
{
	const uint64_t two[2] = { mark, woken_ns };

	want_forget();
	return io_pwrite(fd, two, sizeof two, head_at(index) + offsetof(struct want, mark));
}

int
want_looked(int fd, uint32_t index, uint64_t looked_ns)
{
	return io_pwrite(fd, &looked_ns, sizeof looked_ns, head_at(index) + offsetof(struct want, looked_ns));
}

int
want_void(int fd, uint32_t index)
{
	static const uint64_t none;

	want_forget();
	return io_pwrite(fd, &none, sizeof none, head_at(index) + offsetof(struct want, owner));
}

/* head -- have the head of entry index, of n, as heads.w; reads its block at need.  Returns 0, or -1. */
static int
head(int fd, uint32_t index, uint32_t n)
{
	uint32_t from = index - index % HEADS, some = n - from < HEADS ? n - from : HEADS;

	if (!known(fd, index)) {
		heads_n = 0;
		if (read_bytes(fd, head_at(from), heads.block, (size_t)some * WANT_HEAD) == -1)
			return -1;
		heads.fd = fd;
		heads.from = from;
		heads_n = some;
	}
	return want_read_head(fd, index, &heads.w);
}

/* see -- add one want of the kind to the crowd. */
static void
see(struct want_crowd *crowd, const struct want *w, bool first)
{
	if (w->mark == 0) {
		crowd->alike = first || (crowd->alike && crowd->filter_sum == w->filter_sum);
		crowd->filter_sum = w->filter_sum;
	} else if (w->mark != WANT_AWAKE && w->mark != WANT_LISTEN && w->looked_ns >= crowd->woken.woken_ns) {
		crowd->woken = (struct want_woken){ w->owner, w->mark, w->looked_ns, w->filter_sum };
	}
}

int
want_queue(int fd, uint32_t n, enum want_kind kind, bool asleep, uint64_t after, struct want_place *places,
    struct want_crowd *crowd)
{
	const struct want *w = &heads.w;
	bool first = true;
	int found = 0, j;

	*crowd = (struct want_crowd){ .kinds = 0 };
	for (uint32_t i = 0; i < n; i++) {
		if (head(fd, i, n) == -1)
			return -1;
		if (w->owner == 0)
			continue;
		crowd->kinds |= w->kind < 32 ? 1U << w->kind : 0;
		if (w->kind != (uint32_t)kind)
			continue;
		see(crowd, w, first);
		first = first && w->mark != 0;
		if ((asleep && w->mark != 0) || w->ticket <= after
		    || (found == WANT_PLACES && w->ticket >= places[found - 1].ticket))
			continue;
		for (j = found < WANT_PLACES ? found++ : found - 1; j > 0 && places[j - 1].ticket > w->ticket; j--)
			places[j] = places[j - 1];
		places[j] = (struct want_place){ w->ticket, i };
	}
	return found;
}

int
want_free_place(int fd, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (head(fd, i, n) == -1)
			return -1;
		if (heads.w.owner == 0)
			return (int)i;
	}
	return (int)n;
}

int
want_room(int fd)
{
	struct stat st;
	uint64_t chunks, rest;

	if (fstat(fd, &st) == -1)
		return -1;
	chunks = (uint64_t)st.st_size / CHUNK_SIZE;
	rest = ((uint64_t)st.st_size % CHUNK_SIZE + WANT_HEAD - 1) / WANT_HEAD;
	if (chunks >= WANT_MAX / WANT_CHUNK)
		return WANT_MAX;
	return (int)(chunks * WANT_CHUNK + (rest < WANT_CHUNK ? rest : WANT_CHUNK));
}

int
want_used(int fd, uint32_t n)
{
	for (; n > 0; n--) {
		if (head(fd, n - 1, n) == -1)
			return -1;
		if (heads.w.owner != 0)
			break;
	}
	return (int)n;
}
