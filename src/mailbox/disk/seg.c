/* SPDX-License-Identifier: ISC */
/*
 * seg: read and write the two files of a segment.
 *
 * Invariant: an index grows with its messages, by extents that double: 64 messages, 64 more, then 128, and so on.  Each
 * has a region for each kind of word, and one for the slots; what is not used of it takes no disk.  A crash leaves
 * entries beyond what ctl (or the header) says is in use: they do not count, and the next sender overwrites them.
 */
#include "mailbox/disk/seg.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/num.h"
#include "base/safefile.h"
#include "frame/frame.h"
#include "mailbox/mode.h"

#define SEG_MAGIC "SEGMENT\n"

/* ---- files ---- */

void
seg_file(char *name, uint64_t id, uint32_t variant, const char *suffix)
{
	size_t n;
	char digits[NUM_DECIMAL_MAX];

	n = num_decimal(digits, id);
	memset(name, '0', 20 - n);
	memcpy(name + 20 - n, digits, n);
	n = 20;
	if (variant > 0) {
		name[n++] = '.';
		n += num_decimal(name + n, variant);
	}
	name[n++] = '.';
	memcpy(name + n, suffix, strlen(suffix) + 1);
}

char
seg_parse_file(const char *name, uint64_t *id, uint32_t *variant)
{
	const char *p = name, *dot;
	uint64_t v;

	*id = *variant = 0;
	for (; p < name + 20; p++) {
		if (*p < '0' || *p > '9')
			return 0;
		*id = *id * 10 + (uint64_t)(*p - '0');
	}
	if (*p++ != '.')
		return 0;
	dot = strchr(p, '.');
	if (dot != NULL && num_parse((struct slice){ p, (size_t)(dot - p) }, &v) == 0 && v <= UINT32_MAX) {
		*variant = (uint32_t)v;
		p = dot + 1;
	}
	if (strcmp(p, "idx") == 0 || strcmp(p, "log") == 0 || strcmp(p, "big") == 0
	    || strcmp(p, "meet") == 0)
		return *p;
	return strcmp(p, "idx.new") == 0 ? 'n' : 0;
}

enum seg_access
seg_access(unsigned mode)
{
	return mode_shared(mode) ? SEG_SHARED : SEG_ALONE;
}

/* open_file -- open a log or an index.  A foreign file would fail as an index, by its header, not as a log. */
static int
open_file(const struct seg *s, uint64_t first, uint32_t variant, const char *suffix)
{
	char name[SEG_NAME_BYTES];

	seg_file(name, first, variant, suffix);
	if (s->access == SEG_SHARED)
		return safefile_open_own(s->dir_fd, name, O_RDWR);
	return safefile_open(s->dir_fd, name, s->access == SEG_LOOK ? O_RDONLY : O_RDWR);
}

static int
make_file(const struct seg *s, const char *suffix, unsigned mode)
{
	char name[SEG_NAME_BYTES];

	seg_file(name, s->h.first, 0, suffix);
	return safefile_make(s->dir_fd, name, mode_files(mode));
}

static int
read_whole(int fd, void *buf, size_t n, uint64_t offset)
{
	ssize_t got = io_pread(fd, buf, n, offset);

	if (got == -1)
		return -1;
	if ((size_t)got < n) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}

/* header_sum -- the checksum of the part of a header that only an append or a rewriting changes. */
static uint32_t
header_sum(const struct seg_header *h)
{
	const char *extent = (const char *)&h->n;

	return hash_sum(extent, offsetof(struct seg_header, sum) - offsetof(struct seg_header, n))
	    ^ hash_sum(&h->first, sizeof h->first);
}

int
seg_create(struct seg *s, int dir_fd, uint64_t first, uint64_t prev, unsigned mode, const uint8_t *incarnation)
{
	*s = (struct seg)SEG_CLOSED;
	s->dir_fd = dir_fd;
	memcpy(s->h.magic, SEG_MAGIC, sizeof s->h.magic);
	s->h.first = first;
	s->h.prev = prev;
	memcpy(s->h.incarnation, incarnation, sizeof s->h.incarnation);
	s->access = seg_access(mode);
	s->current = true;
	if (getrandom(&s->h.salt, sizeof s->h.salt, 0) == -1)
		return -1;
	s->log_fd = make_file(s, "log", mode);
	if (s->log_fd == -1)
		return -1;
	s->idx_fd = make_file(s, "idx", mode);
	if (s->idx_fd == -1 || seg_write_header(s) == -1) {
		seg_remove(s);
		return -1;
	}
	return 0;
}

/* header_sound -- whether a segment of this name could have this header. */
static bool
header_sound(const struct seg_header *h, uint64_t first)
{
	uint32_t set = 0;

	for (size_t i = 0; i < sizeof h->reserved / sizeof h->reserved[0]; i++)
		set |= h->reserved[i];
	return memcmp(h->magic, SEG_MAGIC, sizeof h->magic) == 0 && h->first == first && h->sum == header_sum(h)
	    && h->prev < first
	    && (h->next == 0 || h->next > first) && h->n <= SEG_MESSAGES && h->done <= SEG_MESSAGES && h->names <= SEG_NAMES
	    && h->names_len <= SEG_NAMES_BYTES && h->log_len <= SEG_LOG_BOUND && h->sparse <= 1
	    && set == 0;
}

/*
 * read_header -- read the header of the segment named first, and up to n bytes of its names.
 * Returns how many of those, or -1: EBADMSG the header is not sound.
 */
static ssize_t
read_header(int fd, uint64_t first, struct seg_header *h, char *names, size_t n)
{
	char both[EXTENT_HEADER + SEG_EARLY];
	ssize_t got = io_pread(fd, both, EXTENT_HEADER + n, 0);

	if (got == -1)
		return -1;
	memcpy(h, both, sizeof *h);
	if (got < EXTENT_HEADER || !header_sound(h, first)) {
		errno = EBADMSG;
		return -1;
	}
	memcpy(names, both + EXTENT_HEADER, (size_t)got - EXTENT_HEADER);
	return got - EXTENT_HEADER;
}

int
seg_open_index(struct seg *s, int dir_fd, uint64_t first, enum seg_access access, const char *suffix)
{
	ssize_t got = -1;

	*s = (struct seg)SEG_CLOSED;
	s->dir_fd = dir_fd;
	s->access = access;
	s->idx_fd = open_file(s, first, 0, suffix);
	if (s->idx_fd != -1)
		got = read_header(s->idx_fd, first, &s->h, s->early, sizeof s->early);
	if (got == -1) {
		seg_close(s);
		return -1;
	}
	s->early_len = (uint32_t)got;
	s->current = true;
	return 0;
}

int
seg_open(struct seg *s, int dir_fd, uint64_t first, enum seg_access access)
{
	return seg_open_index(s, dir_fd, first, access, "idx");
}

int
seg_extend(const struct seg *s, uint32_t n)
{
	uint32_t room;
	off_t need = (off_t)(extent_entry(SEG_SLOTS, n - 1, &room) + sizeof(struct slot));
	struct stat st;

	if (fstat(s->idx_fd, &st) == -1)
		return -1;
	return st.st_size >= need ? 0 : ftruncate(s->idx_fd, need);
}

int
seg_log(struct seg *s)
{
	if (s->log_fd == -1)
		s->log_fd = open_file(s, s->h.first, s->h.variant, "log");
	return s->log_fd;
}

void
seg_close(struct seg *s)
{
	io_close(s->idx_fd);
	io_close(s->log_fd);
	s->idx_fd = s->log_fd = -1;
	s->h.first = 0;
}

int
seg_remove(struct seg *s)
{
	char idx[SEG_NAME_BYTES], log[SEG_NAME_BYTES];
	int err = errno, r;

	seg_file(idx, s->h.first, 0, "idx");
	seg_file(log, s->h.first, s->h.variant, "log");
	/* the index first: recovery removes a log that no index names */
	r = safefile_remove(s->dir_fd, idx);
	r |= safefile_remove(s->dir_fd, log);
	seg_close(s);
	errno = err;
	return r;
}

int
seg_read_links(struct seg *s)
{
	struct seg_header h;

	if (s->current)
		return 0;
	if (read_header(s->idx_fd, s->h.first, &h, s->early, 0) == -1)
		return -1;
	s->h.prev = h.prev;
	s->h.done = h.done;
	s->current = true;
	return 0;
}

int
seg_write_header(struct seg *s)
{
	s->h.sum = header_sum(&s->h);
	return io_pwrite(s->idx_fd, &s->h, sizeof s->h, 0);
}

int
seg_write_extent(struct seg *s)
{
	size_t at = offsetof(struct seg_header, n);

	s->h.sum = header_sum(&s->h);
	return io_pwrite(s->idx_fd, &s->h.n, sizeof s->h - at, at);
}

int
seg_write_done(const struct seg *s)
{
	return io_pwrite(s->idx_fd, &s->h.done, sizeof s->h.done, offsetof(struct seg_header, done));
}

/* ---- entries ---- */

/* piece -- how many of n entries from place pos on stand together; at: gets where. */
static uint32_t
piece(enum seg_region region, uint32_t pos, uint32_t n, uint64_t *at)
{
	uint32_t room;

	*at = extent_entry(region, pos, &room);
	return room < n ? room : n;
}

/* get, put -- read, or write, n entries of a region from place pos on, an extent at a time. */
static int
get(const struct seg *s, enum seg_region region, uint32_t pos, uint32_t n, void *entries)
{
	const size_t size = region == SEG_SLOTS ? EXTENT_SLOT : EXTENT_WORD;
	char *p = entries;
	uint64_t at;

	for (uint32_t step; n > 0; pos += step, n -= step, p += step * size) {
		step = piece(region, pos, n, &at);
		if (read_whole(s->idx_fd, p, step * size, at) == -1)
			return -1;
	}
	return 0;
}

static int
put(const struct seg *s, enum seg_region region, uint32_t pos, uint32_t n, const void *entries)
{
	const size_t size = region == SEG_SLOTS ? EXTENT_SLOT : EXTENT_WORD;
	const char *p = entries;
	uint64_t at;

	for (uint32_t step; n > 0; pos += step, n -= step, p += step * size) {
		step = piece(region, pos, n, &at);
		if (io_pwrite(s->idx_fd, p, step * size, at) == -1)
			return -1;
	}
	return 0;
}

bool
seg_slot_sound(const struct slot *s)
{
	return s->len <= (s->flags & SLOT_BIG ? INT64_MAX : SEG_PAYLOAD) && s->head_len > 0
	    && s->head_len <= FRAME_HEADER_MAX && s->off <= SEG_LOG_BOUND - SEG_PAYLOAD - FRAME_HEADER_MAX - 1;
}

int
seg_read_slots(const struct seg *s, uint32_t pos, uint32_t n, struct slot *slots)
{
	bool sound = true;

	if (get(s, SEG_SLOTS, pos, n, slots) == -1)
		return -1;
	for (uint32_t i = 0; i < n; i++)
		sound &= seg_slot_sound(&slots[i]);
	if (sound)
		return 0;
	errno = EBADMSG;
	return -1;
}

int
seg_write_slots(const struct seg *s, uint32_t pos, uint32_t n, const struct slot *slots)
{
	return put(s, SEG_SLOTS, pos, n, slots);
}

int
seg_read(const struct seg *s, enum seg_region region, uint32_t pos, uint32_t n, uint64_t *words)
{
	return get(s, region, pos, n, words);
}

bool
seg_read_near(const struct seg *s, uint32_t pos, uint32_t n, uint64_t *states, struct slot *slots, uint32_t room)
{
	enum { PIECES = 8 };
	uint32_t here;
	const uint64_t at = extent_entry(SEG_STATES, pos, &here), to = extent_entry(SEG_SLOTS, pos, &here);
	const size_t words = (size_t)n * EXTENT_WORD, rest = (size_t)n * EXTENT_SLOT, most = (size_t)room * EXTENT_SLOT;
	struct iovec v[PIECES + 2] = { { states, words } };
	int pieces = 1;

	if (n > here || to < at + words || to - at - words > PIECES * most)
		return false;
	for (size_t gap = (size_t)(to - at) - words; gap > 0; gap -= v[pieces++].iov_len)
		v[pieces] = (struct iovec){ slots, gap < most ? gap : most };
	v[pieces++] = (struct iovec){ slots, rest };
	/* what cannot be read, or comes short, is read again one by one, which tells why */
	return preadv(s->idx_fd, v, pieces, (off_t)at) == (ssize_t)(to - at + rest);
}

int
seg_write(const struct seg *s, enum seg_region region, uint32_t pos, uint32_t n, const uint64_t *words)
{
	return put(s, region, pos, n, words);
}

int
seg_next(const struct seg *s, struct seg_cursor *c)
{
	uint32_t i = c->next % SEG_BLOCK, n = c->n - c->next < SEG_BLOCK ? c->n - c->next : SEG_BLOCK;

	if (n == 0)
		return 0;
	if (i == 0 && (seg_read(s, SEG_STATES, c->next, n, c->states) == -1
	    || (c->raw ? get(s, SEG_SLOTS, c->next, n, c->slots) : seg_read_slots(s, c->next, n, c->slots)) == -1))
		return -1;
	c->pos = c->next++;
	c->state = c->states[i];
	c->slot = &c->slots[i];
	return 1;
}

int
seg_reserve(const struct seg *s, uint32_t pos, uint32_t n)
{
	static const uint64_t zero[SEG_MESSAGES / 16];
	uint32_t from = (pos + SEG_RESERVE - 1) / SEG_RESERVE * SEG_RESERVE;
	uint32_t to = (pos + n + SEG_RESERVE - 1) / SEG_RESERVE * SEG_RESERVE;

	for (uint32_t step; from < to; from += step) {
		step = to - from < SEG_MESSAGES / 16 ? to - from : SEG_MESSAGES / 16;
		if (seg_write(s, SEG_STATES, from, step, zero) == -1)
			return -1;
	}
	return 0;
}

uint64_t
seg_id(const struct seg *s, uint32_t pos)
{
	uint64_t id;

	if (!s->h.sparse)
		return s->h.first + pos;
	return seg_read(s, SEG_IDS, pos, 1, &id) == 0 ? id : 0;
}

/* find_sparse -- seg_find by the ids in the index; pos has the last place where it may be, or n. */
static OUT_OF_LINE int
find_sparse(const struct seg *s, uint64_t id, uint32_t *pos)
{
	uint64_t ids[SEG_BLOCK];
	uint32_t low = 0, high = *pos, mid;

	while (high - low > SEG_BLOCK) {
		mid = low + (high - low) / 2;
		if (seg_read(s, SEG_IDS, mid, 1, ids) == -1)
			return -1;
		if (ids[0] < id)
			low = mid + 1;
		else
			high = mid;
	}
	if (seg_read(s, SEG_IDS, low, high - low, ids) == -1)
		return -1;
	mid = low;
	while (mid < high && ids[mid - low] < id)
		mid++;
	*pos = mid;
	return 0;
}

int
seg_find(const struct seg *s, uint32_t n, uint64_t id, uint32_t *pos)
{
	/* ids grow from the first on, by one where none is gone */
	*pos = id <= s->h.first ? 0 : id - s->h.first < n ? (uint32_t)(id - s->h.first) : n;
	return s->h.sparse ? find_sparse(s, id, pos) : 0;
}
