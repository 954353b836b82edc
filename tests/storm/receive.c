/* SPDX-License-Identifier: ISC */
/* receive: the drivers of receivers, each in a way of its own; what they write is held against what it must be. */
#include "storm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct in {
	int fd;
	bool lazy, dead;                /* dead: dead letters */
	unsigned wrong, wrong_sender, wrong_seq;        /* messages whose payload was not theirs; the last of them */
	bool holds;                     /* the next header line has been read: it is in held */
	char held[HEAD_MAX];
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

	if (i->holds) {
		i->holds = false;
		strcpy(line, i->held);
		return 1;
	}
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

/*
 * get_payload -- all chunks; line is the header line of the first.
 * Returns 1, 0 where the message is cut short by the next one's header line (by rendezvous by the end, too), or -1 where
 * the end comes too soon.
 */
static int
get_payload(struct in *i, char *line, uint64_t len, uint64_t key, bool *right)
{
	uint64_t at = 0, end;
	char *p;
	int got;

	for (;;) {
		if (strncmp(line, "M1 ", 3) != 0)
			return -1;
		end = at + strtoull(line + 3, &p, 10);
		if (!get_chunk(i, at, end, key, right))
			return -1;
		at = end;
		if (*p != '+')
			break;
		got = get_line(i, line);
		if (got != 1)
			return got == 0 && set.zero ? 0 : -1;
		if (strchr(line + 3, ' ') != NULL) {
			strcpy(i->held, line);
			i->holds = true;
			return 0;
		}
	}
	*right = *right && at == len;
	return 1;
}

static uint64_t
number_after(const char *line, const char *key)
{
	const char *p = strstr(line, key);

	return p == NULL ? 0 : strtoull(p + strlen(key), NULL, 10);
}

/* check_due -- a message that was sent for later has come, and not before its time. */
static void
check_due(const char *line, unsigned sender, unsigned seq)
{
	const char *due = strstr(line, " due=");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (due == NULL)
		wrong(TORN, "message %u of sender %u has lost its time", seq, sender);
	else if (strtod(due + 5, NULL) > (double)now.tv_sec + (double)now.tv_nsec / 1e9)
		wrong(DISORDER, "message %u of sender %u has come before its time: %.200s", seq, sender, line);
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
		wrong(TORN, "a header line that nobody sent: %.200s", line);
		return -1;
	}
	snprintf(must, sizeof must, "s%u", sender);
	if (strcmp(tag, tag_of(sender, seq)) != 0 || strcmp(source, must) != 0)
		wrong(TORN, "not the header line of message %u of sender %u: %.200s", seq, sender, line);
	if (delay_of(sender, seq) > 0 && !i->dead)
		check_due(line, sender, seq);
	id = number_after(line, i->dead ? " origin-id=" : " id=");
	try = number_after(line, i->dead ? " tries=" : " try=");
	r = get_payload(i, line, length_of(sender, seq), key_of(sender, seq), &right);
	if (r == -1)
		return -1;
	/* by rendezvous a sender that is killed leaves such a message, and its receiver goes on to the next */
	if (r == 0 && set.zero && set.kill_ms > 0 && right)
		return 1;
	if (r == 0 || !right) {
		i->wrong_sender = sender;
		i->wrong_seq = seq;
		i->wrong++;
		return 1;
	}
	note((struct note){ .kind = NOTE_RECEIVED, .instance = instance, .sender = sender, .seq = seq, .id = id,
	    .n = try > 0 ? (uint32_t)try : 1 });
	return 1;
}

/* The ways to receive, one after another for each driver. */
static const struct way {
	const char *args[6];
	const char *command;            /* what mrecv runs: ourselves, with this option; NULL: nothing */
	bool ordered, buries, lazy;
} ways[] = {
	{ { "-F", "-f", "-w2" }, NULL, true, false, false },
	{ { "-F", "-f", "-w2", "-ta*" }, NULL, true, false, false },
	{ { "-F", "-f", "-w2", "-Tb*" }, NULL, true, false, false },
	{ { "-F", "-c37", "-w2" }, NULL, true, false, false },
	{ { "-f", "-w2" }, "-P", true, false, false },
	{ { "-F", "-w2" }, NULL, true, false, false },
	{ { "-F", "-f", "-w2", "-tb1", "-t*" }, NULL, false, false, false },
	{ { "-F", "-f", "-w2", "-ss*" }, NULL, true, false, true },
	{ { "-f", "-w2", "-j3" }, "-P", false, true, false },
	{ { "-f", "-w2", "-b5" }, "-B", false, false, false },
};

_Static_assert(sizeof ways / sizeof ways[0] == WAYS, "WAYS");

/* make_argv -- the command line of a way. */
static void
make_argv(const struct way *way, const char **argv)
{
	static char seed[32], backs[PATH_LEN], tries[16];
	int n = 0;

	argv[n++] = "mrecv";
	for (int i = 0; i < 6 && way->args[i] != NULL; i++)
		if (!set.closes || strcmp(way->args[i], "-w2") != 0)
			argv[n++] = way->args[i];
	if (way->buries) {
		snprintf(tries, sizeof tries, "-k%d", TRIES);
		argv[n++] = tries;
		argv[n++] = "-d";
		argv[n++] = set.dead;
	}
	/* nothing is kept back for longer than the others wait */
	if (way->command != NULL)
		argv[n++] = "-B0.2:1";
	argv[n++] = set.box;
	if (way->command != NULL) {
		snprintf(seed, sizeof seed, "%llu", (unsigned long long)set.seed);
		snprintf(backs, sizeof backs, "%s/backs", set.dir);
		argv[n++] = "--";
		argv[n++] = set.self;
		argv[n++] = way->command;
		argv[n++] = seed;
		argv[n++] = backs;
	}
	argv[n] = NULL;
}

/* end_of -- with which status it ends when the mailbox is closed and nothing is left for it. */
static int
end_of(const struct way *way)
{
	return strcmp(way->args[0], "-f") == 0 || strcmp(way->args[1], "-f") == 0 ? 0 : 1;
}

/* received -- the end of a receiver: its status, -1 where it was killed; whole: what it wrote ended between messages. */
static void
received(const struct way *way, const struct in *in, int status, bool whole)
{
	bool killed = status == -1;

	/* of a message handed over, of unknown length, a command cannot tell the end from the death of mrecv */
	if (in->wrong > 0 && !(set.zero && way->command != NULL && killed && in->wrong <= (way->buries ? 3 : 1)))
		wrong(TORN, "not the payload of message %u of sender %u", in->wrong_seq, in->wrong_sender);
	if (!whole && !killed)
		wrong(TORN, "a receiver that was not killed wrote a torn message");
	if (status <= 0 || status == (set.closes ? end_of(way) : 124) || (way->command != NULL && (status == 1 || status == 75)))
		return;
	if (!(set.zero && status == 65))
		wrong(FAULTS_OTHER, "mrecv: status %d", status);
}

bool
receive_run(unsigned which, uint32_t instance)
{
	const struct way *way = &ways[which];
	static struct in in;
	const char *argv[20];
	int ends[2], r, status, got = 0;
	pid_t pid;

	make_argv(way, argv);
	if (pipe2(ends, O_CLOEXEC) == -1)
		die("pipe");
	pid = start(argv, -1, ends[1], ends[0]);
	close(ends[1]);
	in = (struct in){ .fd = ends[0], .lazy = way->lazy };
	while ((r = get_message(&in, instance)) == 1)
		got++;
	if (r == -1)            /* to its end, so that nobody is killed by us without our knowing */
		for (in.used = 0; pull(&in); in.used = 0)
			continue;
	close(ends[0]);
	status = finish(pid);
	received(way, &in, status, r == 0);
	note((struct note){ .kind = NOTE_RECEIVER, .killed = status == -1, .instance = instance, .ordered = way->ordered });
	if (set.closes && status == 0 && end_of(way) == 0 && !shared->sent)
		wrong(FAULTS_OTHER, "mrecv -f: status 0 before the mailbox was closed");
	return got == 0 && (set.closes ? status == end_of(way) : status > 0);
}

void
receive_all(unsigned which)
{
	bool sent;
	uint32_t instance = 0;

	do
		sent = shared->sent;    /* looked at before: what came in the meantime is not missed */
	while (!receive_run(which, instance++) || !sent);
}

void
receive_dead(uint32_t instance)
{
	const char *const argv[] = { "mrecv", "-aF", set.dead, NULL };
	static struct in in;
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1)
		die("pipe");
	pid = start(argv, -1, ends[1], ends[0]);
	close(ends[1]);
	in = (struct in){ .fd = ends[0], .dead = true };
	while ((r = get_message(&in, instance)) == 1)
		continue;
	close(ends[0]);
	if (finish(pid) > 1 || r == -1)
		wrong(TORN, "the dead letters do not come to their end");
	/* whoever buried it may have been killed before he could say that it was gone */
	note((struct note){ .kind = NOTE_RECEIVER, .killed = set.kill_ms > 0, .instance = instance });
}
