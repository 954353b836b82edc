/* SPDX-License-Identifier: ISC */
/*
 * unit_writer: the part of unit.c that writes streams of frames, and reads them again.  Included there, and only there.
 */
#ifndef UNIT_WRITER_H
#define UNIT_WRITER_H

static char *
pattern(size_t len, unsigned seed)
{
	char *p = malloc(len + 1);

	for (size_t i = 0; p != NULL && i < len; i++)
		p[i] = (char)((i * 7 + i / 251 + seed) & 0xff);
	return p;
}

/* send_sizes -- messages of many lengths: whole, in pieces of a told length, in pieces of an untold one. */
static const size_t sizes[] = { 0, 1, 4070, 4082, 4083, 4096, 61439, 65536, 131060, 131072, 300001 };

static bool
send_sizes(struct writer *w)
{
	struct message m = { .tag = S("t"), .source = S("s"), .extra = S("k=v"), .uid = -1, .fd = -1 };

	for (size_t i = 0; i < 3 * COUNT(sizes); i++) {
		size_t len = sizes[i / 3];
		char *data = pattern(len, (unsigned)i);

		m.len = i % 3 == 1 ? len : MESSAGE_LEN_UNKNOWN;
		CHECK(data != NULL);
		if (i % 3 == 0) {
			CHECK(writer_put(w, &m, data, len) == 0);
		} else {
			CHECK(writer_begin(w, &m) == 0);
			for (size_t at = 0, n; at < len; at += n) {
				n = len - at < 30000 ? len - at : 30000;
				CHECK(writer_data(w, data + at, n) == 0);
			}
			CHECK(writer_end(w) == 0);
		}
		free(data);
	}
	return writer_flush(w) == 0;
}

static bool
receive_sizes(struct reader *r)
{
	struct message m;

	for (size_t i = 0; i < 3 * COUNT(sizes); i++) {
		size_t len = sizes[i / 3], have = 0;
		char *data = pattern(len, (unsigned)i), *got = malloc(len + 1);
		ssize_t n;

		CHECK(reader_next(r, &m) == 1 && slice_is(m.extra, "k=v"));
		while ((n = message_read(&m, got + have, len + 1 - have)) > 0)
			have += (size_t)n;
		CHECK(n == 0 && have == len && memcmp(got, data, len) == 0);
		free(got);
		free(data);
	}
	CHECK(reader_next(r, &m) == 0);
	return true;
}

static bool
sizes_through(int in, int out, enum reader_mode mode, uint64_t deadline_ns, enum writer_kind kind)
{
	static struct writer w;
	static struct reader r;
	int status;
	pid_t child;

	CHECK(writer_init(&w, out) == 0 && w.kind == kind);
	w.deadline_ns = deadline_ns;
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(send_sizes(&w) ? 0 : 1);
	close(out);
	if (kind == WRITER_FILE)
		CHECK(waitpid(child, &status, 0) == child && status == 0);
	reader_init(&r, in, mode);
	CHECK(receive_sizes(&r));
	if (kind != WRITER_FILE)
		CHECK(waitpid(child, &status, 0) == child && status == 0);
	close(in);
	return true;
}

static bool
sizes_through_pipes(void)
{
	int fd[2];

	for (int mode = READER_ALL; mode <= READER_ONE; mode++) {
		CHECK(pipe(fd) == 0 && sizes_through(fd[0], fd[1], (enum reader_mode)mode, CLOCK_NEVER, WRITER_PIPE));
		CHECK(pipe(fd) == 0 &&
		    sizes_through(fd[0], fd[1], (enum reader_mode)mode, clock_after(60000000000), WRITER_PIPE));
	}
	return true;
}

static bool
sizes_through_fifos(void)
{
	int in[2], out;

	for (int mode = READER_ALL; mode <= READER_ONE; mode++) {
		CHECK(make_fifo(in, &out));
		close(in[1]);
		CHECK(sizes_through(in[0], out, (enum reader_mode)mode, CLOCK_NEVER, WRITER_FIFO));
	}
	return true;
}

/* make_file -- an empty file in $TMPDIR, opened for reading and for appending, and unlinked. */
static bool
make_file(int *in, int *out)
{
	const char *dir = getenv("TMPDIR");
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/unit.%ld", dir != NULL ? dir : "/tmp", (long)getpid());
	*out = open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	*in = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	CHECK(*in != -1 && *out != -1);
	return true;
}

static bool
sizes_through_files(void)
{
	int in, out;

	for (int mode = READER_ALL; mode <= READER_ONE; mode++)
		CHECK(make_file(&in, &out) && sizes_through(in, out, (enum reader_mode)mode, CLOCK_NEVER, WRITER_FILE));
	return true;
}

enum { MIXED_WRITERS = 3, MIXED_MESSAGES = 40, MIXED_LEN = 10000 };

/* send_mixed -- messages of one letter, small and large, each sequence with its own tag. */
static bool
send_mixed(int fd, char letter)
{
	static struct writer w;
	struct message m = { .tag = { &letter, 1 }, .source = S("s"), .uid = -1, .fd = -1 };
	char data[MIXED_LEN];

	memset(data, letter, sizeof(data));
	CHECK(writer_init(&w, fd) == 0);
	for (int i = 0; i < MIXED_MESSAGES; i++) {
		data[0] = (char)i;
		CHECK(writer_put(&w, &m, data, i % 2 == 0 ? MIXED_LEN : 100) == 0);
	}
	return writer_flush(&w) == 0;
}

static bool
writers_never_mix(void)
{
	static struct reader r;
	int in[2], out, next[MIXED_WRITERS] = { 0 }, status;
	char got[MIXED_LEN + 1];
	struct message m;
	size_t len;
	ssize_t n;

	CHECK(make_fifo(in, &out));
	fflush(stdout);
	for (int i = 0; i < MIXED_WRITERS; i++) {
		if (fork() == 0)
			_exit(send_mixed(out, (char)('a' + i)) ? 0 : 1);
	}
	close(out);
	reader_init(&r, in[0], READER_ONE);
	for (int i = 0; i < MIXED_WRITERS * MIXED_MESSAGES; i++) {
		CHECK(reader_next(&r, &m) == 1);
		char letter = m.tag.p[0];
		int *mine = &next[letter - 'a'];

		for (len = 0; (n = message_read(&m, got + len, sizeof(got) - len)) > 0;)
			len += (size_t)n;
		CHECK(n == 0 && got[0] == *mine && len == (*mine % 2 == 0 ? MIXED_LEN : 100));
		for (size_t k = 1; k < len; k++)
			CHECK(got[k] == letter);
		++*mine;
	}
	CHECK(reader_next(&r, &m) == 0);
	for (int i = 0; i < MIXED_WRITERS; i++)
		CHECK(wait(&status) != -1 && status == 0);
	close(in[0]), close(in[1]);
	return true;
}

static bool
receivers_share_a_fifo(void)
{
	static struct reader r;
	struct message m;
	char got[MIXED_LEN + 1];
	int in[2], out, status;
	pid_t sender, receiver;
	ssize_t n;

	CHECK(make_fifo(in, &out));
	fflush(stdout);
	sender = fork();
	if (sender == 0)
		_exit(send_mixed(out, 'a') ? 0 : 1);
	close(out);
	receiver = fork();
	reader_init(&r, receiver == 0 ? in[0] : in[1], receiver == 0 ? READER_ONE : READER_SHARED);
	while ((n = reader_next(&r, &m)) == 1) {
		while ((n = message_read(&m, got, sizeof(got))) > 0)
			;
		if (n == -1)
			break;
	}
	if (receiver == 0)
		_exit(n == 0 ? 0 : 1);
	CHECK(n == 0);
	CHECK(waitpid(receiver, &status, 0) == receiver && status == 0);
	CHECK(waitpid(sender, &status, 0) == sender && status == 0);
	close(in[0]), close(in[1]);
	return true;
}

static const struct message plain = { .tag = { "t", 1 }, .source = { "s", 1 }, .uid = -1, .fd = -1 };

static bool
no_room_tears_nothing(void)
{
	static struct writer w;
	static struct reader r;
	char data[3000] = { 0 };
	struct message m;
	int in[2], out, sent = 0;

	CHECK(make_fifo(in, &out) && writer_init(&w, out) == 0);
	w.deadline_ns = 0;
	while (writer_put(&w, &plain, data, sizeof(data)) == 0 && writer_flush(&w) == 0)
		sent++;
	CHECK(errno == ETIMEDOUT && !w.torn && !w.locked && w.used == 0 && sent > 0);
	close(out);
	reader_init(&r, in[0], READER_ALL);
	for (int i = 0; i < sent; i++)
		CHECK(reader_next(&r, &m) == 1 && m.len == sizeof(data));
	CHECK(reader_next(&r, &m) == 0);
	close(in[0]), close(in[1]);
	return true;
}

static bool
a_full_disk_leaves_no_torn_frame(void)
{
	static struct writer w;
	struct rlimit limit = { 100000, 100000 };
	char *data = pattern(300000, 0);
	struct message m = plain;
	struct stat st;
	int in, out, status;
	pid_t child;

	CHECK(make_file(&in, &out));
	CHECK(writer_init(&w, out) == 0 && writer_put(&w, &plain, data, 70000) == 0 && fstat(in, &st) == 0);
	CHECK(st.st_size == 70000 + 14);
	fflush(stdout);
	child = fork();
	if (child == 0) {
		signal(SIGXFSZ, SIG_IGN);
		m.len = MESSAGE_LEN_UNKNOWN;
		_exit(setrlimit(RLIMIT_FSIZE, &limit) == 0 && writer_put(&w, &plain, data, 300000) == -1 &&
		    errno == EFBIG && !w.torn && writer_begin(&w, &m) == 0 && writer_data(&w, data, 20000) == 0 &&
		    writer_data(&w, data, 20000) == -1 && !w.torn ? 0 : 1);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CHECK(fstat(in, &st) == 0 && st.st_size == 70000 + 14);
	CHECK(writer_begin(&w, &m) == 0);
	m.len = 5;
	CHECK(writer_begin(&w, &m) == 0 && writer_data(&w, data, 4) == 0 && writer_end(&w) == -1 && errno == EBADMSG);
	CHECK(writer_begin(&w, &m) == 0 && writer_data(&w, data, 6) == -1 && errno == EMSGSIZE && !w.torn && !w.locked);
	CHECK(fstat(in, &st) == 0 && st.st_size == 70000 + 14);
	free(data);
	close(in), close(out);
	return true;
}

static bool
drain_tells_what_is_unread(void)
{
	static struct writer w;
	uint64_t unread;
	char buf[64];
	int in[2], out;

	CHECK(make_fifo(in, &out) && writer_init(&w, out) == 0 && writer_drain(&w, &unread) == 0 && unread == 0);
	CHECK(writer_put(&w, &plain, "hello", 5) == 0 && writer_flush(&w) == 0);
	w.deadline_ns = 0;
	CHECK(writer_drain(&w, &unread) == -1 && errno == ETIMEDOUT && unread == 15);
	w.deadline_ns = clock_after(2000000);
	CHECK(writer_drain(&w, &unread) == -1 && errno == ETIMEDOUT && unread == 15);
	w.deadline_ns = CLOCK_NEVER;
	fflush(stdout);
	if (fork() == 0)
		_exit(io_read(in[0], buf, 15) == 15 ? 0 : 1);
	CHECK(writer_drain(&w, &unread) == 0 && unread == 0 && wait(NULL) != -1);
	CHECK(writer_put(&w, &plain, "", 0) == 0 && writer_flush(&w) == 0);
	close(in[0]), close(in[1]);
	CHECK(writer_drain(&w, &unread) == -1 && errno == ENOENT && unread == 10);
	CHECK(writer_put(&w, &plain, "", 0) == 0 && writer_flush(&w) == -1 && errno == ENOENT && !w.torn);
	close(out);
	return true;
}

static bool
a_file_is_followed(void)
{
	static struct reader r;
	struct log l = { 0 };
	int in, out;

	CHECK(make_file(&in, &out));
	reader_init(&r, in, READER_ALL);
	r.follow = true;
	r.deadline_ns = 0;
	for (size_t i = 0; i < strlen(stream); i++) {
		CHECK(io_write(out, stream + i, 1) == 0);
		CHECK(collect(&r, &l) == 0 || errno == ETIMEDOUT);
	}
	CHECK(collect(&r, &l) == 0 && strcmp(l.text, stream_log) == 0);
	close(in), close(out);
	return true;
}

static bool
a_stop_ends_a_wait(void)
{
	static struct reader r;
	struct message m;
	int fd[2];

	CHECK(pipe(fd) == 0);
	io_catch_stop();
	reader_init(&r, fd[0], READER_ALL);
	CHECK(raise(SIGTERM) == 0 && io_stop == SIGTERM);
	CHECK(reader_next(&r, &m) == -1 && errno == EINTR);
	CHECK(io_write(fd[1], "x", 1) == 0 && io_write(fd[1], "", 0) == 0);
	io_stop = 0;
	close(fd[0]), close(fd[1]);
	return true;
}

/* scratch -- the path of a file in $TMPDIR. */
static const char *
scratch(const char *name)
{
	static char path[PATH_MAX];
	const char *dir = getenv("TMPDIR");

	snprintf(path, sizeof path, "%s/unit.%s", dir != NULL ? dir : "/tmp", name);
	return path;
}

/* What waits for somebody else, for ever: each is begun with the signal already handled, and ends with EINTR. */
static bool
ends_read(void)
{
	int fd[2];
	char c;

	return pipe(fd) == 0 && io_read(fd[0], &c, 1) == -1 && errno == EINTR;
}

static bool
ends_write(void)
{
	static char much[1 << 20];
	int fd[2];

	return pipe(fd) == 0 && io_write(fd[1], much, sizeof much) == -1 && errno == EINTR;
}

static bool
ends_lock(uint64_t deadline_ns)
{
	int fd = open(scratch("locked"), O_RDWR | O_CREAT | O_CLOEXEC, 0600), ready[2];
	char c;

	if (fd == -1 || pipe(ready) == -1)
		return false;
	if (fork() == 0) {
		if (reclock_take(fd, 0, CLOCK_NEVER) == 0)
			(void)!write(ready[1], "", 1);
		pause();
	}
	while (read(ready[0], &c, 1) == -1)
		;
	return reclock_take(fd, 0, deadline_ns) == -1 && errno == EINTR;
}

static bool
ends_lock_for_ever(void)
{
	return ends_lock(CLOCK_NEVER);
}

static bool
ends_lock_for_long(void)
{
	return ends_lock(clock_after(UINT64_C(3600000000000)));
}

static bool
ends_open(void)
{
	const char *fifo = scratch("stopped");

	return (mkfifo(fifo, 0600) == 0 || errno == EEXIST)
	    && open_write(fifo, CHANNEL_FIFO, false, CLOCK_NEVER) == -1 && errno == EINTR;
}

static bool
ends_open_after_a_deadline(void)
{
	uint64_t soon = clock_after(1000000);

	/* the alarm of a deadline is over: the nudges go on all the same */
	return open_write(scratch("stopped"), CHANNEL_FIFO, false, soon) == -1 && ends_open();
}

static bool
a_stop_ends_what_begins_after_it(void)
{
	static bool (*const ends[])(void) = { ends_read, ends_write, ends_open, ends_open_after_a_deadline,
		ends_lock_for_ever, ends_lock_for_long };

	for (size_t i = 0; i < COUNT(ends); i++) {
		pid_t pid = fork();
		int status = -1;

		CHECK(pid != -1);
		if (pid == 0) {
			setpgid(0, 0);
			io_stop = 0;
			io_catch_stop();
			alarm_can_nudge();      /* fork(2) leaves the timer behind */
			raise(SIGTERM);
			_exit(io_stop == SIGTERM && ends[i]() ? 0 : 1);
		}
		for (int tries = 0; waitpid(pid, &status, WNOHANG) == 0 && tries < 2000; tries++)
			poll(NULL, 0, 10);
		kill(-pid, SIGKILL);
		CHECK(status == 0);
	}
	return true;
}

#endif
