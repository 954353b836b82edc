/* SPDX-License-Identifier: ISC */
/*
 * storm: many senders and receivers move messages through one mailbox by the real tools, and each is accounted for.
 *
 *     storm [-n messages] [-S senders] [-R receivers] [-s seed] [-m n] [-H n] [-k ms] [-l seconds] dir [mkmbox options]
 *
 * -m: this many messages of 2 to 6 MB; -H: of 50 MB.  -k: kill each tool with SIGKILL after a random time, this long
 * on average (now and then it is stopped for a while instead).  -l: the limit for all, after which it has failed.
 *
 * What a message is follows from the seed, its sender and its number: length, tag and every byte.  So whoever sees
 * it knows what it must be.  A driver per sender and per receiver runs the tools one after another and writes down
 * what happened (struct note); in the end all notes are held against each other (judge).
 *
 * In a mailbox of capacity 0 (mkmbox -c 0) a send may also fail with 74: a receiver that was killed, or whose command
 * failed, had a part of a payload that comes through a pipe.  Then what was sent up to there is acknowledged.
 *
 * What must hold:
 *   - what msend acknowledged (exit status 0, or an id by -v) is received; of what a killed msend was given, the first
 *     so many are received, and none behind those;
 *   - each message is received once.  Where a receiver was killed, others may get again what it got last;
 *   - no payload and no frame is torn; the ids of a sender's messages stand in the order in which it sent them;
 *   - a receiver without preferences gets messages in the order of their ids, unless they had been put back;
 *   - in the end the mailbox is empty, and as small as it was.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PIECE = 64 * 1024,
	HEAD_MAX = 4096,
	SMALL_KB = 128,                 /* the mailbox may grow by so much: a segment that is kept */
	RUN_MAX = 1024,                 /* what a receiver claims at a time, at most */
	RUN_KILLED = 500,               /* what a sender that is to be killed is given at a time, at most */
	ERRORS_SHOWN = 20,
};

struct settings {
	uint64_t seed;
	unsigned messages, senders, receivers, medium, huge, kill_ms, limit_s;
	const char *dir, *box;
	char *self;
	char **mkmbox;
	bool zero;                      /* the mailbox has capacity 0 */
};

/* What drivers tell each other and the judge, in shared memory. */
struct shared {
	volatile bool sent;             /* all senders have come to their end */
	volatile unsigned errors, kills, stops;
};

enum note_kind { NOTE_RUN = 1, NOTE_ACK, NOTE_RECEIVED, NOTE_RECEIVER };

struct note {
	uint8_t kind;                   /* enum note_kind */
	uint8_t killed;                 /* NOTE_RUN, NOTE_RECEIVER */
	uint16_t driver;
	uint32_t instance;              /* of the driver's tools, the how manieth */
	uint32_t sender, seq;           /* NOTE_RUN: its first message */
	uint32_t n;                     /* NOTE_RUN: messages given; NOTE_RECEIVED: which try */
	uint32_t ordered;               /* NOTE_RECEIVER */
	uint64_t id;
};

static struct settings set = { .seed = 1, .messages = 20000, .senders = 8, .receivers = 8, .medium = 4, .limit_s = 600 };
static struct shared *shared;
static unsigned driver;
static FILE *notes;
static uint64_t dice;                   /* the driver's own random numbers: for when and how, never for what */

/* ---- random numbers, and what follows from them ---- */

static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static unsigned
roll(unsigned below)
{
	dice = mix(dice);
	return (unsigned)(dice >> 20) % below;
}

static uint64_t
key_of(unsigned sender, unsigned seq)
{
	return mix(set.seed ^ mix((uint64_t)sender << 32 | seq));
}

/* spread -- whether message g is one of n that are spread evenly over all. */
static bool
spread(unsigned g, unsigned n)
{
	unsigned every = n > 0 ? set.messages / n : 0;

	return every > 0 && g % every == every / 2;
}

static uint64_t
length_of(unsigned sender, unsigned seq)
{
	static const unsigned edges[] = { 1, 4095, 4096, 4097, 65535, 65536, 65537, 131072 };
	uint64_t h = key_of(sender, seq), more = h >> 32;
	unsigned g = seq * set.senders + sender;

	if (spread(g, set.huge))
		return UINT64_C(50000000) + more % 1000;
	if (spread(g, set.medium))
		return 2000000 + more % 4000000;
	if (h % 1000 < 20)
		return 0;
	if (h % 1000 < 24)
		return more % 200000;
	if (h % 1000 < 34)
		return more % 9000;
	if (h % 1000 < 36)
		return edges[more % 8];
	return more % 1000;
}

static const char *
tag_of(unsigned sender, unsigned seq)
{
	static char tag[32];
	uint64_t h = mix(key_of(sender, seq) + 1);

	switch (h % 8) {
	case 0: case 1: case 2:
		snprintf(tag, sizeof tag, "a%u", (unsigned)(h >> 8) % 4);
		break;
	case 3: case 4: case 5:
		snprintf(tag, sizeof tag, "b%u", (unsigned)(h >> 8) % 4);
		break;
	case 6:
		snprintf(tag, sizeof tag, "-");
		break;
	default:
		snprintf(tag, sizeof tag, "t%u", (unsigned)(h >> 8) % 6000);
	}
	return tag;
}

/* fill -- n bytes of the payload, from at on. */
static void
fill(char *out, size_t n, uint64_t at, uint64_t key)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++, at++) {
		if (i == 0 || at % 8 == 0)
			word = mix(key + at / 8);
		if (at % 8 == 0 && n - i >= 8) {
			memcpy(out + i, &word, 8);
			i += 7;
			at += 7;
		} else {
			out[i] = (char)(word >> at % 8 * 8);
		}
	}
}

/* ---- telling ---- */

static void __attribute__((format(printf, 1, 2)))
wrong(const char *format, ...)
{
	va_list args;
	char line[1024];
	int n;

	if (++shared->errors > ERRORS_SHOWN)
		return;
	va_start(args, format);
	n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	dprintf(STDERR_FILENO, "storm: driver %u: %.*s\n", driver, n, line);
}

static void __attribute__((noreturn))
die(const char *what)
{
	dprintf(STDERR_FILENO, "storm: %s: %s\n", what, strerror(errno));
	kill(0, SIGKILL);
	_exit(1);
}

static void
note(struct note n)
{
	n.driver = (uint16_t)driver;
	if (fwrite(&n, sizeof n, 1, notes) != 1)
		die("notes");
}

/* ---- a tool, and its violent end ---- */

static volatile pid_t victim;           /* whom the timer kills */
static volatile bool stopped, killed;

static void
arm(unsigned ms)
{
	struct itimerval t = { .it_value = { ms / 1000, (ms % 1000) * 1000 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

static void
on_alarm(int sig)
{
	int err = errno;

	(void)sig;
	if (victim == 0)
		return;
	if (stopped) {
		kill(victim, SIGCONT);
		stopped = false;
		arm(1 + roll(2 * set.kill_ms));
	} else if (roll(5) == 0) {
		kill(victim, SIGSTOP);
		stopped = true;
		shared->stops++;
		arm(1 + roll(60));
	} else {
		kill(victim, SIGKILL);
		killed = true;
	}
	errno = err;
}

/* start -- run argv with these descriptors as standard input and output; close_fd is not for it. */
static pid_t
start(const char *const *argv, int in, int out, int close_fd)
{
	pid_t pid;
	char **args;

	fflush(NULL);
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		if ((in != -1 && dup2(in, STDIN_FILENO) == -1) || (out != -1 && dup2(out, STDOUT_FILENO) == -1))
			_exit(99);
		if (close_fd != -1)
			close(close_fd);
		memcpy(&args, &argv, sizeof args);
		execvp(args[0], args);
		_exit(99);
	}
	killed = stopped = false;
	victim = pid;
	if (set.kill_ms > 0 && !shared->sent)
		arm(1 + roll(2 * set.kill_ms));
	return pid;
}

/* finish -- wait for the tool's end.  Returns its exit status, or -1 where it was killed. */
static int
finish(pid_t pid)
{
	siginfo_t info;
	int status;

	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == -1 && errno == EINTR)
		continue;
	victim = 0;                     /* the timer may still go off, and finds nobody */
	arm(0);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (!killed || WTERMSIG(status) != SIGKILL)
		wrong("a tool was ended by signal %d", WTERMSIG(status));
	shared->kills++;
	return -1;
}

/* ---- sending ---- */

struct out {
	int fd;
	bool broken;                    /* the tool is gone */
	size_t used;
	char buf[PIECE];
};

static void
push(struct out *o)
{
	size_t at = 0;
	ssize_t n;

	while (!o->broken && at < o->used) {
		n = write(o->fd, o->buf + at, o->used - at);
		if (n == -1 && errno != EINTR)
			o->broken = true;
		else if (n > 0)
			at += (size_t)n;
	}
	o->used = 0;
}

static void __attribute__((format(printf, 2, 3)))
put_text(struct out *o, const char *format, ...)
{
	va_list args;

	if (o->used > PIECE - 256)
		push(o);
	va_start(args, format);
	o->used += (size_t)vsnprintf(o->buf + o->used, 256, format, args);
	va_end(args);
}

static void
put_payload(struct out *o, uint64_t from, uint64_t to, uint64_t key)
{
	while (from < to && !o->broken) {
		size_t n = PIECE - o->used;

		if (n > to - from)
			n = (size_t)(to - from);
		fill(o->buf + o->used, n, from, key);
		o->used += n;
		from += n;
		if (o->used == PIECE)
			push(o);
	}
}

/* put_frame -- a message as a frame; some in chunks. */
static void
put_frame(struct out *o, unsigned seq)
{
	uint64_t len = length_of(driver, seq), key = key_of(driver, seq), chunk = len;

	if (key % 16 == 0)
		chunk = (key >> 8) % (len + 1);
	put_text(o, "M1 %llu%s %s s%u reply=%u.%u\n", (unsigned long long)chunk, key % 16 == 0 ? "+" : "",
	    tag_of(driver, seq), driver, driver, seq);
	put_payload(o, 0, chunk, key);
	if (key % 16 == 0) {
		put_text(o, "\nM1 %llu\n", (unsigned long long)(len - chunk));
		put_payload(o, chunk, len, key);
	}
	put_text(o, "\n");
}

/* note_acks -- the ids that msend -v printed. */
static void
note_acks(int fd, uint32_t instance)
{
	FILE *f = fdopen(fd, "r");
	char line[64];

	rewind(f);
	while (fgets(line, sizeof line, f) != NULL)
		if (strchr(line, '\n') != NULL)
			note((struct note){ .kind = NOTE_ACK, .instance = instance, .id = strtoull(line, NULL, 10) });
	fclose(f);
}

/* feed -- give n messages from seq on to msend: as frames, or a single one as it is. */
static void
feed(int fd, unsigned seq, unsigned n, bool frames)
{
	static struct out o;

	o.fd = fd;
	o.used = 0;
	o.broken = false;
	for (unsigned i = 0; i < n && !o.broken; i++) {
		if (frames)
			put_frame(&o, seq + i);
		else
			put_payload(&o, 0, length_of(driver, seq), key_of(driver, seq));
		if (roll(16) == 0)
			push(&o);
	}
	push(&o);
	close(fd);
}

static void
send_run(unsigned seq, unsigned n, bool frames, uint32_t instance)
{
	char source[32], reply[64], acks[64];
	const char *with_frames[] = { "msend", "-vF", set.box, NULL };
	const char *alone[] = { "msend", "-v", "-s", source, "-t", tag_of(driver, seq), "-H", reply, set.box, NULL };
	int ends[2], out, status;
	pid_t pid;

	snprintf(source, sizeof source, "s%u", driver);
	snprintf(reply, sizeof reply, "reply=%u.%u", driver, seq);
	snprintf(acks, sizeof acks, "%s/acks.%u", set.dir, driver);
	out = open(acks, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (out == -1 || pipe2(ends, O_CLOEXEC) == -1)
		die("pipe");
	pid = start(frames ? with_frames : alone, ends[0], out, ends[1]);
	close(ends[0]);
	feed(ends[1], seq, n, frames);
	status = finish(pid);
	if (status > 0 && !(set.zero && status == 74))
		wrong("msend of %u messages from %u on: status %d", n, seq, status);
	note((struct note){ .kind = NOTE_RUN, .killed = status != 0, .instance = instance, .sender = driver, .seq = seq,
	    .n = n });
	note_acks(out, instance);
}

static void
send_all(void)
{
	unsigned seq = 0, total = set.messages / set.senders, n;
	bool alone = driver % 4 == 3;

	for (uint32_t instance = 0; seq < total; instance++, seq += n) {
		n = alone && roll(64) > 0 ? 1 : 1 + roll(1 + roll(set.kill_ms > 0 ? RUN_KILLED : total));
		if (n > total - seq)
			n = total - seq;
		send_run(seq, n, n > 1, instance);
	}
}

/* ---- receiving ---- */

struct in {
	int fd;
	bool lazy;
	unsigned wrong, wrong_sender, wrong_seq;        /* messages whose payload was not theirs; the last of them */
	size_t at, used;
	char buf[PIECE];
};

/* pull -- have at least one byte.  Returns false at the end. */
static bool
pull(struct in *i)
{
	ssize_t n;

	if (i->at < i->used)
		return true;
	if (i->lazy && roll(4) == 0)
		usleep(1000 * roll(20));        /* not to wait for anything: to let the pipe run full */
	do
		n = read(i->fd, i->buf, i->lazy ? 1 + roll(PIECE) : PIECE);
	while (n == -1 && errno == EINTR);
	i->at = 0;
	i->used = n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* get_line -- a header line without its newline.  Returns 1, 0 at the end, -1 cut short or too long. */
static int
get_line(struct in *i, char *line)
{
	size_t n = 0;

	while (pull(i)) {
		char c = i->buf[i->at++];

		if (c == '\n') {
			line[n] = '\0';
			return 1;
		}
		if (n == HEAD_MAX - 1)
			return -1;
		line[n++] = c;
	}
	return n == 0 ? 0 : -1;
}

/* get_chunk -- compare payload bytes [at, end) with what they must be.  Returns whether they were there to their end. */
static bool
get_chunk(struct in *i, uint64_t at, uint64_t end, uint64_t key, bool *right)
{
	static char must[PIECE];

	while (at < end) {
		size_t n;

		if (!pull(i))
			return false;
		n = i->used - i->at;
		if (n > end - at)
			n = (size_t)(end - at);
		fill(must, n, at, key);
		if (memcmp(must, i->buf + i->at, n) != 0)
			*right = false;
		i->at += n;
		at += n;
	}
	if (!pull(i))
		return false;
	if (i->buf[i->at++] != '\n')
		*right = false;
	return true;
}

/* get_payload -- all chunks; line is the header line of the first.  Returns whether all were there to their end. */
static bool
get_payload(struct in *i, char *line, uint64_t len, uint64_t key, bool *right)
{
	uint64_t at = 0, end;
	char *p;

	for (;;) {
		if (strncmp(line, "M1 ", 3) != 0)
			return false;
		end = at + strtoull(line + 3, &p, 10);
		if (!get_chunk(i, at, end, key, right))
			return false;
		at = end;
		if (*p != '+')
			break;
		if (get_line(i, line) != 1)
			return false;
	}
	*right = *right && at == len;
	return true;
}

static uint64_t
number_after(const char *line, const char *key)
{
	const char *p = strstr(line, key);

	return p == NULL ? 0 : strtoull(p + strlen(key), NULL, 10);
}

/* get_message -- read one message and note it.  Returns 1, 0 at the end, -1 torn. */
static int
get_message(struct in *i, uint32_t instance)
{
	char line[HEAD_MAX], tag[256], source[256], must[256];
	unsigned sender, seq;
	const char *reply;
	bool right = true;
	uint64_t id, try;
	int r = get_line(i, line);

	if (r != 1)
		return r;
	reply = strstr(line, " reply=");
	if (sscanf(line, "M1 %*[0-9+] %255s %255s", tag, source) != 2 || reply == NULL
	    || sscanf(reply, " reply=%u.%u", &sender, &seq) != 2 || sender >= set.senders) {
		wrong("a header line that nobody sent: %.200s", line);
		return -1;
	}
	snprintf(must, sizeof must, "s%u", sender);
	if (strcmp(tag, tag_of(sender, seq)) != 0 || strcmp(source, must) != 0)
		wrong("not the header line of message %u of sender %u: %.200s", seq, sender, line);
	id = number_after(line, " id=");
	try = number_after(line, " try=");
	if (!get_payload(i, line, length_of(sender, seq), key_of(sender, seq), &right))
		return -1;
	if (!right) {
		i->wrong_sender = sender;
		i->wrong_seq = seq;
		i->wrong++;
		return 1;
	}
	note((struct note){ .kind = NOTE_RECEIVED, .instance = instance, .sender = sender, .seq = seq, .id = id,
	    .n = (uint32_t)try });
	return 1;
}

/* The ways to receive, one after another for each driver. */
static const struct way {
	const char *args[6];
	bool ordered, command;
} ways[] = {
	{ { "-F", "-f", "-w2" }, true, false },
	{ { "-F", "-f", "-w2", "-ta*" }, true, false },
	{ { "-F", "-f", "-w2", "-Tb*" }, true, false },
	{ { "-F", "-c37", "-w2" }, true, false },
	{ { "-f", "-w2" }, true, true },
	{ { "-F", "-w2" }, true, false },
	{ { "-F", "-f", "-w2", "-tb1", "-t*" }, false, false },
	{ { "-F", "-f", "-w2", "-ss*" }, true, false },
};

enum { WAYS = sizeof ways / sizeof ways[0], WAY_LAZY = WAYS - 1 };

/* receive_run -- run mrecv once.  Returns whether there was nothing for it. */
static bool
receive_run(unsigned which, uint32_t instance)
{
	const struct way *way = &ways[which];
	static struct in in;
	const char *argv[16] = { "mrecv" };
	char seed[32], backs[4096];
	int ends[2], n = 1, r, status, got = 0;
	pid_t pid;

	for (int i = 0; i < 6 && way->args[i] != NULL; i++)
		argv[n++] = way->args[i];
	argv[n++] = set.box;
	snprintf(seed, sizeof seed, "%llu", (unsigned long long)set.seed);
	snprintf(backs, sizeof backs, "%s/backs", set.dir);
	if (way->command) {
		argv[n++] = "--";
		argv[n++] = set.self;
		argv[n++] = "-C";
		argv[n++] = seed;
		argv[n++] = backs;
	}
	if (pipe2(ends, O_CLOEXEC) == -1)
		die("pipe");
	pid = start(argv, -1, ends[1], ends[0]);
	close(ends[1]);
	in = (struct in){ .fd = ends[0], .lazy = which == WAY_LAZY };
	while ((r = get_message(&in, instance)) == 1)
		got++;
	if (r == -1)            /* to its end, so that nobody is killed by us without our knowing */
		for (in.used = 0; pull(&in); in.used = 0)
			continue;
	close(ends[0]);
	status = finish(pid);
	/* of a message handed over, of unknown length, a command cannot tell the end from the death of mrecv */
	if (in.wrong > 0 && !(set.zero && way->command && status == -1 && in.wrong == 1))
		wrong("not the payload of message %u of sender %u", in.wrong_seq, in.wrong_sender);
	if (r == -1 && status != -1)
		wrong("a receiver that was not killed wrote a torn message");
	if (status > 0 && status != 124 && !(way->command && (status == 1 || status == 75))
	    && !(set.zero && status == 65))
		wrong("mrecv: status %d", status);
	note((struct note){ .kind = NOTE_RECEIVER, .killed = status == -1, .instance = instance, .ordered = way->ordered });
	return got == 0 && status > 0;
}

static void
receive_all(unsigned which)
{
	bool sent;
	uint32_t instance = 0;

	do
		sent = shared->sent;    /* looked at before: what came in the meantime is not missed */
	while (!receive_run(which, instance++) || !sent);
}

/* put_back -- note in the file that message id was put back without a try counted.  Returns the status for that. */
static int
put_back(const char *path, const char *id)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	uint64_t number = strtoull(id, NULL, 10);

	return fd != -1 && write(fd, &number, sizeof number) == sizeof number ? 75 : 99;
}

/* command -- what mrecv runs: passes its message on as a frame; puts some back, fails with some. */
static int
command(const char *seed, const char *backs)
{
	const char *id = getenv("MBOX_ID"), *try = getenv("MBOX_TRY"), *len = getenv("MBOX_LENGTH");
	uint64_t luck = mix(strtoull(seed, NULL, 10) + strtoull(id, NULL, 10) * 97 + strtoull(try, NULL, 10));
	char *payload = NULL;
	size_t used = 0, room = 0, n;

	if (luck % 50 == 0)
		return 1;
	if (luck % 50 == 1 && (mix(luck ^ (uint64_t)getpid()) & 1) == 0)
		return put_back(backs, id);
	/* to its end first: who is ended by mrecv on the way has written nothing */
	do {
		if (used == room && (payload = realloc(payload, room = 2 * room + PIECE)) == NULL)
			return 99;
		used += n = fread(payload + used, 1, room - used, stdin);
	} while (n > 0);
	/* mrecv was killed while it wrote */
	if (len != NULL && *len != '\0' && strtoull(len, NULL, 10) != used)
		return 1;
	printf("M1 %zu %s %s id=%s try=%s reply=%s\n", used, getenv("MBOX_TAG"), getenv("MBOX_SOURCE"), id, try,
	    getenv("MBOX_REPLY"));
	fwrite(payload, 1, used, stdout);
	putchar('\n');
	free(payload);
	return fflush(stdout) == 0 ? 0 : 1;
}

/* ---- the judge ---- */

struct book {
	struct note *list;
	size_t n;
	uint8_t *killed, *ordered;      /* of receivers, by place_of */
	uint64_t *back;                 /* messages that commands put back */
	size_t backs;
	uint32_t *first;                /* of a driver's instances */
	size_t instances;
};

static int
by_message(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->sender != y->sender)
		return x->sender < y->sender ? -1 : 1;
	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return x->n < y->n ? -1 : x->n > y->n;
}

static size_t
place_of(const struct book *b, const struct note *n)
{
	return b->first[n->driver] + n->instance;
}

static int
by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* read_backs -- the messages that commands put back. */
static void
read_backs(struct book *b)
{
	char path[4096];
	struct stat st;
	FILE *f;

	snprintf(path, sizeof path, "%s/backs", set.dir);
	f = fopen(path, "r");
	if (f == NULL)
		return;
	if (fstat(fileno(f), &st) == 0 && (b->back = realloc(b->back, (size_t)st.st_size + 8)) != NULL)
		b->backs = fread(b->back, sizeof *b->back, (size_t)st.st_size / sizeof *b->back, f);
	qsort(b->back, b->backs, sizeof *b->back, by_number);
	fclose(f);
}

/* read_notes -- all notes of all drivers, in the order of each. */
static void
read_notes(struct book *b)
{
	unsigned drivers = set.senders + set.receivers + 1;
	char path[4096];
	struct stat st;

	b->first = calloc(drivers + 1, sizeof *b->first);
	for (unsigned d = 0; d < drivers; d++) {
		FILE *f;
		size_t more;

		snprintf(path, sizeof path, "%s/notes.%u", set.dir, d);
		f = fopen(path, "r");
		if (f == NULL || fstat(fileno(f), &st) == -1)
			die(path);
		more = (size_t)st.st_size / sizeof *b->list;
		b->list = realloc(b->list, (b->n + more + 1) * sizeof *b->list);
		if (fread(b->list + b->n, sizeof *b->list, more, f) != more)
			die(path);
		b->first[d] = (uint32_t)b->instances;
		for (size_t i = b->n; i < b->n + more; i++)
			if (b->list[i].kind == NOTE_RECEIVER)
				b->instances++;
		b->n += more;
		fclose(f);
	}
	b->killed = calloc(b->instances + 1, 1);
	b->ordered = calloc(b->instances + 1, 1);
	for (size_t i = 0; i < b->n; i++)
		if (b->list[i].kind == NOTE_RECEIVER) {
			b->killed[place_of(b, &b->list[i])] = b->list[i].killed;
			b->ordered[place_of(b, &b->list[i])] = b->list[i].ordered > 0;
		}
}

/* judge_order -- each receiver without preferences got messages in the order of their ids. */
static void
judge_order(const struct book *b)
{
	uint64_t last = 0;
	size_t place = SIZE_MAX;

	for (size_t i = 0; i < b->n; i++) {
		const struct note *n = &b->list[i];

		if (n->kind != NOTE_RECEIVED || !b->ordered[place_of(b, n)] || n->n > 1
		    || bsearch(&n->id, b->back, b->backs, sizeof n->id, by_number) != NULL)
			continue;
		if (place_of(b, n) != place)
			last = 0;
		place = place_of(b, n);
		if (n->id <= last)
			wrong("receiver %u.%u got message %llu after %llu", n->driver, n->instance,
			    (unsigned long long)n->id, (unsigned long long)last);
		last = n->id;
	}
}

/* judge_twice -- notes [from, to) are of one message: only killed receivers may have got it before the last did. */
static unsigned
judge_twice(const struct book *b, size_t from, size_t to, uint32_t *lost_by)
{
	const struct note *n = b->list;

	for (size_t i = from; i < to; i++) {
		if (n[i].id != n[from].id)
			wrong("message %u of sender %u has two ids", n[i].seq, n[i].sender);
		if (i + 1 == to)
			break;
		lost_by[place_of(b, &n[i])]++;
		if (!b->killed[place_of(b, &n[i])])
			wrong("message %llu was received twice: by %u.%u (try %u), which was not killed, and by %u.%u (try %u)",
			    (unsigned long long)n[i].id, n[i].driver, n[i].instance, n[i].n, n[i + 1].driver,
			    n[i + 1].instance, n[i + 1].n);
	}
	return (unsigned)(to - from - 1);
}

/* judge_run -- what became of a run of messages that one msend was given. */
static void
judge_run(const struct note *run, const uint64_t *id_of)
{
	const uint64_t *ids = id_of + (size_t)run->sender * (set.messages / set.senders) + run->seq;
	uint32_t got = run->n;

	if (run->killed)
		for (got = 0; got < run->n && ids[got] != 0; got++)
			continue;
	for (uint32_t i = 0; i < run->n; i++) {
		if (i < got && ids[i] == 0)
			wrong("LOST: message %u of sender %u, acknowledged by exit status 0", run->seq + i, run->sender);
		if (i >= got && ids[i] != 0)
			wrong("message %u of sender %u came, and %u before it did not", run->seq + i, run->sender,
			    run->seq + got);
	}
}

static void
judge_acks(const struct book *b, uint64_t *ids, size_t n)
{
	qsort(ids, n, sizeof *ids, by_number);
	for (size_t i = 1; i < n; i++)
		if (ids[i] == ids[i - 1])
			wrong("two messages have the id %llu", (unsigned long long)ids[i]);
	for (size_t i = 0; i < b->n; i++)
		if (b->list[i].kind == NOTE_ACK && bsearch(&b->list[i].id, ids, n, sizeof *ids, by_number) == NULL)
			wrong("LOST: message %llu, acknowledged by -v", (unsigned long long)b->list[i].id);
}

static void
judge(void)
{
	struct book b = { .back = calloc(1, sizeof *b.back) };
	unsigned share = set.messages / set.senders, twice = 0;
	uint64_t *id_of = calloc((size_t)share * set.senders + 1, sizeof *id_of), *ids, last = 0;
	uint32_t *lost_by;
	size_t n = 0, to;

	read_notes(&b);
	read_backs(&b);
	judge_order(&b);
	ids = calloc(b.n + 1, sizeof *ids);
	lost_by = calloc(b.instances + 1, sizeof *lost_by);
	qsort(b.list, b.n, sizeof *b.list, by_message);
	for (size_t i = 0; i < b.n; i = to) {
		const struct note *m = &b.list[i];

		to = i + 1;
		if (m->kind != NOTE_RECEIVED)
			continue;
		while (to < b.n && b.list[to].kind == NOTE_RECEIVED && b.list[to].sender == m->sender
		    && b.list[to].seq == m->seq)
			to++;
		twice += judge_twice(&b, i, to, lost_by);
		if (n > 0 && m->sender == b.list[i - 1].sender && m->id <= last)
			wrong("messages of sender %u are out of order: %u has id %llu, one before it %llu", m->sender, m->seq,
			    (unsigned long long)m->id, (unsigned long long)last);
		id_of[(size_t)m->sender * share + m->seq] = ids[n++] = last = m->id;
	}
	for (size_t i = 0; i < b.instances; i++)
		if (lost_by[i] > RUN_MAX)
			wrong("%u messages of one killed receiver came again, more than it can have had in hand", lost_by[i]);
	for (size_t i = 0; i < b.n; i++)
		if (b.list[i].kind == NOTE_RUN)
			judge_run(&b.list[i], id_of);
	judge_acks(&b, ids, n);
	printf("storm: %zu messages received of %u, %u more than once, %zu receivers ran, %u tools killed, %u stopped\n", n,
	    share * set.senders, twice, b.instances, shared->kills, shared->stops);
}

/* judge_box -- the mailbox is as small as it was. */
static void
judge_box(unsigned long before_kb)
{
	const char *const look[] = { "mrecv", "-w0.1", set.box, NULL };
	unsigned long kb = 0;
	unsigned segments = 0;
	struct dirent *e;
	struct stat st;
	DIR *d;

	if (finish(start(look, -1, -1, -1)) != 124)     /* who waits clears away what the dead have left */
		wrong("the mailbox is not empty in the end");
	d = opendir(set.box);
	if (d == NULL)
		die(set.box);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) == -1)
			continue;
		kb += (unsigned long)st.st_blocks / 2;
		if (strcmp(e->d_name, "ctl") == 0 || strcmp(e->d_name, "lock") == 0 || strcmp(e->d_name, "want") == 0)
			continue;
		if (strlen(e->d_name) < 20 + 4 || strspn(e->d_name, "0123456789") != 20
		    || (strcmp(e->d_name + strlen(e->d_name) - 4, ".log") != 0 && strcmp(e->d_name + 20, ".idx") != 0)
		    || segments++ == 2)
			wrong("the mailbox keeps a file %s", e->d_name);
	}
	closedir(d);
	if (kb > before_kb + SMALL_KB)
		wrong("the mailbox has %lu KB in the end, and had %lu", kb, before_kb);
	printf("storm: the mailbox has %lu KB in the end, and had %lu\n", kb, before_kb);
}

/* ---- all together ---- */

static void
on_end(int sig)
{
	static const char text[] = "storm: it does not come to an end\n";

	(void)sig;
	if (write(STDERR_FILENO, text, sizeof text - 1) == -1)
		_exit(1);
	kill(0, SIGKILL);
}

/* begin_driver -- in a child, or for the last receiver in ourselves. */
static void
begin_driver(unsigned number)
{
	struct sigaction action = { .sa_handler = on_alarm };
	char path[4096];

	driver = number;
	dice = mix(set.seed * 1000 + number);
	sigaction(SIGALRM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof path, "%s/notes.%u", set.dir, number);
	notes = fopen(path, "we");
	if (notes == NULL)
		die(path);
}

static pid_t
fork_driver(unsigned number)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid != 0)
		return pid;
	signal(SIGTERM, SIG_DFL);
	begin_driver(number);
	if (number < set.senders)
		send_all();
	else
		receive_all((number - set.senders) % WAYS);
	_exit(fclose(notes) == 0 ? 0 : 1);
}

static void
wait_for(const pid_t *pid, unsigned n)
{
	int status;

	for (unsigned i = 0; i < n; i++) {
		while (waitpid(pid[i], &status, 0) == -1 && errno == EINTR)
			continue;
		if (status != 0)
			wrong("a driver failed: wait status %d", status);
	}
}

/* storm -- run all, with the clock that ends it in a child of its own: SIGALRM is the drivers'. */
static void
storm(void)
{
	unsigned n = set.senders + set.receivers;
	pid_t *pid = calloc(n, sizeof *pid), watch;
	time_t began = time(NULL);

	watch = fork();
	if (watch == 0) {
		signal(SIGALRM, on_end);
		alarm(set.limit_s);
		for (;;)
			pause();
	}
	for (unsigned i = n; i-- > 0;)          /* receivers first: some wait from the start */
		pid[i] = fork_driver(i);
	wait_for(pid, set.senders);
	shared->sent = true;
	wait_for(pid + set.senders, n - set.senders);
	printf("storm: seed %llu, %ld seconds\n", (unsigned long long)set.seed, (long)(time(NULL) - began));
	begin_driver(n);
	if (!receive_run(0, 0) && set.kill_ms == 0)
		wrong("messages were left when all receivers had come to their end");
	fclose(notes);
	kill(watch, SIGKILL);
	while (waitpid(watch, NULL, 0) == -1 && errno == EINTR)
		continue;
	free(pid);
}

static void
options(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "+n:S:R:s:m:H:k:l:")) != -1) {
		unsigned value = optarg == NULL ? 0 : (unsigned)strtoul(optarg, NULL, 10);

		switch (opt) {
		case 'n': set.messages = value; break;
		case 'S': set.senders = value; break;
		case 'R': set.receivers = value; break;
		case 's': set.seed = value; break;
		case 'm': set.medium = value; break;
		case 'H': set.huge = value; break;
		case 'k': set.kill_ms = value; break;
		case 'l': set.limit_s = value; break;
		default: exit(64);
		}
	}
	if (optind == argc || set.senders == 0 || set.receivers == 0) {
		fprintf(stderr, "usage: storm [-n messages] [-S senders] [-R receivers] [-s seed] [-m n] [-H n] [-k ms] "
		    "[-l seconds] dir [mkmbox options]\n");
		exit(64);
	}
	set.dir = argv[optind];
	set.mkmbox = argv + optind + 1;
	for (char **p = set.mkmbox; *p != NULL && p[1] != NULL; p++)
		set.zero |= strcmp(*p, "-c") == 0 && strcmp(p[1], "0") == 0;
}

/* make_box -- make the mailbox.  Returns the blocks of its files in KB. */
static unsigned long
make_box(void)
{
	static const char *const files[] = { "ctl", "lock", "want" };
	static char box[4096];
	const char *argv[16] = { "mkmbox" };
	unsigned long kb = 0;
	struct stat st;
	int n = 1;

	snprintf(box, sizeof box, "%s/box", set.dir);
	set.box = box;
	for (char **p = set.mkmbox; *p != NULL && n < 14; p++)
		argv[n++] = *p;
	argv[n] = box;
	if (finish(start(argv, -1, -1, -1)) != 0) {
		fprintf(stderr, "storm: mkmbox failed\n");
		exit(1);
	}
	for (int i = 0; i < 3; i++) {
		char path[4200];

		snprintf(path, sizeof path, "%s/%s", box, files[i]);
		if (stat(path, &st) == 0)
			kb += (unsigned long)st.st_blocks / 2;
	}
	return kb;
}

int
main(int argc, char **argv)
{
	static char self[4096];
	unsigned long before_kb;
	unsigned kill_ms;

	if (argc == 4 && strcmp(argv[1], "-C") == 0)
		return command(argv[2], argv[3]);
	options(argc, argv);
	if (readlink("/proc/self/exe", self, sizeof self - 1) == -1)
		die("/proc/self/exe");
	set.self = self;
	setpgid(0, 0);
	signal(SIGTERM, on_end);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	kill_ms = set.kill_ms;
	set.kill_ms = 0;                /* mkmbox is left in peace */
	before_kb = make_box();
	set.kill_ms = kill_ms;
	storm();
	judge();
	judge_box(before_kb);
	if (shared->errors > 0)
		printf("storm: %u errors\n", shared->errors);
	return shared->errors > 0;
}
