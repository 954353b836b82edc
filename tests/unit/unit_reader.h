/* SPDX-License-Identifier: ISC */
/*
 * unit_reader: the part of unit.c that reads streams of frames.  Included there, and only there.
 */
#ifndef UNIT_READER_H
#define UNIT_READER_H

/* What came out of a reader: "TAG=PAYLOAD;" a message. */
struct log {
	char text[2048];
	size_t len;
	struct message m;
	bool open;
};

/* collect -- read until reader_next or message_read says something but a message.  Returns what it said. */
static ssize_t
collect(struct reader *r, struct log *l)
{
	ssize_t n;

	for (;;) {
		if (!l->open) {
			n = reader_next(r, &l->m);
			if (n <= 0)
				return n;
			l->len += (size_t)sprintf(l->text + l->len, "%.*s=", (int)l->m.tag.len, l->m.tag.p);
			l->open = true;
		}
		while ((n = message_read(&l->m, l->text + l->len, 64)) > 0)
			l->len += (size_t)n;
		l->open = n == -1 && errno != EBADMSG;
		if (n == -1)
			return -1;
		l->text[l->len++] = ';';
		l->text[l->len] = '\0';
	}
}

static const char stream[] =
    "M1 3 a s\none\n"
    "M1 0 b s k=v\n\n"
    "M1 4+ c s\nfour\nM1 0+\n\nM1 5\nfives\n"
    "M1 12 d s\nM1 1 x y\nz\n\n\n";
static const char stream_log[] = "a=one;b=;c=fourfives;d=M1 1 x y\nz\n\n;";
static const size_t stream_ends[] = { 0, 13, 27, 60, 83 };      /* where a message ends */

static bool
frames_may_be_split(enum reader_mode mode)
{
	static struct reader r;
	struct log l;
	int fd[2];

	for (size_t at = 0; at < strlen(stream); at++) {
		CHECK(pipe(fd) == 0 && io_write(fd[1], stream, at) == 0);
		reader_init(&r, fd[0], mode);
		r.deadline_ns = 0;
		l.len = 0;
		l.open = false;
		CHECK(collect(&r, &l) == -1 && errno == ETIMEDOUT);
		CHECK(io_write(fd[1], stream + at, strlen(stream) - at) == 0);
		close(fd[1]);
		CHECK(collect(&r, &l) == 0);
		CHECK(strcmp(l.text, stream_log) == 0 && r.offset == strlen(stream) && !r.locked);
		close(fd[0]);
	}
	return true;
}

static bool
split_all(void)
{
	return frames_may_be_split(READER_ALL);
}

static bool
split_shared(void)
{
	return frames_may_be_split(READER_SHARED);
}

static bool
split_one(void)
{
	return frames_may_be_split(READER_ONE);
}

static bool
cut_short_is_told_everywhere(void)
{
	static struct reader r;
	struct log l;
	int fd[2];

	for (size_t at = 0; at < strlen(stream); at++) {
		for (int mode = READER_ALL; mode <= READER_ONE; mode++) {
			bool whole = false;

			for (size_t i = 0; i < COUNT(stream_ends); i++)
				whole = whole || at == stream_ends[i];
			CHECK(pipe(fd) == 0 && io_write(fd[1], stream, at) == 0);
			close(fd[1]);
			reader_init(&r, fd[0], (enum reader_mode)mode);
			l.len = 0;
			l.open = false;
			if (whole)
				CHECK(collect(&r, &l) == 0);
			else
				CHECK(collect(&r, &l) == -1 && errno == EBADMSG && r.offset == at && r.reason != NULL);
			CHECK(!r.locked);
			close(fd[0]);
		}
	}
	return true;
}

static bool
a_new_header_tells_of_a_cut_message(void)
{
	static const char cut[] = "M1 2+ a s\nhi\nM1 2 b s\nyo\n";
	static struct reader r;
	struct log l = { 0 };
	int fd[2];

	for (int mode = READER_ALL; mode <= READER_ONE; mode++) {
		CHECK(pipe(fd) == 0 && io_write(fd[1], cut, strlen(cut)) == 0);
		close(fd[1]);
		reader_init(&r, fd[0], (enum reader_mode)mode);
		l.len = 0;
		CHECK(collect(&r, &l) == -1 && errno == EBADMSG && r.offset == 13);
		CHECK(collect(&r, &l) == 0 && strcmp(l.text, "a=hib=yo;") == 0);
		close(fd[0]);
	}
	return true;
}

static bool
bad_bytes_are_placed(void)
{
	static const struct { const char *text; uint64_t offset; } bad[] = {
		{ "M1 1 a b\nx\nM1 1 a b \nx\n", 20 }, { "M1 1 a b\nxx\n", 10 }, { "M1 1+ a b\nxx\n", 11 },
		{ "M1 5\nhello\n", 4 },
		{ "M1 1+ a b\nx\nM1 01\n", 16 }, { "GET / HTTP/1.1", 0 },
		{ "M1 1 a b\nx\nM1 1 ab\x01", 18 },
	};
	static struct reader r;
	struct log l = { 0 };
	int fd[2];

	for (size_t i = 0; i < COUNT(bad); i++) {
		for (int mode = READER_ALL; mode <= READER_ONE; mode++) {
			CHECK(pipe(fd) == 0 && io_write(fd[1], bad[i].text, strlen(bad[i].text)) == 0);
			reader_init(&r, fd[0], (enum reader_mode)mode);
			r.deadline_ns = 0;
			l.len = 0;
			CHECK(collect(&r, &l) == -1 && errno == EBADMSG && r.offset == bad[i].offset && !r.locked);
			l.open = false;
			CHECK(collect(&r, &l) == -1 && errno == EBADMSG && r.offset == bad[i].offset);
			close(fd[0]);
			close(fd[1]);
		}
	}
	return true;
}

/* make_fifo -- a FIFO in $TMPDIR, opened twice for reading and once for writing, and unlinked. */
static bool
make_fifo(int reading[2], int *writing)
{
	const char *dir = getenv("TMPDIR");
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/unit.%ld", dir != NULL ? dir : "/tmp", (long)getpid());
	CHECK(mkfifo(path, 0600) == 0);
	reading[0] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	reading[1] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	*writing = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	unlink(path);
	CHECK(reading[0] != -1 && reading[1] != -1 && *writing != -1);
	return true;
}

static bool
one_takes_no_byte_more(void)
{
	static struct reader r;
	char buf[64];
	struct message m;
	int in[2], out, unread;

	CHECK(make_fifo(in, &out) && io_write(out, stream, strlen(stream)) == 0);
	for (size_t i = 1; i < COUNT(stream_ends); i++) {
		reader_init(&r, in[i % 2], READER_ONE);
		CHECK(reader_next(&r, &m) == 1);
		if (m.reader != NULL)
			CHECK(r.locked && flock(in[1 - i % 2], LOCK_EX | LOCK_NB) == -1);
		while (message_read(&m, buf, sizeof(buf)) > 0)
			;
		CHECK(ioctl(in[0], FIONREAD, &unread) == 0 && (size_t)unread == strlen(stream) - stream_ends[i]);
		CHECK(!r.locked && flock(in[1 - i % 2], LOCK_EX | LOCK_NB) == 0 && flock(in[1 - i % 2], LOCK_UN) == 0);
	}
	close(in[0]), close(in[1]), close(out);
	return true;
}

static bool
shared_finishes_what_it_began(void)
{
	static struct reader r, other;
	struct message m;
	int in[2], out;

	CHECK(make_fifo(in, &out) && io_write(out, stream, 20) == 0);
	reader_init(&r, in[0], READER_SHARED);
	reader_init(&other, in[1], READER_ONE);
	r.deadline_ns = other.deadline_ns = 0;
	CHECK(reader_next(&r, &m) == 1 && slice_is(m.tag, "a") && r.locked);
	CHECK(reader_next(&r, &m) == -1 && errno == ETIMEDOUT && r.locked && !reader_buffered(&r));
	CHECK(io_write(out, stream + 20, strlen(stream) - 20) == 0);
	CHECK(reader_next(&other, &m) == -1 && errno == ETIMEDOUT);
	CHECK(reader_next(&r, &m) == 1 && slice_is(m.tag, "b") && !r.locked);
	CHECK(reader_next(&other, &m) == 1 && slice_is(m.tag, "c") && m.reader == &other);
	CHECK(reader_next(&other, &m) == 1 && slice_is(m.tag, "d") && m.reader == NULL);
	CHECK(io_write(out, stream, strlen(stream)) == 0 && reader_next(&r, &m) == 1 && slice_is(m.tag, "a"));
	CHECK(!r.locked && reader_buffered(&r));
	close(out);
	CHECK(reader_next(&other, &m) == 0 && reader_next(&r, &m) == 1 && reader_next(&r, &m) == 1);
	CHECK(reader_next(&r, &m) == 1 && slice_is(m.tag, "d") && !reader_buffered(&r) && reader_next(&r, &m) == 0);
	close(in[0]), close(in[1]);
	return true;
}
static bool
a_slow_message_is_handed_out_as_it_comes(void)
{
	static struct reader r;
	struct message m;
	char got[8];
	int in[2], out;

	for (int mode = READER_ALL; mode <= READER_ONE; mode++) {
		CHECK(make_fifo(in, &out) && io_write(out, "M1 2+ a s\nhi\n", 13) == 0);
		reader_init(&r, in[0], (enum reader_mode)mode);
		CHECK(reader_next(&r, &m) == 1 && m.len == MESSAGE_LEN_UNKNOWN && message_read(&m, got, 8) == 2);
		r.deadline_ns = 0;
		CHECK(message_read(&m, got, 8) == -1 && errno == ETIMEDOUT && r.locked == (mode != READER_ALL));
		CHECK(io_write(out, "M1 1\n!\n", 7) == 0 && message_read(&m, got, 8) == 1 && got[0] == '!');
		CHECK(message_read(&m, got, 8) == 0 && message_read(&m, got, 8) == 0 && !r.locked);
		close(in[0]), close(in[1]), close(out);
	}
	return true;
}

#endif
