/* SPDX-License-Identifier: ISC */
/*
 * batches -- between mlink(1) and an adapter that takes batches: a stream of frames comes in, and goes on in batches.
 *
 *     batches [-b N[:BYTES]] link-SCHEME out URL
 *     batches -w SECONDS command...                   for adapters: the command, ended where it takes longer
 *
 * The first batch is empty: it tells whether the engine is there, and so does one a minute while there is no message.
 * Another one is what is there by now, so that none waits for the next message.  It is acknowledged once the adapter has
 * exited with 0.  After 65 it is halved, until a single message is refused; any other status is ours.
 * A crash leaves what was in hand unacknowledged.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/num.h"
#include "base/outbuf.h"
#include "base/signals.h"
#include "base/splice.h"
#include "deliver/command.h"
#include "frame/tmpfile.h"
#include "link/adapter.h"
#include "link/intake.h"
#include "link/settled.h"

enum {
	MESSAGES = 10000,               /* in a batch, at most, where nothing else is said: an adapter's start has its price */
	MESSAGES_MOST = 100000,
	LINGER_MS = 2,                  /* a batch waits so long for one more */
	IDLE_MS = 60000,                /* after so long without a message the engine is looked for */
};

#define BYTES (UINT64_C(1) << 21)       /* in a batch, at most, but for its last message */
#define PAYLOAD (UINT64_C(1) << 29)     /* bytes of a message, which is in memory */

struct batch {
	char *const *command;
	uint64_t most, most_bytes;
	bool linked;                    /* a batch has come through */
	int file;                       /* the frames of the batch, */
	struct outbuf out;              /* and the way there */
	size_t n;
	uint64_t *ids, *ends;           /* of each: its number, where it ends in the file */
};

static struct intake in;

/* settle -- print an acknowledgement.  Returns 0, or the exit status. */
static int
settle(struct settled s)
{
	char line[SETTLED_MAX + 1];

	return io_write(STDOUT_FILENO, line, settled_line(line, s)) == -1 ? ADAPTER_LATER : 0;
}

/* unwritten -- errno says why the batch's file cannot be written.  Returns the exit status. */
static int
unwritten(void)
{
	adapter_say("a batch: %s", strerror(errno));
	return ADAPTER_LATER;
}

/* put -- add a message to the batch.  Returns 0, or -1. */
static int
put(struct batch *b, const struct message *m)
{
	char head[FRAME_HEADER_MAX];
	size_t len = message_head(head, m, m->len, false);

	if (len == 0)
		return -1;
	outbuf_bytes(&b->out, head, len);
	outbuf_bytes(&b->out, m->data, (size_t)m->len);
	outbuf_bytes(&b->out, "\n", 1);
	b->ids[b->n] = m->id;
	b->ends[b->n++] = outbuf_end(&b->out);
	return outbuf_result(&b->out);
}

/* collect -- wait for a message, and take those that follow it at once.  Returns 0, or the exit status. */
static int
collect(struct batch *b)
{
	struct pollfd polled = { .fd = STDIN_FILENO, .events = POLLIN };
	struct message m;
	int r;

	while (b->n < b->most && (b->n == 0 || b->ends[b->n - 1] < b->most_bytes)) {
		r = intake_next(&in, &m);
		if (r == 0 && in.ended)
			return 0;
		if (r == 0 && poll(&polled, 1, b->n > 0 ? LINGER_MS : IDLE_MS) == 0)
			return 0;
		if (r == -1) {
			adapter_say("a frame: %s", errno == EBADMSG ? in.reader.reason : strerror(errno));
			return errno == EBADMSG ? ADAPTER_REFUSED : ADAPTER_LATER;
		}
		if (r == 1 && m.data == NULL && m.len > 0) {
			adapter_say("message %llu is too large: %llu bytes", (unsigned long long)m.id, (unsigned long long)m.len);
			if (settle((struct settled){ .id = m.id, .refused = true }) != 0)
				return ADAPTER_LATER;
		} else if (r == 1 && put(b, &m) == -1) {
			return unwritten();
		}
	}
	return 0;
}

/* gather -- have the next batch in the file.  Returns 0, or the exit status. */
static int
gather(struct batch *b)
{
	int status;

	b->n = 0;
	outbuf_init(&b->out, b->file);
	if (ftruncate(b->file, 0) == -1 || lseek(b->file, 0, SEEK_SET) == -1)
		return unwritten();
	status = collect(b);
	return status == 0 && outbuf_flush(&b->out) == -1 ? unwritten() : status;
}

/* run -- give the messages from `from' to below `to' to the adapter.  Returns its exit status. */
static int
run(struct batch *b, size_t from, size_t to)
{
	const bool all = from == 0 && to == b->n;
	const int file = all ? b->file : tmpfile_part(b->file, from > 0 ? b->ends[from - 1] : 0, b->ends[to - 1]);
	int waited, status = ADAPTER_LATER;
	pid_t pid;

	if (file == -1 || lseek(file, 0, SEEK_SET) == -1
	    || command_start(&(struct command){ .argv = b->command, .channel = "", .in_fd = file, .out_fd = STDERR_FILENO },
		&pid) == -1) {
		adapter_say("%s: %s", b->command[0], strerror(errno));
	} else {
		while (waitpid(pid, &waited, 0) == -1 && errno == EINTR)
			;
		(void)command_ended(waited, &status);
	}
	if (!all)
		io_close(file);
	return status;
}

/* linked -- say so, once: the engine has taken a batch. */
static void
linked(struct batch *b)
{
	if (!b->linked)
		adapter_linked();
	b->linked = true;
}

/* deliver -- have the messages stored, or refused: what is refused is halved.  Returns 0, or the exit status. */
static int
deliver(struct batch *b)
{
	size_t from = 0, to = b->n;
	int status = 0;

	while (status == 0 && from < b->n) {
		status = run(b, from, to);
		if (status == 0) {
			linked(b);
			status = settle((struct settled){ .id = b->ids[to - 1], .before = true });
		} else if (status != ADAPTER_REFUSED) {
			return status;
		} else if (to - from > 1) {
			to = from + (to - from) / 2;
			status = 0;
			continue;
		} else {
			status = settle((struct settled){ .id = b->ids[from], .refused = true });
		}
		from = to;
		to = b->n;
	}
	return status;
}

/* look -- whether the engine is there, and set up: give the adapter a batch of no message.  Returns 0, or the exit status. */
static int
look(struct batch *b)
{
	int status = run(b, 0, 0);

	if (status == 0)
		linked(b);
	return status;
}

/* bounds -- N or N:BYTES, with K, M or G.  Returns 0, or -1. */
static int
bounds(struct batch *b, const char *text)
{
	const char *p = text, *end = text + strlen(text);
	unsigned shift;

	if (!num_scan(&p, end, &b->most) || b->most == 0)
		return -1;
	b->most = b->most < MESSAGES_MOST ? b->most : MESSAGES_MOST;
	if (*p == '\0')
		return 0;
	if (*p++ != ':' || !num_scan(&p, end, &b->most_bytes) || b->most_bytes == 0)
		return -1;
	shift = *p == 'K' ? 10 : *p == 'M' ? 20 : *p == 'G' ? 30 : 0;
	if (shift > 0 && b->most_bytes >> (63 - shift) != 0)
		return -1;
	b->most_bytes <<= shift;
	return p[shift > 0] == '\0' ? 0 : -1;
}

/*
 * within -- become a command that gets SECONDS, and one more for each 64 KiB of a file that it reads: then a signal ends
 * it.  Returns the exit status.  Source: alarm(2) and execve(2): the alarm stays.
 */
static int
within(char **argv)
{
	const char *p = argv[0];
	uint64_t seconds;
	struct stat st;

	if (p == NULL || !num_scan(&p, p + strlen(p), &seconds) || *p != '\0' || seconds == 0 || argv[1] == NULL)
		return ADAPTER_URL;
	if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		seconds += (uint64_t)st.st_size >> 16;
	signal(SIGALRM, SIG_DFL);
	alarm(seconds < INT32_MAX ? (unsigned)seconds : INT32_MAX);
	execvp(argv[1], argv + 1);
	adapter_say("%s: %s", argv[1], strerror(errno));
	return ADAPTER_SETUP;
}

int
main(int argc, char **argv)
{
	static struct batch b = { .most = MESSAGES, .most_bytes = BYTES };
	int status = 0;

	if (argc > 1 && strcmp(argv[1], "-w") == 0)
		return within(argv + 2);
	if (argc > 2 && strcmp(argv[1], "-b") == 0) {
		if (bounds(&b, argv[2]) == -1) {
			adapter_say("-b: '%s' is not N or N:BYTES", argv[2]);
			return ADAPTER_URL;
		}
		argv += 2;
		argc -= 2;
	}
	if (argc < 2) {
		adapter_say("usage: batches [-b N[:BYTES]] command [argument ...]");
		return ADAPTER_URL;
	}
	signals_ignore(SIGPIPE);
	signals_ignore(SIGXFSZ);
	b.command = argv + 1;
	b.ids = calloc((size_t)b.most, sizeof *b.ids);
	b.ends = calloc((size_t)b.most, sizeof *b.ends);
	b.file = tmpfile_open();
	if (b.ids == NULL || b.ends == NULL || b.file == -1)
		return unwritten();
	(void)splice_widen(STDIN_FILENO);       /* the next batch gathers there meanwhile */
	intake_init(&in, STDIN_FILENO, PAYLOAD);
	while (status == 0 && !in.ended) {
		if (b.n == 0)
			status = look(&b);
		if (status == 0)
			status = gather(&b);
		if (status == 0)
			status = deliver(&b);
	}
	return status;
}
