/* SPDX-License-Identifier: ISC */
/* batch: format frames and slots.  A crash leaves nothing: all of it is in memory. */
#include "mailbox/disk/batch.h"

#include <errno.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/memory.h"
#include "base/num.h"

/* The header of a big message.  It is the first of the headers, so that its place is known. */
#define BIG_NAME "big=00000000000000000000.big:"
enum {
	BIG_NAME_LEN = sizeof BIG_NAME - 1,
	BIG_SUM_LEN = 16,       /* hexadecimal digits */
	OWN_HEADERS = 128,      /* bytes of a header line for LENGTH, and the mailbox's big, id, time, try, uid */
	TAIL = 4,               /* in a head: what follows "M1 0" */
	LENGTH_MAX = 8,         /* digits of the LENGTH of a payload that a batch takes, and a newline */
};

void
batch_init(struct batch *b, struct batch_many *many)
{
	b->many = many;
	batch_clear(b);
}

void
batch_clear(struct batch *b)
{
	b->from = b->n = b->used = b->names = b->name_len = b->line_len = 0;
	b->time_us = 0;
	b->headed = b->has_due = false;
	b->slots = b->few_slots;
	b->log = b->few_log;
}

/* grow -- go from room for few to room for many. */
static OUT_OF_LINE void
grow(struct batch *b)
{
	memcpy(b->many->slots, b->few_slots, b->n * sizeof *b->slots);
	memcpy(b->many->log, b->few_log, b->used);
	b->slots = b->many->slots;
	b->log = b->many->log;
}

/* number_name -- the number of a name in the batch, added if it is new.  Returns it, or -1: the batch is full. */
static int
number_name(struct batch *b, struct slice name)
{
	char *copy = (b->name_len + name.len <= BATCH_FEW_TEXT ? b->few_text : b->many->text) + b->name_len;
	const int mark = (unsigned char)hash_sum(name.p, name.len);
	const unsigned char *at = b->marks, *end = at + b->names;

	for (; (at = memchr(at, mark, (size_t)(end - at))) != NULL; at++)
		if (slice_eq(b->name[at - b->marks], name))
			return (int)(at - b->marks);
	if (b->names == BATCH_NAMES)
		return -1;
	memcpy(copy, name.p, name.len);
	b->name_len += (uint32_t)name.len;
	b->name[b->names] = (struct slice){ copy, name.len };
	b->marks[b->names] = (unsigned char)mark;
	return (int)b->names++;
}

/* same_head -- whether head is the one set last, as is usual in a stream. */
static bool
same_head(const struct batch *b, const struct message *head)
{
	const struct slice parts[3] = { head->tag, head->source, head->extra };
	const char *p = b->head + TAIL, *end = p + b->tail_len;

	for (int i = 0; i < (head->extra.len > 0 ? 3 : 2); i++) {
		if ((size_t)(end - p) < parts[i].len + 2 || memcmp(p + 1, parts[i].p, parts[i].len) != 0)
			return false;
		p += 1 + parts[i].len;
		if (*p != ' ' && *p != '\n')
			return false;
	}
	return p + 1 == end;
}

/* take_times -- the headers expire and due, in microseconds; 0 for none, or one that is no time. */
static void
take_times(struct slice extra, uint64_t *expiry_us, uint64_t *due_us)
{
	struct slice key, value;
	uint64_t us;

	*expiry_us = *due_us = 0;
	while (frame_next_header(&extra, &key, &value)) {
		if (slice_is(key, "expire") && frame_parse_time(value, &us) == 0)
			*expiry_us = us;
		else if (slice_is(key, "due") && frame_parse_time(value, &us) == 0)
			*due_us = us;
	}
}

/*
 * read_head -- read a message's header line.  line: FRAME_HEADER_MAX bytes, which head->extra points into.
 * Returns 1, 0 its frame is damaged, or -1.
 */
static int
read_head(const struct seg *s, const struct slot *slot, char *line, struct message *head)
{
	struct frame f;
	ssize_t n = io_pread(s->log_fd, line, slot->head_len, slot->off);

	if (n == -1)
		return -1;
	if (n != slot->head_len || frame_parse(&f, line, slot->head_len, NULL) == -1)
		return 0;
	*head = (struct message){ .fd = -1, .extra = f.extra };
	return 1;
}

int
batch_due(const struct seg *s, const struct slot *slot, uint64_t *due_us)
{
	char line[FRAME_HEADER_MAX];
	struct message head = { .fd = -1 };
	uint64_t expiry_us;
	int r = read_head(s, slot, line, &head);

	take_times(head.extra, &expiry_us, due_us);
	return r == -1 ? -1 : 0;
}

int
batch_dead_letter(const struct seg *s, const struct slot *slot)
{
	char line[FRAME_HEADER_MAX];
	struct message head;
	struct slice value;
	int r = read_head(s, slot, line, &head);

	return r == 1 ? frame_header(head.extra, "status", &value) && frame_header(head.extra, "origin-id", &value) : r;
}

/* uid_len -- bytes of a header uid, which is the mailbox's own, in front of the others. */
static size_t
uid_len(struct slice extra)
{
	const char *space;

	if (extra.len < 4 || memcmp(extra.p, "uid=", 4) != 0)
		return 0;
	space = memchr(extra.p, ' ', extra.len);
	return space == NULL ? extra.len : (size_t)(space + 1 - extra.p);
}

/* head_line -- the header line for LENGTH 0.  Returns its bytes, or 0: it leaves too little for OWN_HEADERS. */
static size_t
head_line(char *line, const struct message *head, struct slice extra)
{
	size_t n = frame_head(line, 0, false, head->tag, head->source, extra);

	return n + OWN_HEADERS <= FRAME_HEADER_MAX + uid_len(extra) ? n : 0;
}

/* head_without_big -- head_line where there may be a header `big', which is the mailbox's own: without it. */
static OUT_OF_LINE size_t
head_without_big(char *line, const struct message *head)
{
	char out[FRAME_HEADER_MAX];
	struct slice extra = head->extra, value;

	if (frame_header(extra, "big", &value))
		extra = (struct slice){ out, (size_t)frame_set_header(out, extra, "big", (struct slice){ NULL, 0 }) };
	return head_line(line, head, extra);
}

/* head_bound -- what a header line is no longer than. */
static size_t
head_bound(const struct message *head)
{
	return strlen("M1 0   \n") + head->tag.len + head->source.len + head->extra.len + OWN_HEADERS;
}

bool
sender_head_fits(const struct message *head)
{
	char line[FRAME_HEADER_MAX];

	/* mostly there is no need to make it */
	return head_bound(head) <= FRAME_HEADER_MAX || head_line(line, head, head->extra) != 0;
}

int
batch_head(struct batch *b, const struct message *head)
{
	size_t n;
	int tag, source;

	b->time_us = head->time_us;
	take_times(head->extra, &b->expiry_us, &b->due_us);
	if (b->headed && same_head(b, head))
		return 1;
	b->headed = false;
	b->head = head_bound(head) <= BATCH_FEW_HEAD ? b->few_head : b->many->head;
	n = head->extra.len == 0 ? head_line(b->head, head, head->extra) : head_without_big(b->head, head);
	if (n == 0) {
		errno = EMSGSIZE;
		return -1;
	}
	tag = number_name(b, head->tag);
	source = number_name(b, head->source);
	if (tag == -1 || source == -1)
		return 0;
	b->tag = (uint16_t)tag;
	b->source = (uint16_t)source;
	b->tail_len = (uint32_t)n - TAIL;
	b->line_len = 0;
	b->headed = true;
	return 1;
}

/* put_slot -- add the slot of the frame that begins at off, without its sum. */
static inline void
put_slot(struct batch *b, uint32_t off, size_t head_len, uint64_t len, uint16_t flags)
{
	if (b->expiry_us != 0) {
		flags |= SLOT_EXPIRES;
		b->many->expiries[b->n] = b->expiry_us;
	}
	if (b->due_us != 0) {
		flags |= SLOT_DUE;
		b->has_due = true;
		b->many->dues[b->n] = b->due_us;
	}
	b->slots[b->n++] = (struct slot){ .len = len, .time_us = b->time_us, .off = off, .head_len = (uint16_t)head_len,
		.flags = flags, .tag = b->tag, .source = b->source };
}

/*
 * sum_up -- set the sums of the slots from number i on.  Done for many frames at once: a processor is slow to read a
 * word that two writes have just made.
 */
static inline void
sum_up(struct batch *b, uint32_t i)
{
	for (; i < b->n; i++)
		b->slots[i].sum = hash_sum(b->log + b->slots[i].off, slot_frame_len(&b->slots[i]));
}

/* put_line -- write the header line for a payload of len bytes.  Returns its bytes. */
static size_t
put_line(struct batch *b, char *out, size_t len)
{
	char *p = out;

	memcpy(p, "M1 ", 3);
	p += 3;
	p += num_decimal(p, len);
	memcpy(p, b->head + TAIL, b->tail_len);
	p += b->tail_len;
	b->line_len = 0;
	if (p - out <= BATCH_LINE) {
		b->line_of = len;
		b->line_len = (uint32_t)(p - out);
		memcpy(b->line, out, b->line_len);
	}
	return (size_t)(p - out);
}

/* add -- batch_put without the sum. */
static inline __attribute__((always_inline)) int
add(struct batch *b, const char *data, size_t len)
{
	size_t head_len = b->line_len;
	char *start;

	if (b->slots == b->few_slots && (b->n == BATCH_FEW || b->used + len + TAIL + LENGTH_MAX + b->tail_len > BATCH_FEW_LOG))
		grow(b);
	if (b->n == BATCH_MESSAGES || b->used + len + FRAME_HEADER_MAX > BATCH_LOG)
		return 0;
	start = b->log + b->used;
	if (head_len > 0 && len == b->line_of)
		copy_short(start, b->line, head_len);
	else
		head_len = put_line(b, start, len);
	copy_short(start + head_len, data, len);
	start[head_len + len] = '\n';
	b->used += (uint32_t)(head_len + len + 1);
	put_slot(b, (uint32_t)(start - b->log), head_len, len, 0);
	return 1;
}

int
batch_put(struct batch *b, const char *data, size_t len)
{
	if (!add(b, data, len))
		return 0;
	sum_up(b, b->n - 1);
	return 1;
}

const char *
batch_put_records(struct batch *b, const char *data, const char *limit, char mark, enum batch_stop *why)
{
	const uint32_t first = b->n;
	const char *at;

	*why = BATCH_NO_MARK;
	while ((at = find_byte(data, limit, mark)) != NULL) {
		*why = at - data > MAILBOX_INLINE ? BATCH_LONG : BATCH_FULL;
		if (*why == BATCH_LONG || !add(b, data, (size_t)(at - data)))
			break;
		*why = BATCH_NO_MARK;
		data = at + 1;
	}
	sum_up(b, first);
	return data;
}

/* second_space -- the second space in n bytes from p on, after TAG and SOURCE; NULL for none. */
static const char *
second_space(const char *p, size_t n)
{
	const char *first = memchr(p, ' ', n);

	return first == NULL ? NULL : memchr(first + 1, ' ', n - (size_t)(first + 1 - p));
}

void
batch_put_big(struct batch *b, uint64_t len, uint64_t sum)
{
	const char *tail = b->head + TAIL, *extra = second_space(tail + 1, b->tail_len - 1);
	size_t names_len = extra != NULL ? (size_t)(extra - tail) : b->tail_len - 1, head_len;
	char *p;

	grow(b);
	p = b->log;

	memcpy(p, "M1 0", 4);
	p += 4;
	memcpy(p, tail, names_len);
	p += names_len;
	*p++ = ' ';
	memcpy(p, BIG_NAME, BIG_NAME_LEN);
	p += BIG_NAME_LEN;
	p = num_hex(p, sum, BIG_SUM_LEN);
	memcpy(p, tail + names_len, b->tail_len - names_len);
	p += b->tail_len - names_len;
	head_len = (size_t)(p - b->log);
	*p++ = '\n';
	b->used = (uint32_t)(p - b->log);
	put_slot(b, 0, head_len, len, SLOT_BIG);
	sum_up(b, 0);
}

void
batch_big_id(struct batch *b, uint64_t id)
{
	char name[SEG_NAME_BYTES];
	const size_t head = strlen("M1 0 ");

	seg_file(name, id, 0, "big");
	memcpy(b->log + (second_space(b->log + head, b->used - head) - b->log) + strlen(" big="), name, strlen(name));
	b->slots[0].sum = hash_sum(b->log, b->used);
}

int
batch_big_take(struct slice *extra, uint64_t *sum)
{
	static const char digits[] = NUM_HEX;
	const char *p = extra->p + BIG_NAME_LEN, *digit;
	uint64_t n = 0;

	if (extra->len < BIG_NAME_LEN + BIG_SUM_LEN || memcmp(extra->p, BIG_NAME, strlen("big=")) != 0 || p[-1] != ':')
		goto bad;
	for (int i = 0; i < BIG_SUM_LEN; i++) {
		digit = memchr(digits, *p++, sizeof digits - 1);
		if (digit == NULL)
			goto bad;
		n = n << 4 | (uint64_t)(digit - digits);
	}
	if (p < extra->p + extra->len && *p++ != ' ')
		goto bad;
	if (sum != NULL)
		*sum = n;
	extra->len -= (size_t)(p - extra->p);
	extra->p = p;
	return 0;
bad:
	errno = EBADMSG;
	return -1;
}
