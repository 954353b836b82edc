/* SPDX-License-Identifier: ISC */
/*
 * stream: a stream of frames, well formed or not, through each way of reading it.
 *
 * What a reader says of it does not depend on how it comes: a file at one go, a pipe in pieces, followed as it grows,
 * one message at a time under the lock.  The whole messages are written by a writer and read once more.
 *
 * Two bytes choose, eight tell the pieces, the rest is the stream; 0x01 N in it stands for N KiB of payload.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "fuzz.h"
#include "stream/reader.h"
#include "stream/writer.h"

enum {
	STREAM_MAX = 3 * READER_BUF,
	PIECE_MAX = 32768,              /* sent at a time: a pipe has room for two */
	SMALL_READS = 64,               /* of a payload, before large ones */
};

/* What feeds a reader. */
struct feed {
	struct slice left;
	int fd;                         /* where it goes; -1: all is there */
	const uint8_t *pieces;          /* eight bytes that tell how much comes at a time */
	unsigned turn;
};

/* What was heard. */
struct heard {
	struct text text;
	size_t settled;                 /* of it: up to the end of the last message, or complaint */
	unsigned whole, bad;            /* messages; complaints */
	uint64_t offset;                /* of the stream, so far */
};

/* feed_more -- send the next piece, or end the stream.  Returns whether anything has changed. */
static bool
feed_more(struct feed *f)
{
	static const uint16_t sizes[] = { 1, 2, 5, 11, 64, 1000, 4096, PIECE_MAX };
	size_t n = sizes[f->turn > SMALL_READS ? 7 : f->pieces[f->turn % 8] % 8];

	f->turn++;
	if (f->fd == -1)
		return false;
	if (f->left.len == 0) {
		close(f->fd);
		f->fd = -1;
		return true;
	}
	n = n > f->left.len ? f->left.len : n;
	MUST(write(f->fd, f->left.p, n) == (ssize_t)n);
	f->left.p += n;
	f->left.len -= n;
	return true;
}

static void
hear_slice(struct heard *h, struct slice s)
{
	text_number(&h->text, s.len);
	text_add(&h->text, s.p, s.len);
}

static void
hear_error(struct heard *h, const struct reader *r)
{
	text_add(&h->text, "\nbad ", 5);
	text_number(&h->text, r->offset);
	hear_slice(h, slice_of(r->reason));
	h->settled = h->text.len;
	h->bad++;
}

/* hear_payload -- returns 1 at its end, 0 where it was cut short, -1 where no more comes. */
static int
hear_payload(struct heard *h, struct message *m, struct feed *f)
{
	char piece[8192];
	size_t want;
	ssize_t n;

	if (m->data != NULL) {
		MUST(m->len != MESSAGE_LEN_UNKNOWN);
		text_add(&h->text, m->data, (size_t)m->len);
		return 1;
	}
	for (unsigned reads = 0;; reads++) {
		want = f->pieces[f->turn % 8] & 8 || reads > SMALL_READS ? sizeof piece : 1U + f->pieces[f->turn % 8] % 16;
		n = message_read(m, piece, want);
		if (n > 0)
			text_add(&h->text, piece, (size_t)n);
		else if (n == 0)
			return 1;
		else if (errno == EBADMSG)
			return 0;
		else if (errno != ETIMEDOUT || !feed_more(f))
			return -1;
	}
}

/* hear -- all of a stream. */
static void
hear(struct heard *h, struct reader *r, struct feed *f)
{
	struct message m;
	int got;

	for (;;) {
		got = reader_next(r, &m);
		if (got == -1 && errno == EBADMSG) {
			hear_error(h, r);
			if (r->broken)
				return;
			continue;
		}
		if (got != 1) {
			MUST(got == 0 || errno == ETIMEDOUT);
			if (!feed_more(f))
				return;
			continue;
		}
		MUST(frame_name_ok(m.tag) && frame_name_ok(m.source));
		text_add(&h->text, "\nmessage ", 9);
		hear_slice(h, m.tag);
		hear_slice(h, m.source);
		hear_slice(h, m.extra);
		text_number(&h->text, m.id);
		text_number(&h->text, m.time_us);
		text_number(&h->text, m.attempt);
		text_number(&h->text, (uint64_t)m.uid);
		text_number(&h->text, m.len);
		got = hear_payload(h, &m, f);
		if (got == 1) {
			h->settled = h->text.len;
			h->whole++;
		} else if (got == 0) {
			hear_error(h, r);
		}
		if (got == -1 || r->broken)
			return;
		if (r->mode == READER_ONE && m.data != NULL)
			MUST(r->start == r->end);
	}
}

/* in_memory -- a file with these bytes. */
static int
in_memory(struct slice s)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);

	MUST(fd != -1 && write(fd, s.p, s.len) == (ssize_t)s.len && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static void
hear_file(struct heard *h, struct slice stream)
{
	static struct reader r;
	static const uint8_t pieces[8] = { 8, 8, 8, 8, 8, 8, 8, 8 };
	struct feed none = { .fd = -1, .pieces = pieces };
	int fd = in_memory(stream);

	reader_init(&r, fd, READER_ALL);
	r.deadline_ns = 1;
	hear(h, &r, &none);
	MUST(r.offset <= stream.len);
	h->offset = r.offset;
	close(fd);
}

static void
hear_pipe(struct heard *h, struct slice stream, enum reader_mode mode, const uint8_t *pieces)
{
	static struct reader r;
	struct feed f = { .left = stream, .pieces = pieces };
	int ends[2], unread = 0;

	MUST(pipe2(ends, O_CLOEXEC) == 0);
	f.fd = ends[1];
	reader_init(&r, ends[0], mode);
	r.deadline_ns = 1;      /* what is there now; then feed_more */
	hear(h, &r, &f);
	MUST(ioctl(ends[0], FIONREAD, &unread) == 0);
	h->offset = r.offset;
	if (r.broken)
		MUST(!r.locked);
	close(ends[0]);
	if (f.fd != -1)
		close(f.fd);
}

/* hear_followed -- a file that grows. */
static void
hear_followed(struct heard *h, struct slice stream, const uint8_t *pieces)
{
	static struct reader r;
	struct feed f = { .left = stream, .pieces = pieces };
	int fd = in_memory((struct slice){ "", 0 });
	char path[64] = "/proc/self/fd/";

	path[strlen(path) + num_decimal(path + strlen(path), (uint64_t)fd)] = '\0';
	f.fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	MUST(f.fd != -1);
	reader_init(&r, fd, READER_ALL);
	r.follow = true;
	r.deadline_ns = 1;
	hear(h, &r, &f);
	if (f.fd != -1)
		close(f.fd);
	close(fd);
}

/* same -- both heard the same. */
static bool
same(const struct heard *a, const struct heard *b)
{
	return a->text.len == b->text.len && (a->text.len == 0 || memcmp(a->text.p, b->text.p, a->text.len) == 0)
	    && a->offset == b->offset;
}

/* begins_same -- what was heard whole of a part is how the whole begins. */
static bool
begins_same(const struct heard *whole, const struct heard *part)
{
	return part->settled <= whole->text.len
	    && (part->settled == 0 || memcmp(whole->text.p, part->text.p, part->settled) == 0);
}

/* write_message -- returns whether it was written: a header line may be too long with its time in full. */
static bool
write_message(struct writer *w, struct message *m, bool chunked)
{
	struct message head = *m;
	char piece[8192];
	ssize_t n;

	if (m->data != NULL && !chunked) {
		if (writer_put(w, m, m->data, (size_t)m->len) == 0)
			return true;
		MUST(errno == EMSGSIZE);
		return false;
	}
	if (chunked)
		head.len = MESSAGE_LEN_UNKNOWN;
	if (writer_begin(w, &head) == -1) {
		MUST(errno == EMSGSIZE);
		return false;
	}
	while ((n = message_read(m, piece, sizeof piece)) > 0)
		MUST(writer_data(w, piece, (size_t)n) == 0);
	if (n == 0)
		MUST(writer_end(w) == 0);
	else
		writer_abort(w);
	return n == 0;
}

/* write_again -- read the stream, write its whole messages, and hear what was written.  Returns how many that were. */
static unsigned
write_again(struct slice stream, bool chunked, struct heard *h)
{
	static struct reader r;
	static struct writer w;
	struct message m;
	int from = in_memory(stream), to = in_memory((struct slice){ "", 0 }), got;
	unsigned n = 0;
	off_t len;
	char *bytes;

	reader_init(&r, from, READER_ALL);
	r.deadline_ns = 1;
	MUST(writer_init(&w, to) == 0 && w.kind == WRITER_FILE);
	while ((got = reader_next(&r, &m)) == 1 || (got == -1 && !r.broken))
		if (got == 1)
			n += write_message(&w, &m, chunked);
	MUST(writer_flush(&w) == 0 && !w.torn && !w.locked);
	len = lseek(to, 0, SEEK_END);
	bytes = malloc((size_t)len + 1);
	MUST(bytes != NULL && pread(to, bytes, (size_t)len, 0) == len);
	hear_file(h, (struct slice){ bytes, (size_t)len });
	free(bytes);
	close(from);
	close(to);
	return n;
}

/* expand -- 0x01 N stands for N KiB. */
static struct slice
expand(struct text *t, struct slice s)
{
	static const char *const kib = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n";

	for (size_t i = 0; i < s.len && t->len < STREAM_MAX; i++) {
		if (s.p[i] != 1 || i + 1 == s.len) {
			text_add(t, s.p + i, 1);
			continue;
		}
		i++;
		for (unsigned k = (unsigned char)s.p[i] * 16U; k > 0; k--)
			text_add(t, kib, 64);
	}
	return (struct slice){ t->p, t->len };
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = { data, data + size };
	struct heard whole = { .offset = 0 }, other = { .offset = 0 };
	struct text text = { NULL, 0, 0 };
	uint8_t pieces[8];
	unsigned how = bytes_below(&in, 5), n;
	struct slice stream;

	for (int i = 0; i < 8; i++)
		pieces[i] = (uint8_t)bytes_byte(&in);
	stream = expand(&text, bytes_rest(&in));
	hear_file(&whole, stream);
	if (how < 3) {
		hear_pipe(&other, stream, how == 0 ? READER_ALL : how == 1 ? READER_SHARED : READER_ONE, pieces);
		MUST(same(&whole, &other));
	} else if (how == 3) {
		hear_followed(&other, stream, pieces);
		MUST(begins_same(&whole, &other));
	} else {
		n = write_again(stream, pieces[0] & 1, &other);
		MUST(other.bad == 0 && other.whole == n && n <= whole.whole);
	}
	free(text.p);
	free(whole.text.p);
	free(other.text.p);
	return 0;
}
